"""Layouts near one that does not divide: for a model, or a number of GPUs, that a profile was not made for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator

from preprocessing.errors import UsageError
from recipes.hardware import Layout
from recipes.shape import Shape
from tools.plan.configuration import Configuration

_WIDTHS = (1, 2, 4, 8)


def nearest(
    lay_out: Callable[[Layout], Configuration], wanted: Layout, free: Collection[str], shape: Shape, devices: int
) -> Configuration | None:
    """Return the configuration of the layout nearest to ``wanted`` that divides; None where there is none.

    Nearest is: fewer pieces a pipeline stage, then another number of stages, then of tensor and of context parallel
    ranks, each rather smaller than larger.

    Args:
        lay_out: makes the configuration of a layout, or raises UsageError.
        wanted: a layout that does not divide.
        free: of its sizes those that may change.
        shape: the model's.
        devices: of a node, which tensor parallelism does not leave.
    """
    for layout in _near(wanted, free, shape, devices):
        try:
            return lay_out(layout)
        except UsageError:
            continue
    return None


def _near(wanted: Layout, free: Collection[str], shape: Shape, devices: int) -> Iterator[Layout]:
    depths = [depth for depth in range(1, shape.layers + 1) if shape.layers % depth == 0]
    sizes = (
        _around(wanted, "context_parallel", free, _WIDTHS),
        _around(wanted, "tensor_parallel", free, [width for width in _WIDTHS if width <= devices]),
        _around(wanted, "pipeline_parallel", free, depths),
        _pieces(wanted, free),
    )
    for context, tensor, depth, pieces in itertools.product(*sizes):
        yield Layout(
            tensor_parallel=tensor,
            pipeline_parallel=depth,
            virtual_pipeline=pieces if depth > 1 or "virtual_pipeline" not in free else None,
            context_parallel=context,
            sequence_parallel=wanted.sequence_parallel if tensor == wanted.tensor_parallel else tensor > 1,
            optimizer=wanted.optimizer,
            recompute=wanted.recompute,
        )


def _around(wanted: Layout, name: str, free: Collection[str], values: Collection[int]) -> list[int]:
    now: int = getattr(wanted, name)
    if name not in free:
        return [now]
    return sorted({now, *values}, key=lambda value: (value > now, abs(value - now)))


def _pieces(wanted: Layout, free: Collection[str]) -> list[int | None]:
    now = wanted.virtual_pipeline
    if now is None or "virtual_pipeline" not in free:
        return [now]
    return [*range(now, 1, -1), None]
