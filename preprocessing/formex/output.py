"""The output of ``parse`` while it grows: workers write parts, one process joins them, a stopped run can go on.

Beside OUT lies the hidden folder ``.OUT.unfinished``. Each batch of input becomes a part file, written by the worker
that read it, so that the documents never pass through the one process that feeds all workers. That process appends
the parts to ``documents.jsonl`` in the order of the input and notes a receipt of each batch: what its documents are
and how many bytes they take. A receipt is written only when its documents are safely on the disk. The next run with
the same inputs and code reads the receipts, cuts off what has none, and goes on behind it; so the result is that of a
run that was never stopped, byte by byte.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson

from preprocessing.document import LegalDocument
from preprocessing.files import locked_folder, write_json
from preprocessing.formex.duplicates import Seen
from preprocessing.formex.inputs import Rejected
from preprocessing.formex.parquet import write_parquet
from preprocessing.formex.summary import ParseSummary, kind
from preprocessing.formex.workers import Batch, FolderReader

# How much work a killed run may lose.
_SYNC_SECONDS = 5.0
_COPY_BYTES = 4 << 20
# What file systems say that do not copy between files.
_CANNOT_COPY = (errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)

# A batch's receipt: bytes read, bytes written, and its outcomes in order: [source, reason], or
# [source, length of its line, digest, id, root, type, language, has CELEX, kinds of warnings].
Receipt = list[Any]


def write_part(task: tuple[Batch, Path]) -> Receipt:
    """Read one batch in a worker and write its documents as JSON Lines to a part file; return its receipt."""
    batch, path = task
    reader = FolderReader()
    outcomes: list[list[Any]] = []
    written = 0
    with path.open("wb") as part:
        for item in batch:
            for found in reader.read(item):
                if isinstance(found, Rejected):
                    outcomes.append([found.source, found.reason])
                    continue
                document = found.document
                line = json_line(document)
                part.write(line)
                written += len(line)
                outcomes.append(
                    [
                        document.source,
                        len(line),
                        found.digest,
                        document.id,
                        found.root,
                        document.document_type,
                        document.language,
                        bool(document.celex),
                        [kind(warning) for warning in document.warnings],
                    ]
                )
    return [reader.bytes_read, written, outcomes]


def json_line(value: LegalDocument | dict[str, Any] | list[Any]) -> bytes:
    """Return one line of JSON Lines."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


class UnfinishedOutput:
    """The growing output in its folder; made by :func:`unfinished_output`."""

    def __init__(self, folder: Path, summary: ParseSummary) -> None:
        self.summary = summary
        self.batches = 0  # finished, by this run and by earlier ones
        self.first_rejected: Rejected | None = None
        self._folder = folder
        self._seen = Seen()
        self._new_receipts: list[bytes] = []
        self._synced = time.monotonic()
        # not in append mode, which the system does not copy into; unbuffered, so that all see one position
        (folder / "documents.jsonl").touch()
        self._documents: IO[bytes] = (folder / "documents.jsonl").open("r+b", buffering=0)
        self._rejected: IO[bytes] = (folder / "rejected.jsonl").open("wb")
        self._resume()
        self._receipts: IO[bytes] = (folder / "receipts.jsonl").open("ab")
        shutil.rmtree(folder / "parts", ignore_errors=True)
        (folder / "parts").mkdir()

    def part(self, number: int) -> Path:
        """Return where the documents of batch ``number`` are to be written."""
        return self._folder / "parts" / str(number)

    def append(self, receipt: Receipt) -> None:
        """Take over the part of the next batch."""
        path = self.part(self.batches)
        before = self._documents.tell()
        with path.open("rb", buffering=0) as part:
            self._take(receipt, part)
        path.unlink()
        receipt[1] = self._documents.tell() - before
        self._new_receipts.append(json_line(receipt))
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Make sure that what is finished is on the disk, then write its receipts."""
        if self._documents.closed:
            return
        os.fsync(self._documents.fileno())
        self._receipts.write(b"".join(self._new_receipts))
        self._receipts.flush()
        self._new_receipts.clear()
        self._synced = time.monotonic()

    def close(self) -> None:
        """Close the files; what is finished stays for the next run."""
        for stream in (self._documents, self._rejected, self._receipts):
            stream.close()

    def publish(self, output: Path, rejected_output: Path) -> None:
        """Put both outputs in place; without any document just the rejections."""
        self.sync()
        self._rejected.flush()
        os.fsync(self._rejected.fileno())
        self.close()
        # a run killed from here on finds its receipts again, and with them the rejections
        (self._folder / "rejected.jsonl").replace(rejected_output)
        documents = self._folder / "documents.jsonl"
        if self.summary.documents and output.suffix == ".parquet":
            write_parquet(documents, output)
        elif self.summary.documents:
            documents.replace(output)
        shutil.rmtree(self._folder)

    def _resume(self) -> None:
        """Count again what earlier runs finished, and cut off what has no receipt."""
        path = self._folder / "receipts.jsonl"
        there = os.fstat(self._documents.fileno()).st_size
        kept = documents_end = 0
        for line in path.open("rb") if path.exists() else ():
            if not line.endswith(b"\n"):
                break
            receipt = orjson.loads(line)
            if documents_end + receipt[1] > there:
                break
            self._take(receipt, None)
            documents_end += receipt[1]
            kept += len(line)
        self._documents.truncate(documents_end)
        self._documents.seek(documents_end)
        if path.exists():
            os.truncate(path, kept)
        self.summary.resumed_documents = self.summary.documents
        self.summary.resumed_bytes = self.summary.bytes_read

    def _take(self, receipt: Receipt, part: IO[bytes] | None) -> None:
        """Count a batch and, if its part is given, append what is no duplicate."""
        size, _, outcomes = receipt
        self.summary.bytes_read += size
        waiting = 0  # bytes of the part to be appended as they are
        for outcome in outcomes:
            if len(outcome) == 2:
                self._reject(Rejected(*outcome))
                continue
            source, length, digest, document_id, root, document_type, language, celex, warnings = outcome
            twin = self._seen.twin(digest, source)
            if twin:
                self._reject(twin)
            else:
                warning = self._seen.warning(document_id)
                if warning:
                    warnings = [kind(warning), *warnings]
                self.summary.add(root, document_type, language, celex, warnings)
                if not warning:
                    waiting += length
                    continue
            if part:
                _copy(part, self._documents, waiting)
                line = part.read(length)
                if not twin and warning:
                    _write(self._documents, _with_warning(line, warning))
            waiting = 0
        if part:
            _copy(part, self._documents, waiting)
        self.batches += 1

    def _reject(self, rejected: Rejected) -> None:
        self.first_rejected = self.first_rejected or rejected
        self.summary.reject(rejected.reason)
        self._rejected.write(json_line({"source": rejected.source, "reason": rejected.reason}))


@contextmanager
def unfinished_output(
    output: Path, summary: ParseSummary, settings: dict[str, Any], overwrite: bool, say: Callable[[str], None]
) -> Iterator[UnfinishedOutput]:
    """Open the growing output of ``output``: that of a stopped run if ``settings`` are the same, else a new one.

    Raises:
        RecipeError: another run is writing it.
    """
    folder = output.with_name(f".{output.name}.unfinished")
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder, f"another parse is writing {output}; wait for it or stop it"):
        previous = _read_settings(folder / "settings.json")
        if previous is not None and (overwrite or previous != settings):
            changed = [name for name in settings if previous.get(name) != settings[name]]
            why = "--overwrite" if overwrite else f"other {' and '.join(changed)}"
            say(f"a run was stopped here, but this one starts afresh ({why})")
        if overwrite or previous != settings:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            write_json(folder / "settings.json", settings)
        growing = UnfinishedOutput(folder, summary)
        if growing.batches:
            say(f"going on after {summary.documents:,} documents that a stopped run finished")
        try:
            yield growing
        except BaseException:
            growing.sync()
            raise
        finally:
            growing.close()


def _read_settings(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return value if isinstance(value, dict) else None
    except (OSError, ValueError):
        return None


def _with_warning(line: bytes, warning: str) -> bytes:
    """Put a warning before the others of a document's line, without reading the rest: it may have megabytes."""
    start, key, others = line.rpartition(b'"warnings":[')  # in a text its quotation marks would be escaped
    return start + key + orjson.dumps(warning) + (b"" if others[:1] == b"]" else b",") + others


def _copy(source: IO[bytes], target: IO[bytes], length: int) -> None:
    """Append the next ``length`` bytes of ``source`` to ``target``; in the system itself where it can."""
    inside = hasattr(os, "copy_file_range")
    while length:
        if inside:
            try:
                copied = os.copy_file_range(source.fileno(), target.fileno(), length)
            except OSError as error:
                if error.errno not in _CANNOT_COPY:
                    raise
                inside = False
                continue
        else:
            piece = source.read(min(length, _COPY_BYTES))
            _write(target, piece)
            copied = len(piece)
        if not copied:
            raise OSError("a part of the output is shorter than its receipt says")
        length -= copied


def _write(target: IO[bytes], data: bytes) -> None:
    while data:  # on a disk that is nearly full only some of it goes in
        data = data[target.write(data) :]
