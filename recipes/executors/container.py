"""A container is waited for: how it ended, and Ctrl-C, which NeMo-Run would hear only after the container's end."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, StoppedError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Ending:
    """The experiment whose jobs a signal ends, and the signals that came."""

    experiment: Any = None
    came: list[int] = field(default_factory=list)

    def end(self) -> None:
        """Remove the containers that have been started."""
        for job in self.experiment.jobs if self.experiment else []:
            job.cancel(self.experiment._runner)

    def expect_success(self, jobs: Sequence[tuple[str, Any]]) -> None:
        """Look at how the jobs ended.

        Raises:
            KeyboardInterrupt: it was Ctrl-C that ended them.
            StoppedError: it was SIGTERM, or the run stopped early by itself.
            RecipeError: one ended otherwise than well.
        """
        if signal.SIGINT in self.came:
            raise KeyboardInterrupt
        if self.came:
            raise StoppedError("the container was ended; the same command goes on from its newest checkpoint")
        for name, job in jobs:
            status = _status(Path(job.executor.job_dir))
            if status == StoppedError.exit_status:
                raise StoppedError(f"{name} was stopped early; the same command goes on from its newest checkpoint")
            if status != 0:
                how = "without a status" if status is None else f"with status {status}"
                raise RecipeError(f"the container of {name} ended {how}; its log is in {job.executor.job_dir}")


def _status(folder: Path) -> int | None:
    """Return the exit status that NeMo-Run's command left there; its look at a container that goes may fail."""
    for path in folder.glob("status_*.out"):
        return int(json.loads(path.read_text(encoding="utf-8"))["exit_code"])
    return None


@contextlib.contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Within, the first Ctrl-C or SIGTERM removes the containers; the second does what it did before."""
    ending = Ending()

    def end(number: int, frame: object) -> None:
        ending.came.append(number)
        restore()
        ending.end()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield ending
    finally:
        restore()
