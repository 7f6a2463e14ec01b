"""Which NeMo checkpoints a folder holds, and which of them are whole.

Layout of a run: ``RUN/checkpoints/step=<n>/{weights,context,manifest.json}``; while NeMo writes one, an empty file
``step=<n>-unfinished`` stands beside it. Imported checkpoints are a single ``{weights,context}`` folder.
"""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

from preprocessing.errors import UsageError
from recipes.checkpoint_files import damage
from recipes.metrics import read_metrics

UNFINISHED_SUFFIX = "-unfinished"
SET_ASIDE = "set_aside"  # folder in a run's, of checkpoints that it does not go on from
BEST = "best"
# written last, and in this order, by Megatron's torch_dist format: with these three the tensors are all there
_PARTS = ("context/model.yaml", "weights/.metadata", "weights/metadata.json", "weights/common.pt")


def fault(folder: Path) -> str | None:
    """Say why ``folder`` is not one whole NeMo checkpoint; None where it is."""
    if folder.with_name(folder.name + UNFINISHED_SUFFIX).exists():
        return "it is unfinished: the run ended while it was being written"
    for part in _PARTS:
        if not (folder / part).is_file():
            return f"{part} is missing"
    return damage(folder)


def is_checkpoint(folder: Path) -> bool:
    """Whether ``folder`` is one whole NeMo checkpoint."""
    return fault(folder) is None


def step_of(checkpoint: Path) -> int:
    """The training step in a checkpoint's name (``...-step=120-...``); 0 where it has none."""
    found = re.search(r"step=(\d+)", checkpoint.name)
    return int(found.group(1)) if found else 0


def finished_checkpoints(run: Path) -> list[Path]:
    """All whole checkpoints of a run folder, oldest step first; of one step the '-last' comes last."""
    return [path for path in _candidates(run) if is_checkpoint(path)]


def faulty_checkpoints(run: Path) -> dict[Path, str]:
    """What a run folder holds by a checkpoint's name that is none, with the reason."""
    faults = {path: fault(path) for path in _candidates(run) if "step=" in path.name}
    return {path: reason for path, reason in faults.items() if reason}


def best_checkpoint(run: Path) -> Path | None:
    """The whole checkpoint of a run with the lowest validation loss; None where none was validated."""
    losses = {
        record["step"]: record["validation_loss"]
        for record in read_metrics(run)
        # of a NaN none is smaller, and none larger
        if isinstance(record.get("validation_loss"), float) and math.isfinite(record["validation_loss"])
    }
    validated = [path for path in finished_checkpoints(run) if step_of(path) in losses]
    return min(validated, key=lambda path: losses[step_of(path)], default=None)


def newest_checkpoint(source: Path) -> Path:
    """Return ``source`` if it is a checkpoint itself, else the newest whole one of the run folder ``source``.

    Raises:
        UsageError: there is none; unfinished and damaged ones are named.
    """
    if not source.is_dir():
        raise UsageError(f"no checkpoint folder at {source}")
    if is_checkpoint(source):
        return source
    finished = finished_checkpoints(source)
    if finished:
        return finished[-1]
    unfinished = sorted(path.name for path in source.rglob(f"*{UNFINISHED_SUFFIX}"))
    if unfinished:
        raise UsageError(f"{source} has no finished checkpoint, only unfinished ones: {', '.join(unfinished)}")
    if faults := faulty_checkpoints(source):
        named = ", ".join(f"{path.name} ({reason})" for path, reason in faults.items())
        raise UsageError(f"{source} has no whole checkpoint, only damaged ones: {named}")
    if (source / "weights").is_dir():
        raise UsageError(f"{source} is not a whole checkpoint: {fault(source)}")
    raise UsageError(f"{source} is not a NeMo checkpoint or run folder: it needs weights/ and context/")


def set_aside(run: Path, checkpoints: list[Path]) -> Path:
    """Move ``checkpoints`` of the folder ``run`` out of the way, each whole; return the folder they are in now."""
    place = run / SET_ASIDE / time.strftime("%Y%m%d-%H%M%S")
    for checkpoint in checkpoints:
        place.mkdir(parents=True, exist_ok=True)
        checkpoint.rename(place / checkpoint.name)
        checkpoint.with_name(checkpoint.name + UNFINISHED_SUFFIX).unlink(missing_ok=True)
    return place


def chosen_checkpoint(run: Path, choice: str) -> Path:
    """Return the whole checkpoint of ``run`` that ``choice`` names: a step, or ``best``.

    Raises:
        UsageError: there is no such one; those that are there are named.
    """
    finished = finished_checkpoints(run)
    if choice == BEST:
        if best := best_checkpoint(run):
            return best
        raise UsageError(f"no checkpoint of {run} has a validation loss; choose a step: {_steps(finished)}")
    if found := [path for path in finished if str(step_of(path)) == choice]:
        return found[-1]
    for path, reason in faulty_checkpoints(run).items():
        if str(step_of(path)) == choice:
            raise UsageError(f"{path} can't be used: {reason}; whole ones: {_steps(finished)}")
    raise UsageError(f"{run} has no checkpoint of step {choice}; it has: {_steps(finished)}")


def _steps(checkpoints: list[Path]) -> str:
    return ", ".join(str(step_of(path)) for path in checkpoints) or "none"


def _candidates(run: Path) -> list[Path]:
    folder = run / "checkpoints" if (run / "checkpoints").is_dir() else run
    found = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return sorted(found, key=lambda path: (step_of(path), path.name.endswith("-last")))
