"""``launch.py cpt`` and ``launch.py sft``: from settings and overrides to a run that is done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from recipes.checkpoints import finished_checkpoints, newest_checkpoint, step_of
from recipes.metrics import read_metrics
from recipes.quiet import import_nemo
from recipes.settings import Hardware, load_hardware, load_stage


@dataclass(frozen=True)
class RunSummary:
    """How a training run ended. Losses are mean cross-entropy a token; None where no step was done or validated."""

    stage: str
    folder: str
    checkpoint: str
    steps: int
    first_loss: float | None
    last_loss: float | None
    validation_loss: float | None
    seconds: float

    def text(self) -> str:
        """What a person sees at the end."""
        lines = [f"{self.stage}: {self.steps} steps in {self.folder}"]
        if self.first_loss is not None:
            lines.append(f"  training loss    {self.first_loss:.4f} -> {self.last_loss:.4f}")
        if self.validation_loss is not None:
            lines.append(f"  validation loss  {self.validation_loss:.4f}")
        lines.append(f"  checkpoint       {self.checkpoint}")
        lines.append(f"  next             python launch.py export {self.folder} --output DIR")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def train(
    stage_name: str,
    *,
    model: Path,
    data: Path,
    output: Path,
    hardware_name: str,
    config: Path | None = None,
    precision: str | None = None,
    overrides: Sequence[str] = (),
) -> RunSummary:
    """Compose a recipe (see :func:`compose`) and run it here. A run that was stopped goes on; a finished one is left.

    Raises:
        UsageError: a setting, override or input does not exist or fit this machine.
        RecipeError: the run failed.
    """
    check_devices(load_hardware(hardware_name))
    _check_data(stage_name, data)
    recipe = compose(
        stage_name,
        checkpoint=newest_checkpoint(model),
        data=data,
        output=output,
        hardware_name=hardware_name,
        config=config,
        precision=precision,
        overrides=overrides,
    )
    _require_precision(recipe)
    print(_short(stage_name, recipe), file=sys.stderr)
    return _run(stage_name, recipe, output)


def compose(
    stage_name: str,
    *,
    checkpoint: Path,
    data: Path,
    output: Path,
    hardware_name: str,
    config: Path | None = None,
    precision: str | None = None,
    overrides: Sequence[str] = (),
) -> Any:
    """Return the resolved recipe of ``stage_name`` (``cpt`` or ``sft``), a ``run.Partial``.

    Args:
        stage_name: which recipe.
        checkpoint: the NeMo checkpoint to start from. Where it is not there yet, a GPU recipe shows NeMo's own Llama
            3.1 70B in its place, so that it can be looked at anywhere; such a recipe does not run.
        data: ``blend.yaml`` for CPT, the folder of ``sft-data`` for SFT.
        output: the run's folder.
        hardware_name: a profile of ``nemo_configs/hardware``.
        config: the stage's YAML, by default ``nemo_configs/<stage>.yaml``.
        precision: instead of the hardware's own.
        overrides: NeMo-Run's dotted overrides.

    Raises:
        UsageError: a setting or override does not exist or fit.
    """
    stage = load_stage(stage_name, config)
    hardware = load_hardware(hardware_name)
    import_nemo()
    from nemo.collections import llm

    from recipes import cpt, sft
    from recipes import overrides as dotted

    recipe = {"cpt": cpt.recipe, "sft": sft.recipe}[stage_name](
        stage,
        hardware,
        checkpoint,
        data,
        output,
        precision_name=precision,
        stand_in=llm.Llama31Config70B if hardware.gpu else None,
    )
    return dotted.apply(recipe, overrides)


def check_devices(hardware: Hardware) -> None:
    """Refuse a profile that this machine has not the GPUs for.

    Raises:
        UsageError: says what is there, and how to rehearse without.
    """
    if not hardware.gpu:
        return
    import torch

    found = torch.cuda.device_count()
    if found < hardware.devices:
        raise UsageError(
            f"hardware '{hardware.name}' needs {hardware.devices} GPUs, this machine has {found}; rehearse on the CPU "
            "with --hardware cpu --config nemo_configs/quickstart.yaml, or look at the recipe with --dry-run"
        )


def _check_data(stage_name: str, data: Path) -> None:
    maker = {"cpt": "preprocess (its DIR/cpt/blend.yaml)", "sft": "sft-data"}[stage_name]
    if not data.exists():
        raise UsageError(f"no training data at {data}; make it with: python launch.py {maker}")


def _require_precision(recipe: Any) -> None:
    """Refuse here what the ranks would refuse after half a minute."""
    from recipes.precision import GpuCanCompute, precision, require

    for callback in recipe.trainer.callbacks:
        if callback.__fn_or_cls__ is GpuCanCompute:
            require(precision(callback.precision_name))


def _short(stage_name: str, recipe: Any) -> str:
    """The recipe in a few lines."""
    data = getattr(recipe.data, "blend", None) or recipe.data.source
    trainer, strategy, optimizer = recipe.trainer, recipe.trainer.strategy, recipe.optim.config
    model = recipe.model.config
    tokens = recipe.data.global_batch_size * recipe.data.seq_length
    lines = {
        "model": f"{model.num_layers} layers, hidden {model.hidden_size}, from {recipe.resume.restore_config.path}",
        "data": f"{data}, {recipe.data.global_batch_size} x {recipe.data.seq_length} tokens a step",
        "steps": f"{trainer.max_steps:,} ({trainer.max_steps * tokens / 1e6:,.1f} M tokens), "
        f"learning rate {optimizer.lr:g}, warm-up {recipe.optim.lr_scheduler.warmup_steps}",
        "devices": f"{trainer.num_nodes} x {trainer.devices} {trainer.accelerator}, "
        f"TP {strategy.tensor_model_parallel_size}, PP {strategy.pipeline_model_parallel_size}",
        "output": f"{recipe.log.ckpt.dirpath}, a checkpoint every {recipe.log.ckpt.every_n_train_steps} steps",
    }
    return "\n".join([stage_name, *(f"  {name:8} {text}" for name, text in lines.items())])


def _run(stage_name: str, recipe: Any, output: Path) -> RunSummary:
    from recipes.runner import run_recipe

    finished = finished_checkpoints(output)
    if finished and step_of(finished[-1]) >= recipe.trainer.max_steps:
        print(f"{output} has done its {recipe.trainer.max_steps} steps already", file=sys.stderr)
    else:
        if finished:
            print(f"going on from {finished[-1].name} in {output}", file=sys.stderr)
        run_recipe(recipe, stage_name, output)
    checkpoint = newest_checkpoint(output)
    records = read_metrics(output)
    steps = [record for record in records if "loss" in record]
    validations = [record["validation_loss"] for record in records if "validation_loss" in record]
    if step_of(checkpoint) < recipe.trainer.max_steps:
        raise RecipeError(f"the run ended early: {checkpoint} of {recipe.trainer.max_steps} steps")
    return RunSummary(
        stage=stage_name,
        folder=str(output),
        checkpoint=str(checkpoint),
        steps=step_of(checkpoint),
        first_loss=steps[0]["loss"] if steps else None,
        last_loss=steps[-1]["loss"] if steps else None,
        validation_loss=validations[-1] if validations else None,
        seconds=sum(record["seconds"] for record in steps),
    )
