"""What a run is asked to be: stage x model x hardware x precision x tuning, with the files behind each name read.

Imports neither torch nor NeMo.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from preprocessing.errors import UsageError, did_you_mean
from recipes.checkpoints import finished_checkpoints, is_checkpoint
from recipes.formats import AUTO, Format, best_format, format_named, require_chip
from recipes.hardware import ADAPTERS, FULL, Hardware, Layout, load_hardware
from recipes.settings import CONFIGS, STAGES, Adapters, Model, Stage, load_adapters, load_model, load_stage

DEFAULT_MODEL = "llama33_70b"


@dataclass(frozen=True)
class Request:
    """Everything that is chosen before a recipe is composed; see :func:`make_request`."""

    stage_name: str
    stage: Stage
    model: Model
    hardware: Hardware
    layout: Layout
    format: Format
    adapters: Adapters | None  # None: all parameters are trained
    checkpoint: Path
    data: Path
    folder: Path
    deadline: float | None = None  # Unix time after which the run stops with a checkpoint

    @property
    def packed(self) -> bool:
        """Whether several chats share a sequence: SFT on GPUs, where the stage's ``packed_chats`` says how many."""
        return self.stage_name == "sft" and self.hardware.gpu and self.stage.packed_chats is not None

    @property
    def tuning(self) -> str:
        """``full``, or the adapters' name."""
        return self.adapters.name if self.adapters else FULL


def make_request(
    stage_name: str,
    *,
    model: str = DEFAULT_MODEL,
    hardware: str | None = None,
    precision: str | None = None,
    final_precision: str | None = None,
    peft: str | None = None,
    checkpoint: Path | None = None,
    data: Path | None = None,
    folder: Path | None = None,
    config: Path | None = None,
    deadline: float | None = None,
) -> Request:
    """Read the settings behind the names.

    Args:
        stage_name: ``cpt``, ``cpt_fast`` or ``sft``.
        model: of ``nemo_configs/models``.
        hardware: a profile of ``nemo_configs/hardware`` or a name as ``2x8xh100``; by default the model's.
        precision: of :data:`recipes.formats.FORMATS`; by default (and as ``auto``) the fastest the hardware has.
        final_precision: instead of the stage's own.
        peft: of ``nemo_configs/adapters``; by default all parameters are trained.
        checkpoint: a NeMo checkpoint, or a run's folder, whose newest one is taken; by default the model's own, for SFT
            the one that CPT left. It need not be there yet, to look at a recipe.
        data: the blend file, or for SFT the folder of ``sft-data``; by default the model's.
        folder: the run's; by default ``runs/STAGE_MODEL``, with adapters ``runs/STAGE_MODEL_PEFT``.
        config: the stage's YAML; by default ``nemo_configs/<stage>.yaml``, or the model's own file.
        deadline: Unix time after which the run stops with a checkpoint.

    Raises:
        UsageError: a name is unknown, a file is wrong, or the choices do not go together.
    """
    if stage_name not in STAGES:
        raise UsageError(f"unknown stage '{stage_name}'.{did_you_mean(stage_name, STAGES)}")
    chosen = load_model(model)
    machine = load_hardware(hardware or chosen.hardware)
    choice = format_named(best_format(machine.chip) if precision in (None, AUTO) else str(precision))
    require_chip(choice, machine.chip)
    adapters = load_adapters(peft) if peft else None
    if config is None and chosen.stages:
        config = CONFIGS / chosen.stages
    stage = load_stage(stage_name, config)
    if final_precision:
        stage = dataclasses.replace(stage, final_precision=format_named(final_precision).name)
    name = "_".join(filter(None, (stage_name, model, peft)))
    return Request(
        stage_name=stage_name,
        stage=stage,
        model=chosen,
        hardware=machine,
        layout=machine.layout(model, ADAPTERS if adapters else FULL),
        format=choice,
        adapters=adapters,
        checkpoint=_newest(checkpoint or chosen.start_of(stage_name)),
        data=data or chosen.data_of(stage_name),
        folder=folder or Path("runs", name),
        deadline=deadline,
    )


def final_request(request: Request) -> Request | None:
    """Return ``request`` in its final precision; None where it has none of its own.

    Raises:
        UsageError: the hardware lacks it, or it holds weights in another type.
    """
    name = request.stage.final_precision
    if name is None or name == request.format.name:
        return None
    final = format_named(name)
    require_chip(final, request.hardware.chip)
    if (final.plugin is None) != (request.format.plugin is None):
        raise UsageError(
            f"final_precision {name} holds weights in another type than {request.format.name}: a checkpoint of one "
            "does not go on in the other"
        )
    return dataclasses.replace(request, format=final)


def switch_step(request: Request, steps: int) -> int:
    """Return after how many of ``steps`` the final precision takes over, at least 1 and before the last."""
    return min(max(1, round(steps * (1 - request.stage.final_share))), steps - 1)


def packed(request: Request) -> Request:
    """Return ``request`` with the batches that it has where several chats share a sequence: SFT on GPUs.

    As many chats a step as before, about ``packed_chats`` in a sequence. Other requests come back as they are.
    """
    if not request.packed:
        return request
    share = request.stage.packed_chats
    assert share is not None
    copies = request.hardware.world_size // request.layout.model_parallel
    batch = max(1, request.stage.global_batch_size // share // copies) * copies
    return dataclasses.replace(
        request, stage=dataclasses.replace(request.stage, global_batch_size=batch, micro_batch_size=1)
    )


def _newest(source: Path) -> Path:
    if is_checkpoint(source):
        return source
    finished = finished_checkpoints(source)
    return finished[-1] if finished else source
