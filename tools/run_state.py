"""A run's folder before it starts and after it ended: whose it is, what it goes on from, and how it ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, StoppedError, UsageError
from recipes.checkpoints import (
    BEST,
    chosen_checkpoint,
    fault,
    faulty_checkpoints,
    finished_checkpoints,
    is_checkpoint,
    newest_checkpoint,
    set_aside,
    step_of,
)
from recipes.request import Request


def check_start(request: Request, recipe: Any) -> None:
    """Refuse overrides that lead away from the folder of ``request``, or from the model of its checkpoint.

    Raises:
        UsageError: names the value, and the option that takes its place.
    """
    from recipes.model import assert_architecture

    checkpoints = request.folder / "checkpoints"
    for name, value, wanted, option in (
        ("log.ckpt.dirpath", recipe.log.ckpt.dirpath, checkpoints, "--output"),
        ("resume.resume_from_directory", recipe.resume.resume_from_directory, checkpoints, "--output"),
        ("resume.restore_config.path", recipe.resume.restore_config.path, request.checkpoint, "--checkpoint"),
    ):
        if Path(str(value)).resolve() != wanted.resolve():
            raise UsageError(f"{name}={value} can't be chosen apart from {wanted}; use {option}")
    try:
        assert_architecture(recipe.model.config, newest_checkpoint(request.checkpoint))
    except RecipeError as error:
        raise UsageError(f"{error}; leave out the overrides to model.config that say so") from error


def check_folder(request: Request, recipe: Any) -> dict[str, Any]:
    """Refuse ``request.folder`` where it holds another run; return the identity of this one.

    Raises:
        UsageError: it does.
    """
    from recipes.identity import check_same_run, identity

    now = identity(recipe, request.stage_name, request.data)
    check_same_run(request.folder, now)
    return now


def prepare_folder(
    request: Request, recipes: Sequence[Any], resume_from: str | None = None, *, first: bool = True
) -> None:
    """Get ``request.folder`` ready for ``recipes``, the phases of one run.

    It must be the same run's or a new one's, with room for its checkpoints, and stands at the wanted one after this.

    Checkpoints that are damaged, and those after the one that ``resume_from`` names, are moved to
    ``FOLDER/set_aside/`` and named. Of several nodes the ``first`` does this, once; nothing else may be at work in the
    folder then (:func:`recipes.run_guard.locked`).

    Raises:
        UsageError: it is another run's, its disk is too small, or there is no such checkpoint.
    """
    from recipes.disk import require_space
    from recipes.identity import check_layout, check_same_run, write_identity
    from recipes.stop import forget_stop

    folder, recipe = request.folder, recipes[-1]
    now = check_folder(request, recipe)
    if resume_from is not None and (resume_from == BEST or resume_from.isdigit()):
        if first:
            chosen = chosen_checkpoint(folder, resume_from)
            check_layout(folder, chosen, now)
            _go_back(folder, chosen)
    elif resume_from is not None:
        branch, origin = _branch(Path(resume_from), folder)
        check_same_run(origin, now)
        check_layout(origin, branch, now)
        for phase in recipes:
            phase.resume.branch_from = str(branch)
    elif newest := finished_checkpoints(folder)[-1:]:
        check_layout(folder, newest[0], now)
    if not first:
        return
    _pass_over(folder)
    finished = finished_checkpoints(folder)
    if not finished or step_of(finished[-1]) < recipe.trainer.max_steps:
        require_space(recipe, folder)
    forget_stop(folder)
    write_identity(folder, now)


def raise_if_stopped(folder: Path, steps: int) -> None:
    """Tell of a run in ``folder`` that stopped before its last of ``steps``.

    Raises:
        StoppedError: it was asked to, and did with a checkpoint.
    """
    from recipes.stop import stopped

    if found := stopped(folder):
        step, reason = found
        raise StoppedError(
            f"stopped early by {reason}, after step {step} of {steps}, with a checkpoint; the same command goes on"
        )


def _go_back(folder: Path, checkpoint: Path) -> None:
    later = [path for path in finished_checkpoints(folder) if step_of(path) > step_of(checkpoint)]
    if later:
        place = set_aside(folder, later)
        print(f"later checkpoints are set aside in {place}: {', '.join(path.name for path in later)}", file=sys.stderr)


def _branch(checkpoint: Path, folder: Path) -> tuple[Path, Path]:
    """Return ``checkpoint`` and the folder of the run that saved it."""
    from recipes.identity import FILE, run_of

    if not is_checkpoint(checkpoint):
        reason = fault(checkpoint) if checkpoint.is_dir() else "there is no such folder"
        raise UsageError(f"--resume-from {checkpoint} is no checkpoint, and neither a step nor '{BEST}': {reason}")
    if checkpoint.resolve().parent == (folder / "checkpoints").resolve():
        raise UsageError(f"{checkpoint} is one of this run's own: --resume-from {step_of(checkpoint)}")
    origin = run_of(checkpoint)
    if origin is None:
        raise UsageError(
            f"{checkpoint} is of no run (there is no {FILE} above it) that could be gone on with; --checkpoint "
            f"{checkpoint} starts from its weights"
        )
    if finished_checkpoints(folder):
        raise UsageError(
            f"{folder} has checkpoints of its own; to branch off {checkpoint}, choose another --output (to go on from "
            "its own newest, leave --resume-from out)"
        )
    return checkpoint.resolve(), origin


def _pass_over(folder: Path) -> None:
    """Name the checkpoints that are not whole, and move them out of the way."""
    faults = faulty_checkpoints(folder)
    if faults:
        place = set_aside(folder, list(faults))
        for path, reason in faults.items():
            print(f"{path} is passed over: {reason} (moved to {place})", file=sys.stderr)
