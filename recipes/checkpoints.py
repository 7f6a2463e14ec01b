"""Which NeMo checkpoints a folder holds, and which of them are whole.

Layout of a run: ``RUN/checkpoints/<name>-step=<n>...[-last]/{weights,context}``; while NeMo writes one, an empty file
``<name>-unfinished`` stands beside it. Imported checkpoints are a single ``{weights,context}`` folder.
"""

from __future__ import annotations

import re
from pathlib import Path

from preprocessing.errors import UsageError

UNFINISHED_SUFFIX = "-unfinished"
# written last, and in this order, by Megatron's torch_dist format: with these three the tensors are all there
_WEIGHT_FILES = (".metadata", "metadata.json", "common.pt")


def is_checkpoint(folder: Path) -> bool:
    """Whether ``folder`` is one whole NeMo checkpoint."""
    if folder.with_name(folder.name + UNFINISHED_SUFFIX).exists():
        return False
    return (folder / "context" / "model.yaml").is_file() and all(
        (folder / "weights" / name).is_file() for name in _WEIGHT_FILES
    )


def step_of(checkpoint: Path) -> int:
    """The training step in a checkpoint's name (``...-step=120-...``); 0 where it has none."""
    found = re.search(r"step=(\d+)", checkpoint.name)
    return int(found.group(1)) if found else 0


def finished_checkpoints(run: Path) -> list[Path]:
    """All whole checkpoints of a run folder, oldest step first; of one step the '-last' comes last."""
    folder = run / "checkpoints" if (run / "checkpoints").is_dir() else run
    found = [path for path in folder.iterdir() if path.is_dir() and is_checkpoint(path)] if folder.is_dir() else []
    return sorted(found, key=lambda path: (step_of(path), path.name.endswith("-last")))


def newest_checkpoint(source: Path) -> Path:
    """Return ``source`` if it is a checkpoint itself, else the newest whole one of the run folder ``source``.

    Raises:
        UsageError: there is none; unfinished ones are named.
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
    raise UsageError(f"{source} is not a NeMo checkpoint or run folder: it needs weights/ and context/")
