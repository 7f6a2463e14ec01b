"""Worker processes: they start clean, leave Ctrl-C to their parent, and never outlive it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from loky import ProcessPoolExecutor

from preprocessing.errors import RecipeError

# How soon a worker notices that its parent is gone, in seconds.
_PARENT_CHECK_INTERVAL = 0.5
# loky would replace a worker that grows by 300 MB, which one large file does without any leak.
_WORKER_ENVIRONMENT = {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e15"}


class WorkerDiedError(RecipeError):
    """A worker process was killed."""


@contextmanager
def worker_pool(
    workers: int, initializer: Callable[..., None] | None = None, initargs: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of ``workers`` processes, each of which runs ``initializer(*initargs)`` first.

    On leaving by an error (Ctrl-C too) the workers are killed, work in hand or not. The executor is loky's, not the
    standard library's, which before Python 3.12 waits without end when a worker dies while another is being started.
    Like "spawn" it starts fresh interpreters: a forked child would inherit threads that do not exist in it (Arrow's,
    gigatoken's) and wait for them.

    Raises:
        WorkerDiedError: a worker process died (most often: out of memory).
    """
    pool = ProcessPoolExecutor(
        workers, initializer=_start, initargs=(os.getpid(), initializer, initargs), env=_WORKER_ENVIRONMENT
    )
    finished = False
    try:
        yield pool
        finished = True
    except BrokenProcessPool as error:
        raise WorkerDiedError(
            "a worker process was killed, most often because memory ran out; run again with fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, kill_workers=not finished)


def _start(parent: int, initializer: Callable[..., None] | None, initargs: tuple[Any, ...]) -> None:
    # Ctrl-C is the main process's to handle: it lets the work in hand end and starts no more
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    if initializer is not None:
        initializer(*initargs)


def _die_with(parent: int) -> None:
    """A main process killed outright must not leave workers behind, waiting forever or writing into a next run."""
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_INTERVAL)
    os._exit(1)
