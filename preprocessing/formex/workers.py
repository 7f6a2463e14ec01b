"""Reading folders in batches, here or spread over processes, with bounded memory and in a fixed order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import xxhash

from preprocessing.document import LegalDocument
from preprocessing.formex.assemble import assemble
from preprocessing.formex.grouping import Unit, unit_of_file, units_of
from preprocessing.formex.inputs import Folder, Rejected, folders_of_archive, work_of
from preprocessing.formex.notices import Notice, notice_of_name, read_notice
from preprocessing.formex.parsed import ParsedFile
from preprocessing.formex.reader import read_file, warm_up
from preprocessing.formex.stores import DiskStore, Store, ZipStore, member_source, printable
from preprocessing.formex.xml import MAX_XML_BYTES, UnreadableError
from preprocessing.formex.zips import MAX_NESTED_MEMBERS, Archive, Member
from preprocessing.pool import WorkerDiedError, worker_pool

#: Bytes of one archive inside an archive, which is unpacked into memory; and of all that comes out of it.
MAX_NESTED_ARCHIVE_BYTES = 1 << 29
MAX_NESTED_TOTAL_BYTES = 1 << 32
# Archives inside archives inside archives: deeper is no known layout.
_MAX_NESTING = 3
# Folders travel to the workers in batches of about this size: small enough to share the work evenly.
_BATCH_BYTES = 2_000_000
_BATCH_FOLDERS = 256
# Batches handed out per worker: enough that none waits for more.
_BATCHES_IN_FLIGHT = 3

Batch = list[Folder | Rejected]
T = TypeVar("T")


@dataclass
class Found:
    """One document read, the root element of its main file, and a hash of its files' bytes."""

    document: LegalDocument
    root: str
    digest: int


def make_batches(items: Iterable[Folder | Rejected]) -> Iterator[Batch]:
    """Cut what is listed into batches, by size alone: the output must not depend on the number of workers."""
    batch: Batch = []
    size = 0
    for item in items:
        batch.append(item)
        size += item.size if isinstance(item, Folder) else 0
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_FOLDERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def run_batches(
    work: Callable[[Any], T], tasks: Iterable[tuple[Batch, Any]], workers: int, ahead: int | None = None
) -> Iterator[T]:
    """Yield ``work(task)`` for each batch's task, in order, done here or in ``workers`` processes.

    A batch that takes long holds up the order but not the other workers: they go up to ``ahead`` batches further
    (without end where it is None: then results must be small).

    Raises:
        WorkerDiedError: a worker process died; it says near which input.
    """
    if workers == 1:
        for _, task in tasks:
            yield work(task)
        return
    waiting: deque[tuple[str, Future[T]]] = deque()
    running: set[Future[T]] = set()
    warm_up()  # one compiles, if need be, and not each worker for itself
    try:
        with worker_pool(workers) as pool:
            for batch, task in tasks:
                future = pool.submit(work, task)
                waiting.append((_name_of(batch), future))
                running.add(future)
                while waiting and waiting[0][1].done():
                    yield waiting.popleft()[1].result()
                while len(running) >= workers * _BATCHES_IN_FLIGHT:
                    running = set(wait(running, return_when=FIRST_COMPLETED).not_done)
                while ahead is not None and len(waiting) >= ahead:
                    yield waiting.popleft()[1].result()
            while waiting:
                yield waiting.popleft()[1].result()
    except WorkerDiedError as error:
        near = next((name for name, future in waiting if not future.done() or future.exception()), "the end")
        raise WorkerDiedError(f"{error} (it was reading near {near})") from error


def _name_of(batch: Batch) -> str:
    return next((item.files[0].name for item in batch if isinstance(item, Folder)), "a rejected input")


@lru_cache(maxsize=2)
def _open_archive(path: str) -> Archive:
    return Archive.open(path)


class FolderReader:
    """Reads what was listed; ``bytes_read`` counts the XML, unpacked."""

    def __init__(self) -> None:
        self.bytes_read = 0
        self._nested_left = 0

    def read(self, item: Folder | Rejected) -> Iterator[Found | Rejected]:
        """Yield every document of one folder, or of an archive inside an archive, and what was rejected."""
        if isinstance(item, Rejected):
            yield item
        elif item.archive is None:
            yield from self._read_store(DiskStore(item.files), item)
        else:
            try:
                archive = _open_archive(item.archive)
            except UnreadableError as error:
                yield Rejected(printable(item.archive), str(error))
                return
            if item.nested:
                self._nested_left = MAX_NESTED_TOTAL_BYTES
                yield from self._read_nested(archive, item.archive, item.files[0], 1)
            else:
                yield from self._read_store(ZipStore(archive, item.files, item.archive), item)

    def _read_nested(self, outer: Archive, label: str, member: Member, depth: int) -> Iterator[Found | Rejected]:
        source = member_source(label, member.name)
        try:
            if depth > _MAX_NESTING:
                raise UnreadableError(f"nested too deep: more than {_MAX_NESTING} archives deep")
            self._take(member.size)
            archive = outer.nested(member, MAX_NESTED_ARCHIVE_BYTES)
            for item in folders_of_archive(archive, source, source, MAX_NESTED_MEMBERS):
                if isinstance(item, Rejected):
                    yield item
                elif item.nested:
                    yield from self._read_nested(archive, source, item.files[0], depth + 1)
                else:
                    self._take(item.size)
                    yield from self._read_store(ZipStore(archive, item.files, source), item)
        except UnreadableError as error:
            yield Rejected(source, str(error))

    def _take(self, size: int) -> None:
        """Count what is unpacked from one archive inside an archive, and stop where it is too much."""
        if size > self._nested_left:
            raise UnreadableError(f"zip bomb: unpacks to more than {MAX_NESTED_TOTAL_BYTES >> 30} GiB in all")
        self._nested_left -= size

    def _read_store(self, store: Store, folder: Folder) -> Iterator[Found | Rejected]:
        self.bytes_read += folder.size
        try:
            if folder.only and isinstance(store, DiskStore):
                units: list[Unit | Rejected] = [unit_of_file(store, folder.only)]
            else:
                units = list(units_of(store))
        except Exception as error:
            yield Rejected(store.source(folder.files[0].name), _unexpected(error))
            return
        notice, problems = _read_notice(folder)
        for unit in units:
            if isinstance(unit, Rejected):
                yield unit
            else:
                yield from _read_document(store, unit, notice, problems)
                if notice:  # it speaks of one document, and the act comes first
                    notice, problems = None, ["the work's notice speaks of another document of its folder"]


def _read_notice(folder: Folder) -> tuple[Notice | None, list[str]]:
    """Return what the metadata archive, or the archive's name, says of this work, and what is wrong with it."""
    if folder.notice is None:
        return notice_of_name(folder.archive or ""), []
    archive, member = folder.notice
    try:
        data = _open_archive(archive).read(member, MAX_XML_BYTES) if archive else DiskStore([member]).read(member.name)
        return read_notice(data, work_of(folder)), []
    except Exception as error:
        return None, [f"unreadable notice: {member.name}: {error}"]


def _read_document(store: Store, unit: Unit, notice: Notice | None, warnings: list[str]) -> Iterator[Found | Rejected]:
    """Read the files of one document; an unreadable annex leaves the document with a warning."""
    source = store.source(unit.files[0])
    files: list[ParsedFile] = []
    problems = warnings + [f"missing annex: {name} is named but not there" for name in unit.missing]
    digest = xxhash.xxh3_64()
    for name in unit.files:
        try:
            data = store.read(name)
            digest.update(data)
            files.append(read_file(data, first_note=files[-1].last_note + 1 if files else 1))
        except Exception as error:
            reason = str(error) if isinstance(error, UnreadableError) else _unexpected(error)
            yield Rejected(store.source(name), reason)
            if not files:
                why = f"its act is unreadable: {source}"
                yield from (Rejected(store.source(other), why) for other in unit.files[1:])
                return
            problems.append(f"unreadable annex: {name}: {reason}")
    try:
        document = assemble(files, unit.description, source, notice)
    except Exception as error:
        yield Rejected(source, _unexpected(error))
        return
    document.warnings += problems
    yield Found(document, files[0].root, digest.intdigest())


def _unexpected(error: Exception) -> str:
    """Give a reason for what no rule foresees: one strange file must not end a run over millions."""
    return f"unexpected structure: {type(error).__name__}: {error}"
