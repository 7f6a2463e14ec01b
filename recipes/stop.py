"""Stopping a run in good time: after a signal, before a time limit, or when somebody asks; with a checkpoint.

The command that started the run ends with exit status 75 then (EX_TEMPFAIL of sysexits.h: try again), and the same
command goes on. A run is asked to stop by ``touch RUN/stop`` on any machine that sees its folder, by SIGTERM or SIGUSR1
to the command or to its rank 0, by ``--time-limit``, and under Slurm by the end of the allocation.
"""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from nemo.lightning.pytorch.callbacks import PreemptionCallback

from preprocessing.files import write_json

REQUEST = "stop"  # a file in the run's folder that asks it to stop
RECORD = "stopped.json"  # where the run says that it did
SLURM_END = "SLURM_JOB_END_TIME"  # Unix time, set by Slurm 22.05 and later
SLURM_RESERVE = 300.0  # seconds before the end of the allocation, for the checkpoint


class StopInTime(PreemptionCallback):
    """NeMo's PreemptionCallback, that also knows time limits and requests, and lets the run end as a finished one does.

    NeMo's own saves a checkpoint that is named as the last and leaves the process from within the step, so that no
    logger is closed. All ranks learn of a stop by its broadcast of rank 0's flag, in the same step.
    """

    def __init__(self, folder: str, deadline: Optional[float] = None) -> None:  # noqa: UP045 (for NeMo-Run)
        """``folder``: the run's. ``deadline``: Unix time after which the run stops, None for no limit."""
        super().__init__(sig=signal.SIGTERM)
        self.folder = folder
        self.deadline = deadline
        self._stopped = False

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Listen to SIGTERM (NeMo's part) and in the same way to SIGUSR1, which `sbatch --signal` is mostly given."""
        super().on_train_start(trainer, pl_module)
        signal.signal(signal.SIGUSR1, signal.getsignal(signal.SIGTERM))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save a checkpoint and end the run, where somebody or the time says so."""
        if self._stopped or trainer.global_step >= trainer.max_steps:
            return
        reason = self._reason() if trainer.is_global_zero else None
        self._interrupted = reason is not None
        if not self.interrupted:  # NeMo's broadcast: every rank asks, in every step
            return
        self._stopped = True
        trainer.checkpoint_callback.save(trainer)
        trainer.should_stop = True
        # Lightning would validate before it stops, which may take longer than there is
        trainer.fit_loop.epoch_loop._should_check_val_fx = lambda fetcher: False
        if trainer.is_global_zero:
            Path(self.folder, REQUEST).unlink(missing_ok=True)
            write_json(Path(self.folder, RECORD), {"step": trainer.global_step, "reason": reason})

    def _reason(self) -> str | None:
        if self._interrupted:
            return "a signal"
        if Path(self.folder, REQUEST).exists():
            return "a request"
        now = time.time()
        if self.deadline is not None and now >= self.deadline:
            return "the time limit"
        end = os.environ.get(SLURM_END, "")
        if end.isdigit() and now >= int(end) - SLURM_RESERVE:
            return "the end of the Slurm allocation"
        return None


def forget_stop(folder: Path) -> None:
    """Take away what an earlier run in ``folder`` left about stopping."""
    for name in (REQUEST, RECORD):
        (folder / name).unlink(missing_ok=True)


def stopped(folder: Path) -> tuple[int, str] | None:
    """Return the step and the reason of an early stop of the run in ``folder``, None where it did not stop early."""
    path = folder / RECORD
    if not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    return record["step"], record["reason"]


@contextlib.contextmanager
def signals_ask_to_stop(folder: Path) -> Iterator[None]:
    """While the block runs, SIGTERM and SIGUSR1 to this process ask the run in ``folder`` to stop with a checkpoint.

    torchrun, were it given the signal, would kill the ranks after 30 seconds: too soon for a large checkpoint.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def ask(number: int, frame: object) -> None:
        (folder / REQUEST).touch()
        print(
            f"{signal.Signals(number).name}: stopping after this step, with a checkpoint", file=sys.stderr, flush=True
        )

    previous = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
