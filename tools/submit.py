"""``cpt|cpt-fast|sft --executor slurm|docker|skypilot``: the same command, as a job of another machine."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from preprocessing.errors import UsageError
from recipes.checkpoints import BEST
from recipes.executors.jobs import Job, Submission, need_nemo_run
from recipes.executors.jobs import submit as submit_jobs
from recipes.executors.script import Place, shell_script
from recipes.executors.settings import Remote, Skypilot, Slurm
from recipes.request import Request
from tools.plan.gate import require_fit
from tools.train import Phase, compose_phases


@dataclass(frozen=True)
class TrainingJob:
    """What ``--executor`` made: the resolved recipe (of a dry run, where NeMo is installed) and the job."""

    recipe: str | None
    submission: Submission

    def text(self) -> str:
        """What a person sees."""
        return "\n".join(filter(None, (self.recipe, self.submission.text())))

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        return {"recipe": self.recipe, **self.submission.to_dict()}


def submit_training(
    request: Request,
    overrides: Sequence[str],
    options: Sequence[str],
    settings: Remote,
    *,
    force: bool = False,
    dry_run: bool = False,
) -> TrainingJob:
    """Submit ``launch.py STAGE OPTIONS`` as a job; with ``dry_run`` only show what would be.

    Where NeMo is installed the recipe is resolved here too, so that a wrong override is refused before it has waited in
    a queue. A model without checkpoint here, and without a stand-in, is resolved there alone.

    Args:
        request: what is to be trained; says how many nodes and GPUs the job asks for.
        overrides: NeMo-Run's dotted overrides; they are in ``options`` too.
        options: the command's arguments, as given.
        settings: of the executor.
        force: also what the plan says can't fit.
        dry_run: submit nothing.

    Raises:
        UsageError: an option, override or path is wrong, or NeMo-Run is not installed.
        RecipeError: the scheduler did not take the job, or the machine is out of reach.
    """
    need_nemo_run()
    from recipes.executors.build import docker_executor, skypilot_executor, slurm_executor

    hardware = request.hardware
    gpus = hardware.devices if hardware.gpu else 0
    phases = _resolved(request, overrides)
    require_fit(request, phases[0].recipe if phases else None, force=force or dry_run)
    recipe = "\n".join(repr(phase.recipe) for phase in phases) or None
    notes = ["watch:     sky queue; sky logs CLUSTER; sky down CLUSTER"] if isinstance(settings, Skypilot) else []
    if isinstance(settings, Slurm):
        training = settings.training
        if "--resume-from" in options:  # which would go back once more
            training = dataclasses.replace(training, retries=0)
            notes.append("note:      Slurm does not put this job back; go on by the command without --resume-from")
        executor = slurm_executor(settings, training, nodes=hardware.nodes, gpus=gpus)
    elif isinstance(settings, Skypilot):
        executor = skypilot_executor(settings, nodes=hardware.nodes, gpus=gpus, chip=hardware.chip)
    else:
        if hardware.nodes > 1:
            raise UsageError(f"docker is one machine; hardware '{hardware.name}' has {hardware.nodes} nodes")
        executor = docker_executor(settings)
    place = Place.of(settings)
    stage = request.stage_name.replace("_", "-")
    job = Job(name=stage, script=shell_script(settings, [stage, *options]), executor=executor)
    where = f"{settings.place}:" if isinstance(settings, Slurm) and settings.place else ""
    notes += [f"run:       {where}{place.path(request.folder)}  (console.log, metrics.jsonl, checkpoints)"]
    submission = submit_jobs(
        f"eurlex-{stage}",
        [job],
        settings,
        dry_run=dry_run,
        paths=[place.path(path) for path in (str(request.checkpoint), str(request.data), *_files(options))],
        written=[place.path(request.folder)],
        notes=notes,
    )
    return TrainingJob(recipe if dry_run else None, submission)


def _files(options: Sequence[str]) -> list[str]:
    """Return the files that options name: of --config, and of --resume-from what is no step of the run itself."""
    given = {name: value for name, value in pairwise(options) if name in ("--config", "--resume-from")}
    return [value for value in given.values() if not (value == BEST or value.isdigit())]


def _resolved(request: Request, overrides: Sequence[str]) -> list[Phase]:
    """Return the recipe's phases; [] where this machine can't resolve it."""
    if importlib.util.find_spec("nemo") is None or importlib.util.find_spec("megatron") is None:
        print("note: NeMo is not installed here; the recipe is resolved where the job runs", file=sys.stderr)
        return []
    if not request.checkpoint.exists() and request.model.stand_in is None:
        print(f"note: no {request.checkpoint} here; the recipe is resolved where the job runs", file=sys.stderr)
        return []
    return compose_phases(request, overrides)
