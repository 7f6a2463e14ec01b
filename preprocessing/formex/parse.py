"""Read FORMEX into LegalDocuments, one after the other or over many processes, and write them as JSON Lines.

    python launch.py parse ../shared/formex/gdpr --output gdpr.jsonl --workers 2

The output is the same whatever the number of workers. Only a few batches are in memory at any time.
"""

from __future__ import annotations

import io
import json
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from preprocessing.document import LegalDocument
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file
from preprocessing.formex.assemble import assemble
from preprocessing.formex.inputs import Rejected, Unit, discover, distinct_units, units_of_zip
from preprocessing.formex.reader import read_file
from preprocessing.formex.stores import MAX_NESTED_ARCHIVE_BYTES, DiskStore, Store, ZipStore
from preprocessing.formex.xml import Unreadable

# Documents travel to and from the workers in batches of about this size: small enough to share the work evenly.
_BATCH_BYTES = 2_000_000
_BATCH_UNITS = 64
# Batches handed out per worker before the oldest must be back: bounds the memory.
_BATCHES_IN_FLIGHT = 3
# Archives inside archives inside archives: deeper is no known layout.
_MAX_NESTING = 3

Outcome = LegalDocument | Rejected


@dataclass
class ParseSummary:
    """What a run read, by kind."""

    output: str
    rejected_output: str
    documents: int = 0
    rejected: int = 0
    with_celex: int = 0
    by_type: Counter[str] = field(default_factory=Counter)
    by_language: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    seconds: float = 0.0

    def add(self, document: LegalDocument) -> None:
        """Count one document."""
        self.documents += 1
        self.with_celex += bool(document.celex)
        self.by_type[document.document_type] += 1
        self.by_language[document.language or "unknown"] += 1
        self.warnings.update(warning.split(":")[0] for warning in document.warnings)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "output": self.output,
            "rejected_output": self.rejected_output,
            "documents": self.documents,
            "rejected": self.rejected,
            "with_celex": self.with_celex,
            "by_type": dict(self.by_type.most_common()),
            "by_language": dict(self.by_language.most_common()),
            "warnings": dict(self.warnings.most_common()),
            "bytes_read": self.bytes_read,
            "seconds": round(self.seconds, 3),
        }

    def text(self) -> str:
        """Return the summary as a person reads it."""

        def counts(counter: Counter[str]) -> str:
            return ", ".join(f"{name} {count:,}" for name, count in counter.most_common()) or "none"

        megabytes = self.bytes_read / 1e6
        rate = f"{megabytes / self.seconds:.1f} MB/s" if self.seconds else "no time"
        lines = [
            f"{self.documents:,} documents from {megabytes:,.1f} MB of FORMEX in {self.seconds:.1f} s ({rate})",
            f"  by type      {counts(self.by_type)}",
            f"  by language  {counts(self.by_language)}",
            f"  with CELEX   {self.with_celex / max(self.documents, 1):.1%}",
            f"  warnings     {counts(self.warnings)}",
            f"  written to   {self.output}",
        ]
        if self.rejected:
            lines.append(f"  rejected     {self.rejected:,} inputs, with reasons in {self.rejected_output}")
        return "\n".join(lines)


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
        for outcome, _ in _outcomes(paths, workers, on_progress, as_json=False):
            if isinstance(outcome, Rejected):
                first = first or outcome
            else:
                documents += 1
            yield outcome
        if not documents:
            raise _nothing_read(paths, first)

    return stream()


def parse_to_json_lines(
    paths: Sequence[Path], output: Path, workers: int = 1, on_progress: Callable[[int], None] | None = None
) -> ParseSummary:
    """Write every document under ``paths`` to ``output`` and every rejected input to its ``.rejected.jsonl``.

    Both files appear only when they are complete. Where nothing was readable, only the second one is written.

    Raises:
        UsageError, RecipeError: as :func:`read_documents`; also RecipeError when the output cannot be written.
    """
    _check(paths, workers)
    rejected_output = output.with_suffix(".rejected.jsonl")
    summary = ParseSummary(str(output), str(rejected_output))
    first: Rejected | None = None
    started = time.monotonic()

    def count(size: int) -> None:
        summary.bytes_read += size
        if on_progress:
            on_progress(size)

    try:
        with atomic_file(rejected_output) as rejections:
            try:
                with atomic_file(output) as documents:
                    for outcome, line in _outcomes(paths, workers, count, as_json=True):
                        if isinstance(outcome, Rejected):
                            first = first or outcome
                            summary.rejected += 1
                            row = {"source": outcome.source, "reason": outcome.reason}
                            rejections.write(json.dumps(row, ensure_ascii=False) + "\n")
                        else:
                            summary.add(outcome)
                            documents.write(line)
                    if not summary.documents:
                        raise _nothing_read(paths, first)
            except RecipeError as error:
                failure: RecipeError | None = error
            else:
                failure = None
    except OSError as error:
        raise RecipeError(f"cannot write {output}: {error.strerror or error}") from error
    if failure:
        raise failure
    summary.seconds = time.monotonic() - started
    return summary


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
    why = (
        f" First of what was rejected: {first.source}: {first.reason}." if first else " It holds no .xml or .zip file."
    )
    return RecipeError(f"no FORMEX document could be read from {where}.{why}")


def _outcomes(
    paths: Sequence[Path], workers: int, on_progress: Callable[[int], None] | None, as_json: bool
) -> Iterator[tuple[Outcome, str]]:
    units: Iterable[Unit | Rejected] = (unit for path in paths for unit in discover(path))
    if len(paths) > 1:
        units = distinct_units(units)
    for size, results in _run(_batches(units), workers, as_json):
        if on_progress:
            on_progress(size)
        yield from results


def _batches(units: Iterable[Unit | Rejected]) -> Iterator[list[Unit | Rejected]]:
    batch: list[Unit | Rejected] = []
    size = 0
    for unit in units:
        batch.append(unit)
        size += unit.size if isinstance(unit, Unit) else 0
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_UNITS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


Results = tuple[int, list[tuple[Outcome, str]]]


def _run(batches: Iterator[list[Unit | Rejected]], workers: int, as_json: bool) -> Iterator[Results]:
    """Read the batches here or in ``workers`` processes, giving the results in the order of the batches."""
    if workers == 1:
        for batch in batches:
            yield _read_batch(batch, as_json)
        return
    waiting: deque[tuple[list[Unit | Rejected], Future[Results]]] = deque()
    pool = ProcessPoolExecutor(workers, initializer=_leave_interrupts_to_the_parent)
    try:
        for batch in batches:
            waiting.append((batch, pool.submit(_read_batch, batch, as_json)))
            if len(waiting) >= workers * _BATCHES_IN_FLIGHT:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _result(batch: list[Unit | Rejected], future: Future[Results]) -> Results:
    try:
        return future.result()
    except BrokenProcessPool as error:
        near = next((unit.files[0] for unit in batch if isinstance(unit, Unit)), "the last input")
        raise RecipeError(
            f"a worker process was killed while reading near {near}, probably for want of memory; use fewer --workers"
        ) from error


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read_batch(batch: list[Unit | Rejected], as_json: bool) -> Results:
    """Read a batch; with ``as_json``, give documents as lines too, and spare the way back their bulk."""
    results: list[tuple[Outcome, str]] = []
    size = 0
    for unit in batch:
        if isinstance(unit, Rejected):
            results.append((unit, ""))
            continue
        size += unit.size
        for outcome in _read_unit(unit):
            if as_json and isinstance(outcome, LegalDocument):
                line = json.dumps(outcome.to_dict(), ensure_ascii=False) + "\n"
                results.append((_without_text(outcome), line))
            else:
                results.append((outcome, ""))
    return size, results


def _without_text(document: LegalDocument) -> LegalDocument:
    """What the summary counts, nothing else."""
    return LegalDocument(
        id=document.id,
        source=document.source,
        language=document.language,
        document_type=document.document_type,
        title="",
        text="",
        celex=document.celex,
        warnings=document.warnings,
    )


@lru_cache(maxsize=2)
def _open_archive(path: str) -> ZipStore:
    """Open an archive once per process: a dump's directory of members takes seconds to read."""
    return ZipStore(path, path)


def _read_unit(unit: Unit) -> Iterator[Outcome]:
    if unit.archive is None:
        yield from _read_document(DiskStore(), unit)
        return
    try:
        store = _open_archive(unit.archive)
    except Unreadable as error:
        yield Rejected(unit.archive, str(error))
        return
    if unit.nested:
        yield from _read_nested(store, unit.files[0], 1)
    else:
        yield from _read_document(store, unit)


def _read_nested(outer: ZipStore, member: str, depth: int) -> Iterator[Outcome]:
    source = outer.source(member)
    try:
        if depth > _MAX_NESTING:
            raise Unreadable(f"more than {_MAX_NESTING} archives deep")
        store = ZipStore(io.BytesIO(outer.read(member, MAX_NESTED_ARCHIVE_BYTES)), source)
    except Unreadable as error:
        yield Rejected(source, str(error))
        return
    for unit in units_of_zip(store, archive=None):
        if isinstance(unit, Rejected):
            yield unit
        elif unit.nested:
            yield from _read_nested(store, unit.files[0], depth + 1)
        else:
            yield from _read_document(store, unit)


def _read_document(store: Store, unit: Unit) -> Iterator[Outcome]:
    """Read the files of one document; an unreadable annex leaves the document with a warning."""
    source = store.source(unit.files[0])
    files = []
    problems = [f"missing annex: {name} is named but not there" for name in unit.missing]
    for name in unit.files:
        try:
            files.append(read_file(store.read(name), first_note=files[-1].last_note + 1 if files else 1))
        except Unreadable as error:
            yield Rejected(store.source(name), str(error))
            if not files:
                yield from (
                    Rejected(store.source(other), f"its act, {source}, is unreadable") for other in unit.files[1:]
                )
                return
            problems.append(f"unreadable annex: {name}: {error}")
    document = assemble(files, unit.description, source)
    document.warnings += problems
    yield document
