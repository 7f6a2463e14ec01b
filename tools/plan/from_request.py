"""From what a training command is asked for to the configuration that is planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError
from recipes.checkpoints import is_checkpoint
from recipes.formats import CPU
from recipes.gpus import GPUS, Gpu
from recipes.hardware import Layout, optimizer_of
from recipes.request import Request, packed
from recipes.settings import CONFIGS, Adapters, Model, checked
from recipes.shape import Shape, read_shape, shape_of
from tools.plan.configuration import Configuration


def configuration_of(
    request: Request,
    shape: Shape | None = None,
    gpu: Gpu | None = None,
    layout: Layout | None = None,
    **batches: int,
) -> Configuration:
    """Return the configuration that ``request`` trains.

    Args:
        request: from the same options as a training command.
        shape: of another model than the request's.
        gpu: another one than the hardware's chip.
        layout: another one than the profile's.
        batches: ``sequence_length``, ``micro_batch_size``, ``global_batch_size``, other ones than the stage's.

    Raises:
        UsageError: the model's sizes are not known, or the layout does not divide.
    """
    stage, hardware = packed(request).stage, request.hardware
    return Configuration(
        shape=shape or shape_of_request(request),
        layout=layout or request.layout,
        format=request.format,
        sequence_length=batches.get("sequence_length", stage.sequence_length),
        micro_batch_size=batches.get("micro_batch_size", stage.micro_batch_size),
        global_batch_size=batches.get("global_batch_size", stage.global_batch_size),
        gpu=gpu or (None if hardware.chip == CPU else GPUS[hardware.chip]),
        devices=hardware.devices,
        nodes=hardware.nodes,
        adapters=request.adapters,
        packed=request.packed,
    )


def shape_of_request(request: Request) -> Shape:
    """Return the sizes of the request's model: those of its checkpoint, else those that its file states.

    Raises:
        UsageError: neither is there.
    """
    if is_checkpoint(request.checkpoint):
        return read_shape(request.checkpoint)
    return stated_shape(request.model, request.checkpoint)


def stated_shape(model: Model, checkpoint: Path) -> Shape:
    """Return the sizes in ``nemo_configs/models/<name>.yaml``.

    Raises:
        UsageError: it has none.
    """
    path = CONFIGS / "models" / f"{model.name}.yaml"
    if model.shape is None:
        raise UsageError(f"no NeMo checkpoint at {checkpoint}, and {path} states no shape: import the checkpoint first")
    return checked(Shape, model.shape, path, "shape")


def configuration_of_recipe(request: Request, recipe: Any) -> Configuration:
    """Return the configuration of ``recipe`` (a ``run.Partial``), which overrides may have led away from ``request``.

    Raises:
        UsageError: the layout does not divide.
    """
    strategy, trainer, model, data = recipe.trainer.strategy, recipe.trainer, recipe.model.config, recipe.data
    layout = Layout(
        tensor_parallel=strategy.tensor_model_parallel_size,
        pipeline_parallel=strategy.pipeline_model_parallel_size,
        virtual_pipeline=strategy.virtual_pipeline_model_parallel_size,
        context_parallel=strategy.context_parallel_size,
        sequence_parallel=bool(strategy.sequence_parallel),
        optimizer=optimizer_of(recipe.optim.config),
        recompute=getattr(model, "recompute_granularity", None) or "none",
    )
    return Configuration(
        shape=shape_of(model),
        layout=layout,
        format=request.format,
        sequence_length=data.seq_length,
        micro_batch_size=data.micro_batch_size,
        global_batch_size=data.global_batch_size,
        gpu=GPUS[request.hardware.chip] if request.hardware.gpu else None,
        devices=int(trainer.devices),
        nodes=int(trainer.num_nodes),
        adapters=_adapters(request, getattr(recipe, "peft", None)),
        packed=bool(getattr(data, "packed", False)),
    )


def _adapters(request: Request, peft: Any) -> Adapters | None:
    """Those of the recipe, whose rank and places overrides may have changed."""
    if not peft:
        return None
    return Adapters(
        rank=peft.dim,
        alpha=peft.alpha,
        dropout=peft.dropout,
        layers=list(peft.target_modules),
        learning_rate_factor=request.adapters.learning_rate_factor if request.adapters else 1.0,
        name="dora" if "DoRA" in peft.__fn_or_cls__.__name__ else "lora",
    )
