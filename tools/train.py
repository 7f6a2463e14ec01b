"""``launch.py cpt``, ``cpt-fast`` and ``sft``: from settings and overrides to a run that is done."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from recipes.checkpoints import best_checkpoint, finished_checkpoints, newest_checkpoint, step_of
from recipes.formats import format_named
from recipes.hardware import Hardware
from recipes.metrics import read_metrics
from recipes.monitoring.console import number
from recipes.nodes import last_sign, this_node, told_to_others, wait_for_first
from recipes.quiet import import_nemo
from recipes.request import Request, final_request, switch_step
from tools.adapters import has_adapters
from tools.plan.gate import require_fit
from tools.run_state import check_folder, check_start, prepare_folder, raise_if_stopped


@dataclass(frozen=True)
class RunSummary:
    """How a training run ended. Losses are mean cross-entropy a token; None where nothing was done, or no number."""

    stage: str
    folder: str
    checkpoint: str
    steps: int
    first_loss: float | None
    last_loss: float | None
    validation_loss: float | None
    seconds: float
    best_checkpoint: str | None = None  # the one of the lowest validation loss
    report: str | None = None  # run_report.html

    def text(self) -> str:
        """What a person sees at the end."""
        lines = [f"{self.stage}: {self.steps} steps in {self.folder}"]
        if (self.first_loss, self.last_loss) != (None, None):
            lines.append(f"  training loss    {number(self.first_loss, '.4f')} -> {number(self.last_loss, '.4f')}")
        if self.validation_loss is not None:
            lines.append(f"  validation loss  {self.validation_loss:.4f}")
        lines.append(f"  checkpoint       {self.checkpoint}")
        if self.best_checkpoint and self.best_checkpoint != self.checkpoint:
            lines.append(f"  best validation  {self.best_checkpoint}")
        if self.report:
            lines.append(f"  report           {self.report}")
        lines.append(f"  next             python launch.py export {shlex.quote(str(self.folder))} --output DIR")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def train(
    request: Request, overrides: Sequence[str] = (), resume_from: str | None = None, *, force: bool = False
) -> RunSummary:
    """Compose the recipe of ``request`` and run it here. A run that was stopped goes on; a finished one is left.

    ``resume_from`` is a step, ``best``, or the path of another run's checkpoint; by default the newest is taken.
    ``force`` starts what the plan says can't fit.

    Raises:
        UsageError: a setting, override or input does not exist or fit this machine.
        StoppedError: the run was asked to stop, and did with a checkpoint.
        RecipeError: the run failed.
    """
    check_devices(request.hardware)
    _check_data(request)
    if has_adapters(newest_checkpoint(request.checkpoint)):
        raise UsageError(
            f"{request.checkpoint} holds adapters alone; merge them first: python launch.py export "
            f"{request.checkpoint} --output HF_FOLDER, then python launch.py import HF_FOLDER --output "
            "DIR, and --checkpoint DIR"
        )
    before = last_sign(request.folder)
    phases = compose_phases(request, overrides)
    check_start(request, phases[0].recipe)
    nodes = int(phases[0].recipe.trainer.num_nodes)
    node = this_node(nodes)
    require_fit(request, phases[0].recipe, force=force)
    for phase in phases:
        _require_precision(phase)
    from recipes.run_guard import COMMAND, locked

    with ExitStack() as stack:
        ready = stack.enter_context(told_to_others(request.folder)) if nodes > 1 and node == 0 else None
        if node == 0:
            stack.enter_context(locked(request.folder, COMMAND))
        else:
            wait_for_first(request.folder, before)
        phases = _prepared(request, overrides, phases, resume_from, first=node == 0)
        if ready:
            ready()
        print(_short(request, phases[-1].recipe), file=sys.stderr)
        for phase in phases:
            _run(request.stage_name, phase, request.folder)
    return _summary(request.stage_name, request.folder)


def _prepared(
    request: Request, overrides: Sequence[str], phases: list[Phase], resume_from: str | None, *, first: bool
) -> list[Phase]:
    """Get data and folder ready (the first of several nodes does), and return the phases as they follow from that."""
    from recipes.run_guard import locked

    # ranks may outlive their command for a moment, and those of `nemo llm` have none; rank 0 takes this lock over
    with locked(request.folder) if first else nullcontext():
        check_folder(request, phases[-1].recipe)
        if first:
            _prepare_data(phases[0].recipe)
        if request.stage.epochs is not None:
            phases = compose_phases(request, overrides)  # the number of steps follows from the chats that can be used
        prepare_folder(request, [phase.recipe for phase in phases], resume_from, first=first)
    return phases


@dataclass(frozen=True)
class Phase:
    """A recipe that trains up to step ``until``, in the precision ``precision``."""

    recipe: Any
    until: int
    precision: str


def compose_phases(request: Request, overrides: Sequence[str] = ()) -> list[Phase]:
    """Return the resolved recipe of ``request``; where it has a final precision, one for each of the two phases.

    Raises:
        UsageError: as :func:`compose`, or the final precision does not fit.
    """
    recipe = compose(request, overrides)
    from recipes.phases import stop_at

    steps = int(recipe.trainer.max_steps)
    final = final_request(request)
    if final is None or steps < 2:
        return [Phase(recipe, steps, request.format.name)]
    until = switch_step(request, steps)
    return [
        Phase(stop_at(recipe, until), until, request.format.name),
        Phase(compose(final, overrides), steps, final.format.name),
    ]


def compose(request: Request, overrides: Sequence[str] = ()) -> Any:
    """Return the resolved recipe of ``request``, a ``run.Partial``, with NeMo-Run's dotted ``overrides``.

    Where the checkpoint is not there yet, a recipe of a model that has one shows NeMo's own configuration class in its
    place, so that it can be looked at anywhere; such a recipe does not run.

    Raises:
        UsageError: a setting or override does not exist or fit, or the recipe could not run.
    """
    import_nemo()
    from recipes import cpt, sft
    from recipes import overrides as dotted
    from recipes.checks import check_recipe

    if request.stage_name != "sft":
        recipe = dotted.apply(cpt.recipe(request), overrides)
        check_recipe(recipe)
        return recipe
    composed = sft.recipe(request)
    planned = composed.trainer.max_steps
    recipe = dotted.apply(composed, overrides)
    check_recipe(recipe)
    steps = sft.steps_of(request, recipe.data)
    # with other batches the same epochs are other steps, unless an override says how many
    return recipe if steps == planned else dotted.apply(sft.recipe(request, steps), overrides)


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
            "with --model tiny (after `make quickstart`), or look at the recipe with --dry-run"
        )


def _check_data(request: Request) -> None:
    if not request.data.exists():
        maker = "sft-data" if request.stage_name == "sft" else f"preprocess (its DIR/cpt/{request.data.name})"
        raise UsageError(f"no training data at {request.data}; make it with: python launch.py {maker}")


def _prepare_data(recipe: Any) -> None:
    """Look at all the data here, before processes are started: what can't be trained on is refused in a sentence."""
    import fiddle as fdl

    fdl.build(recipe.data).prepare_data()


def _require_precision(phase: Phase) -> None:
    """Refuse here what the ranks would refuse after half a minute, or when the last steps begin."""
    from recipes.precision import require

    require(format_named(phase.precision))


def _short(request: Request, recipe: Any) -> str:
    """The recipe in a few lines."""
    trainer, strategy, optimizer = recipe.trainer, recipe.trainer.strategy, recipe.optim.config
    model = recipe.model.config
    tokens = recipe.data.global_batch_size * recipe.data.seq_length
    adapters = request.adapters
    lines = {
        "model": f"{model.num_layers} layers, hidden {model.hidden_size}, from {recipe.resume.restore_config.path}",
        "data": f"{request.data}, {recipe.data.global_batch_size} x {recipe.data.seq_length} tokens a step",
        "trained": f"{adapters.name} of rank {recipe.peft.dim}" if adapters else "all parameters",
        "steps": f"{trainer.max_steps:,} ({trainer.max_steps * tokens / 1e6:,.1f} M tokens), "
        f"learning rate {optimizer.lr:g}, warm-up {recipe.optim.lr_scheduler.warmup_steps}",
        "devices": f"{trainer.num_nodes} x {trainer.devices} {request.hardware.chip}, {_precision(request)}, "
        f"TP {strategy.tensor_model_parallel_size}, PP {strategy.pipeline_model_parallel_size}",
        "output": f"{recipe.log.ckpt.dirpath}, a checkpoint every {recipe.log.ckpt.every_n_train_steps} steps",
    }
    return "\n".join([request.stage_name, *(f"  {name:8} {text}" for name, text in lines.items())])


def _precision(request: Request) -> str:
    final = request.stage.final_precision
    if final in (None, request.format.name):
        return request.format.name
    return f"{request.format.name} (the last {request.stage.final_share:.0%} of the steps {final})"


def _run(stage_name: str, phase: Phase, output: Path) -> None:
    """Train up to the end of ``phase``; what is done of it already is not done again."""
    from recipes.runner import run_recipe

    finished = finished_checkpoints(output)
    done = step_of(finished[-1]) if finished else 0
    if done >= phase.until:
        print(f"{output} has done its {phase.until} steps in {phase.precision} already", file=sys.stderr)
        return
    if finished:
        print(f"going on from {finished[-1].name} in {output}, in {phase.precision}", file=sys.stderr)
    run_recipe(phase.recipe, stage_name, output)
    raise_if_stopped(output, phase.recipe.trainer.max_steps)
    checkpoint = newest_checkpoint(output)
    if step_of(checkpoint) < phase.until:
        raise RecipeError(f"the run ended early: {checkpoint} of {phase.until} steps")


def _summary(stage_name: str, output: Path) -> RunSummary:
    from recipes.monitoring.report import HTML

    checkpoint = newest_checkpoint(output)
    records = read_metrics(output)
    steps = [record for record in records if "loss" in record]
    validations = [record["validation_loss"] for record in records if "validation_loss" in record]
    best = best_checkpoint(output)
    report = output / HTML
    return RunSummary(
        stage=stage_name,
        folder=str(output),
        checkpoint=str(checkpoint),
        steps=step_of(checkpoint),
        first_loss=steps[0]["loss"] if steps else None,
        last_loss=steps[-1]["loss"] if steps else None,
        validation_loss=validations[-1] if validations else None,
        seconds=sum(record["seconds"] for record in steps),
        best_checkpoint=str(best) if best else None,
        report=str(report) if report.is_file() else None,
    )
