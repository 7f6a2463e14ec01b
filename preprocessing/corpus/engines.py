"""Where tasks run: here, in worker processes, or on an engine that a person has running already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

from preprocessing.pool import worker_pool

T = TypeVar("T")
R = TypeVar("R")

# A process takes about a second to start: less input than this is done sooner without it.
BYTES_PER_WORKER = 4_000_000
# Tasks handed out per worker: enough that none waits for its next one.
_AHEAD = 2


def run_tasks(
    function: Callable[[T], R], tasks: Sequence[T], workers: int, size: int, prepare: Callable[[], Any] | None = None
) -> Iterator[tuple[int, R]]:
    """Yield number and result of every task as they finish; ``size`` is what they read in all, in bytes.

    ``prepare`` is called here before any worker starts (to compile once what each of them would compile).

    Raises:
        WorkerDiedError: a worker process died (most often: out of memory).
    """
    workers = min(workers, len(tasks), 1 + size // BYTES_PER_WORKER)
    if workers <= 1:
        for number, task in enumerate(tasks):
            yield number, function(task)
        return
    if prepare:
        prepare()
    with worker_pool(workers) as pool:
        running: dict[Future[R], int] = {}
        for number, task in enumerate(tasks):
            running[pool.submit(function, task)] = number
            while len(running) >= workers * _AHEAD:
                yield from _finished(running)
        while running:
            yield from _finished(running)


def _finished(running: dict[Future[R], int]) -> Iterator[tuple[int, R]]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        yield running.pop(future), future.result()
