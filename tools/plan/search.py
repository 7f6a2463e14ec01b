"""All layouts of a model over the GPUs that there are, those that fit ranked by speed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from preprocessing.errors import UsageError
from recipes.formats import Format
from recipes.hardware import Layout
from tools.plan.coefficients import able, inputs_of
from tools.plan.configuration import Configuration
from tools.plan.memory import stage_memory
from tools.plan.speed import Time, step_time

MICRO_BATCHES = (1, 2, 4, 8)
_CONTEXTS = (1, 2, 4, 8)
_LEAST_TOKENS = 4096  # of a sequence on a GPU, from which on context parallelism is used in published runs
#: Share of the memory that a layout may take to be offered: a twentieth is left for what is only estimated.
MOST = 0.95
#: Ways to hold states and activations, the fastest and most exact first.
_FULL = ("adam", "precision-aware-bf16", "precision-aware")


@dataclass(frozen=True)
class Found:
    """A configuration that fits, with its time and the share of a GPU's memory that it takes."""

    configuration: Configuration
    time: Time
    share: float


@dataclass(frozen=True)
class Search:
    """``found`` is ranked, the fastest first; of ``tried`` layouts that divide, so many fit."""

    found: list[Found]
    tried: int


def search(
    base: Configuration, formats: list[Format] | None = None, micro_batches: Sequence[int] = MICRO_BATCHES
) -> Search:
    """Try every way to lay ``base`` over its GPUs, in each of ``formats`` (by default all that the GPU trains in).

    For each layout the optimizer that holds most, and activations without recomputation, are tried first; the first
    that fits is taken, as what saves memory costs time or exactness.

    Raises:
        UsageError: ``base`` has no GPU, or nothing is known of a format's speed.
    """
    if base.gpu is None:
        raise UsageError("a search needs a GPU")
    formats = able(base.gpu) if formats is None else formats
    for form in formats:
        inputs_of(form)
    found, tried = [], 0
    for form in formats:
        for layout, micro_batch in layouts(base, micro_batches):
            fitting, attempts = _first_that_fits(base, form, layout, micro_batch)
            tried += attempts
            if fitting:
                found.append(Found(fitting[0], step_time(fitting[0]), fitting[1]))
    # of layouts that are as fast as one another, the simpler one
    found.sort(key=lambda each: (-each.time.tokens_per_second, each.configuration.layout.context_parallel))
    return Search(found, tried)


def layouts(base: Configuration, micro_batches: Sequence[int] = MICRO_BATCHES) -> Iterator[tuple[Layout, int]]:
    """Every division of the GPUs among tensor, pipeline and context parallelism, with virtual stages and micro-batches.

    Tensor parallelism stays within a node, whose links are the fast ones. What does not divide is left to
    :class:`Configuration` to refuse.
    """
    shape, world = base.shape, base.world_size
    depths = [depth for depth in range(1, min(world, shape.layers) + 1) if shape.layers % depth == 0]
    for tensor in (1, 2, 4, 8):
        if tensor > base.devices or shape.groups % tensor:
            continue
        for context in _CONTEXTS:
            if context > 1 and base.sequence_length < context * _LEAST_TOKENS:
                continue
            for depth in depths:
                if world % (tensor * context * depth):
                    continue
                copies = world // (tensor * context * depth)
                per_stage = shape.layers // depth
                virtual = [pieces for pieces in range(2, per_stage + 1) if per_stage % pieces == 0] if depth > 1 else []
                for pieces in (None, *virtual):
                    for micro_batch in micro_batches:
                        if base.global_batch_size % (micro_batch * copies):
                            continue
                        yield (
                            Layout(
                                tensor_parallel=tensor,
                                pipeline_parallel=depth,
                                virtual_pipeline=pieces,
                                context_parallel=context,
                                sequence_parallel=tensor > 1,
                                optimizer="adam",
                                recompute="none",
                            ),
                            micro_batch,
                        )


def _first_that_fits(
    base: Configuration, form: Format, layout: Layout, micro_batch: int
) -> tuple[tuple[Configuration, float] | None, int]:
    """Return the first configuration that fits with its share of the memory, and how many were tried."""
    assert base.gpu is not None
    try:
        plain = dataclasses.replace(base, format=form, layout=layout, micro_batch_size=micro_batch)
        form.layers_in_bf16(base.shape.layers)
    except UsageError:
        return None, 0  # it does not divide, or NeMo has it not, however it is held
    attempts = 0
    for recompute in ("none", "full"):  # fused attention keeps no scores that selective recomputation could leave out
        for optimizer in ("adam",) if base.adapters else _FULL:
            held = dataclasses.replace(layout, recompute=recompute, optimizer=optimizer)
            candidate = dataclasses.replace(plain, layout=held)
            attempts += 1
            share = _peak(candidate) / base.gpu.memory
            if share <= MOST:
                return (candidate, share), attempts
    return None, attempts


def _peak(configuration: Configuration) -> float:
    """Bytes of the fullest stage, without looking at all of them.

    Stages between the first and the last hold alike, but for the layers that stay BF16 and for what is in flight, of
    which earlier ones have more: the first with so many BF16 layers stands for the others.
    """
    last = configuration.layout.pipeline_parallel - 1
    between: dict[int, int] = {}
    for number in range(1, last):
        between.setdefault(configuration.layers_in_bf16[number], number)
    return max(stage_memory(configuration, number).peak for number in {0, last, *between.values()})
