"""Where tasks run: here, in worker processes, or on an engine that a person has running already.

A task may run anywhere, any number of times: it reads and writes only files of its own, under the output folder, and
leaves a receipt. All an engine has to do is to call a function on each.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from preprocessing.corpus.facts import warm_up
from preprocessing.corpus.receipts import Receipt, read_receipt
from preprocessing.errors import UsageError
from preprocessing.pool import worker_pool
from preprocessing.processors import processors
from preprocessing.progress import progress

T = TypeVar("T")
R = TypeVar("R")

# A process takes about a second to start: less input than this is done sooner without it.
BYTES_PER_WORKER = 4_000_000
# Tasks handed out per worker: enough that none waits for its next one.
AHEAD = 2


class Engine(Protocol):
    """Calls functions on tasks."""

    def run(
        self, function: Callable[[T], R], tasks: Sequence[T], size: int, prepare: Callable[[], Any] | None = None
    ) -> Generator[tuple[int, R], None, None]:
        """Yield number and result of every task as they finish; ``size`` is what they read in all, in bytes.

        ``prepare`` is called here before any worker starts (to compile once what each of them would compile). What a
        task raises is raised here, as it is. Closing the generator stops the tasks in hand.

        Raises:
            WorkerDiedError: a worker process died (most often: out of memory).
        """


@dataclass(frozen=True)
class Local:
    """Worker processes on this machine; by default one for each processor that this process may use."""

    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers must be at least 1, not {self.workers}")

    def run(
        self, function: Callable[[T], R], tasks: Sequence[T], size: int, prepare: Callable[[], Any] | None = None
    ) -> Generator[tuple[int, R], None, None]:
        """As :class:`Engine` says; a single worker, or hardly any input, needs no process."""
        workers = min(self.workers or processors(), len(tasks), 1 + size // BYTES_PER_WORKER)
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
                while len(running) >= workers * AHEAD:
                    yield from _finished(running)
            while running:
                yield from _finished(running)


def run_stage(
    engine: Engine, function: Callable[[Any], Receipt], tasks: Sequence[Any], what: str, sizes: Sequence[int], unit: str
) -> list[Receipt]:
    """Do the tasks of a stage, with a progress bar of ``sizes``; return their receipts in order.

    Those that have a receipt are done at once: they only look whether their files still hold what it says.
    """
    receipts: dict[int, Receipt] = {}
    missing = sum(task.size for task in tasks if read_receipt(task.receipt, task.key) is None)
    # closed at once after an error or Ctrl-C: the traceback would keep the generator, and its workers, alive
    with (
        progress(what=what, total=sum(sizes), unit=unit) as bar,
        closing(engine.run(function, tasks, missing, warm_up)) as results,
    ):
        for number, receipt in results:
            receipts[number] = receipt
            bar.update(sizes[number])
    return [receipts[number] for number in range(len(tasks))]


def _finished(running: dict[Future[R], int]) -> Iterator[tuple[int, R]]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        yield running.pop(future), future.result()
