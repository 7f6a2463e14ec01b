"""One run in a folder at a time, and no rank that outlives the command that started it."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import contextlib
import errno
import fcntl
import functools
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from lightning.pytorch.callbacks import Callback

from preprocessing.errors import RecipeError

LAUNCHER_VARIABLE = "EURLEX_LAUNCHER_PID"
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)  # Lustre with `noflock`, NFS without its lock manager
RANKS, COMMAND = "run.lock", "command.lock"
_PATIENCE = 20.0  # seconds that a new run waits for the ranks of a killed one to notice and go


class RunGuard(Callback):
    """Locks the run's folder, and ends this rank when its launcher is gone.

    A launcher killed with SIGKILL can't stop its ranks; they would train on unseen, beside the run that is started
    in their place.
    """

    def __init__(self, folder: str) -> None:
        """``folder``: the run's folder."""
        self.folder = folder
        self._lock: Optional[int] = None  # noqa: UP045 (for NeMo-Run)

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Take the lock on rank 0; raises RecipeError when another run holds it."""
        launcher = os.environ.get(LAUNCHER_VARIABLE)
        if launcher:
            threading.Thread(target=_end_with, args=(int(launcher),), daemon=True).start()
        if trainer.is_global_zero:
            # kept open, and so locked, until the run or the process ends
            self._lock = lock_folder(Path(self.folder))
            os.set_inheritable(self._lock, False)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def lock_folder(folder: Path, name: str = RANKS) -> int:
    """Lock ``folder`` for this process; return the open file descriptor that holds the lock.

    ``name``: :data:`RANKS`, held by rank 0 while the ranks are there, or :data:`COMMAND`, held by the command that
    starts them.

    Raises:
        RecipeError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                owner = os.read(descriptor, 32).decode() or "unknown"
                os.close(descriptor)
                raise RecipeError(
                    f"another run is training in {folder} (process {owner}); wait for it, stop it, or choose "
                    "another --output"
                ) from None
            time.sleep(0.2)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
            _tell_that_nothing_locks(folder, error.strerror)
            return descriptor
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            return descriptor


@functools.cache  # once a process
def _tell_that_nothing_locks(folder: Path, reason: str) -> None:
    print(
        f"{folder} is on a file system without locks ({reason}): nothing keeps a second run out of it", file=sys.stderr
    )


@contextlib.contextmanager
def locked(folder: Path, name: str = RANKS) -> Iterator[None]:
    """Keep ``folder`` locked while the block runs; raises as :func:`lock_folder`."""
    descriptor = lock_folder(folder, name)
    try:
        yield
    finally:
        # closing alone would leave it to processes that were forked meanwhile
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _end_with(launcher: int) -> None:
    while True:
        try:
            os.kill(launcher, 0)
        except ProcessLookupError:
            os._exit(1)
        time.sleep(0.5)
