"""Worker processes: they start clean, leave Ctrl-C to their parent, and never outlive it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from preprocessing.errors import RecipeError


@contextmanager
def worker_pool(
    workers: int, initializer: Callable[..., None] | None = None, initargs: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of ``workers`` processes, each of which runs ``initializer(*initargs)`` first.

    On leaving, work in hand is ended and the rest dropped.

    Raises:
        RecipeError: a worker process died (most often: out of memory).
    """
    # spawn: a forked child would inherit threads that do not exist in it (Arrow's, gigatoken's) and wait for them
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_start, initargs=(initializer, initargs)
    )
    try:
        yield pool
    except BrokenProcessPool as error:
        raise RecipeError(
            "a worker process was killed, most often because memory ran out; run again with fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(initializer: Callable[..., None] | None, initargs: tuple[Any, ...]) -> None:
    # Ctrl-C is the main process's to handle: it lets the work in hand end and starts no more
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if initializer is not None:
        initializer(*initargs)


def _die_with_parent() -> None:
    """A main process killed outright must not leave workers behind, waiting forever or writing into a next run."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
