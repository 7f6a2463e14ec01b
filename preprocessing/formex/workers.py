"""Reading documents in batches, here or spread over processes, with bounded memory and in a fixed order."""

from __future__ import annotations

import io
import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import lru_cache

from preprocessing.document import LegalDocument
from preprocessing.formex.assemble import assemble
from preprocessing.formex.inputs import Rejected, Unit, units_of_zip
from preprocessing.formex.parsed import ParsedFile
from preprocessing.formex.reader import read_file
from preprocessing.formex.stores import MAX_NESTED_ARCHIVE_BYTES, DiskStore, Store, ZipStore
from preprocessing.formex.xml import UnreadableError
from preprocessing.pool import WorkerDiedError, worker_pool

# Documents travel to and from the workers in batches of about this size: small enough to share the work evenly.
_BATCH_BYTES = 2_000_000
_BATCH_UNITS = 64
# Batches handed out per worker before the oldest must be back: bounds the memory.
_BATCHES_IN_FLIGHT = 3
# Archives inside archives inside archives: deeper is no known layout.
_MAX_NESTING = 3

Outcome = LegalDocument | Rejected


def make_batches(units: Iterable[Unit | Rejected]) -> Iterator[list[Unit | Rejected]]:
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


# Bytes read, and each outcome with its JSON line (empty unless asked for).
Results = tuple[int, list[tuple[Outcome, str]]]


def read_batches(batches: Iterator[list[Unit | Rejected]], workers: int, as_json: bool) -> Iterator[Results]:
    """Read the batches here or in ``workers`` processes, giving the results in the order of the batches."""
    if workers == 1:
        for batch in batches:
            yield _read_batch(batch, as_json)
        return
    waiting: deque[tuple[list[Unit | Rejected], Future[Results]]] = deque()
    try:
        with worker_pool(workers) as pool:
            for batch in batches:
                waiting.append((batch, pool.submit(_read_batch, batch, as_json)))
                if len(waiting) >= workers * _BATCHES_IN_FLIGHT:
                    yield waiting[0][1].result()
                    waiting.popleft()
            while waiting:
                yield waiting[0][1].result()
                waiting.popleft()
    except WorkerDiedError as error:
        near = next((unit.files[0] for batch, _ in waiting for unit in batch if isinstance(unit, Unit)), "the end")
        raise WorkerDiedError(f"{error} (it was reading near {near})") from error


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
    except UnreadableError as error:
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
            raise UnreadableError(f"more than {_MAX_NESTING} archives deep")
        store = ZipStore(io.BytesIO(outer.read(member, MAX_NESTED_ARCHIVE_BYTES)), source)
    except UnreadableError as error:
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
    files: list[ParsedFile] = []
    problems = [f"missing annex: {name} is named but not there" for name in unit.missing]
    for name in unit.files:
        try:
            files.append(read_file(store.read(name), first_note=files[-1].last_note + 1 if files else 1))
        except Exception as error:
            reason = str(error) if isinstance(error, UnreadableError) else _unexpected(error)
            yield Rejected(store.source(name), reason)
            if not files:
                yield from (
                    Rejected(store.source(other), f"its act, {source}, is unreadable") for other in unit.files[1:]
                )
                return
            problems.append(f"unreadable annex: {name}: {reason}")
    try:
        document = assemble(files, unit.description, source)
    except Exception as error:
        yield Rejected(source, _unexpected(error))
        return
    document.warnings += problems
    yield document


def _unexpected(error: Exception) -> str:
    """Give a reason for what no rule foresees: one strange file must not end a run over millions."""
    return f"unexpected structure ({type(error).__name__}: {error})"
