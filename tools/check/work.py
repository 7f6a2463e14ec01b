"""Many small tasks over all cores, one bar a stage; small jobs are done here, where no process has to start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypeVar

from preprocessing.pool import worker_pool
from preprocessing.progress import progress

T = TypeVar("T")
R = TypeVar("R")

# A process takes about a second to start: less is read sooner without it.
BYTES_WORTH_A_POOL = 200_000_000


class Crew:
    """Runs tasks in up to ``workers`` processes, started when a stage is large enough to need them."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._processes = ExitStack()
        self._pool: Any = None

    def __enter__(self) -> Crew:
        return self

    def run(self, what: str, work: Callable[[T], R], tasks: Sequence[T], sizes: Sequence[int]) -> list[R]:
        """Return ``work(task)`` for every task, in order; ``sizes`` (bytes) move the bar labelled ``what``.

        Raises:
            WorkerDiedError: a worker process died.
        """
        total = sum(sizes)
        if self._pool is None and self.workers > 1 and len(tasks) > 1 and total > BYTES_WORTH_A_POOL:
            self._pool = self._processes.enter_context(worker_pool(self.workers))
        results: dict[int, R] = {}
        with progress(what=what, total=total, unit="B") as bar:
            if self._pool is None:
                for number, task in enumerate(tasks):
                    results[number] = work(task)
                    bar.update(sizes[number])
            else:
                futures = {self._pool.submit(work, task): number for number, task in enumerate(tasks)}
                for future in as_completed(futures):
                    number = futures[future]
                    results[number] = future.result()
                    bar.update(sizes[number])
        return [results[number] for number in range(len(tasks))]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._processes.__exit__(kind, error, trace)
