"""Read FORMEX into LegalDocuments: as a stream for other code, or into one file over many processes.

    python launch.py parse ../shared/formex/gdpr --output gdpr.jsonl --workers 2

The output is the same whatever the number of workers. Memory is a few batches of documents, plus about 500 bytes for
every input file and 350 for every document.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from preprocessing.document import LegalDocument
from preprocessing.errors import RecipeError, UsageError
from preprocessing.formex.duplicates import Seen
from preprocessing.formex.inputs import Folder, Rejected, list_inputs
from preprocessing.formex.output import unfinished_output, write_part
from preprocessing.formex.summary import ParseSummary
from preprocessing.formex.workers import Batch, FolderReader, Found, make_batches, run_batches
from preprocessing.version import code_version

# Batches of whole documents that wait in memory for their turn, per worker.
_BATCHES_AHEAD = 4

Outcome = LegalDocument | Rejected


class Watcher(Protocol):
    """Who is told how a run goes."""

    def start(self, size: int, done: int) -> None:
        """Told once the inputs are listed: bytes in all, and those that an earlier run has read."""

    def step(self, size: int, documents: int) -> None:
        """Told of each batch: its bytes, and the documents so far."""

    def say(self, message: str) -> None:
        """Told what a person should know."""


class Nobody:
    """A watcher that looks away."""

    def start(self, size: int, done: int) -> None:
        """Do nothing."""

    def step(self, size: int, documents: int) -> None:
        """Do nothing."""

    def say(self, message: str) -> None:
        """Do nothing."""


def read_documents(
    paths: Sequence[Path], workers: int = 1, on_progress: Callable[[int], None] | None = None
) -> Iterator[Outcome]:
    """Yield every document under ``paths`` (files, folders, zip archives) and every input that could not be read.

    The order is that of the paths and of the names in them. ``on_progress`` is told how many bytes were read.

    Raises:
        UsageError: a path does not exist, or no path is given.
        RecipeError: nothing at all was readable (raised at the end).
    """
    _check(paths, workers)

    def stream() -> Iterator[Outcome]:
        documents = 0
        first: Rejected | None = None
        seen = Seen()
        tasks = ((batch, batch) for batch in make_batches(list_inputs(paths).items))
        for size, results in run_batches(_read_batch, tasks, workers, ahead=workers * _BATCHES_AHEAD):
            if on_progress:
                on_progress(size)
            for found in results:
                outcome = found if isinstance(found, Rejected) else seen.twin(found.digest, found.document.source)
                if isinstance(found, Found) and outcome is None:
                    documents += 1
                    warning = seen.warning(found.document.id)
                    found.document.warnings[:0] = [warning] if warning else []
                    yield found.document
                elif outcome is not None:
                    first = first or outcome
                    yield outcome
        if not documents:
            raise _nothing_read(paths, first)

    return stream()


def parse_to_file(
    paths: Sequence[Path], output: Path, workers: int = 1, *, overwrite: bool = False, watcher: Watcher | None = None
) -> ParseSummary:
    """Write every document under ``paths`` to ``output``, every rejected input to its ``.rejected.jsonl``.

    ``output`` is JSON Lines, or Parquet where its name ends in ``.parquet``. Both files appear only when they are
    complete; a run that is stopped is gone on with by the next call with the same inputs, unless ``overwrite``. Where
    nothing was readable, only the rejections are written.

    Raises:
        UsageError, RecipeError: as :func:`read_documents`; also RecipeError when the output cannot be written.
    """
    _check(paths, workers)
    if output.is_dir():
        raise UsageError(f"output {output} is a folder; name a file, for example {output / 'documents.jsonl'}")
    if output.suffix.lower() in (".xml", ".zip"):
        raise UsageError(f"output {output} is named like an input; name it .jsonl or .parquet")
    watcher = watcher or Nobody()
    rejected_output = output.with_suffix(".rejected.jsonl")
    summary = ParseSummary(str(output), str(rejected_output))
    started = time.monotonic()
    listing = list_inputs(paths)
    settings = {"inputs": listing.fingerprint, "version of this code": code_version("corpus", "instruct")}
    batches = list(make_batches(listing.items))
    sizes = [sum(item.size for item in batch if isinstance(item, Folder)) for batch in batches]
    try:
        with unfinished_output(output, summary, settings, overwrite, watcher.say) as growing:
            watcher.start(sum(sizes), sum(sizes[: growing.batches]))
            tasks = (
                (batches[number], (batches[number], growing.part(number)))
                for number in range(growing.batches, len(batches))
            )
            for receipt in run_batches(write_part, tasks, min(workers, max(1, len(batches) - growing.batches))):
                growing.append(receipt)
                watcher.step(sizes[growing.batches - 1], summary.documents)
            growing.publish(output, rejected_output)
    except OSError as error:
        raise RecipeError(
            f"cannot write {output}: {error.strerror or error}; once that is mended, the same command goes on from "
            "what is finished"
        ) from error
    if not summary.documents:
        raise _nothing_read(paths, growing.first_rejected)
    summary.seconds = time.monotonic() - started
    return summary


def _read_batch(batch: Batch) -> tuple[int, list[Found | Rejected]]:
    reader = FolderReader()
    results = [found for item in batch for found in reader.read(item)]
    return sum(item.size for item in batch if isinstance(item, Folder)), results


def _check(paths: Sequence[Path], workers: int) -> None:
    if not paths:
        raise UsageError("no input given: name a FORMEX file, a folder or a zip archive")
    if workers < 1:
        raise UsageError(f"--workers must be at least 1, not {workers}")
    for path in paths:
        if not path.exists():
            raise UsageError(f"no such file or folder: {path}")


def _nothing_read(paths: Sequence[Path], first: Rejected | None) -> RecipeError:
    where = ", ".join(str(path) for path in paths)
    why = f" First of what was rejected: {first.source}: {first.reason}." if first else ""
    return RecipeError(f"no FORMEX document could be read from {where}.{why}")
