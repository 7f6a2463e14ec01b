"""First stage: a slice of the inputs becomes staged documents and a small row of facts about each.

Documents that a rule leaves out for what they are (:mod:`preprocessing.corpus.selection`) are only counted and listed.
The others are staged as LegalDocument rows, in Arrow's own format, which is read again without being decoded; what is
left out later, because of other documents, is decided from the facts alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preprocessing.corpus.facts import FactsWriter
from preprocessing.corpus.receipts import Receipt, true_receipt, write_receipt
from preprocessing.corpus.selection import UNWANTED_LANGUAGE, Rules, refuse
from preprocessing.corpus.slices import Slice
from preprocessing.document import LegalDocument, arrow_schema
from preprocessing.files import atomic_file
from preprocessing.formex.inputs import Rejected
from preprocessing.formex.workers import FolderReader
from preprocessing.memory import give_memory_back

if TYPE_CHECKING:
    import pyarrow

# Characters of text gathered before they are written: a document is held about five times over (its text, articles and
# paragraphs, as objects and as a table), so this stands for some 50 MB at most.
_CHARACTERS_AT_ONCE = 4_000_000
_DOCUMENTS_AT_ONCE = 512


@dataclass(frozen=True)
class ReadTask:
    """Read ``slice`` and stage it under ``folder``; ``key`` is that of its receipt."""

    slice: Slice
    folder: Path
    rules: Rules
    key: str

    @property
    def size(self) -> int:
        """Bytes to read."""
        return self.slice.size

    @property
    def receipt(self) -> Path:
        return self.folder / f"{self.slice.number:05d}.json"

    @property
    def documents(self) -> Path:
        return self.folder / f"{self.slice.number:05d}.arrow"

    @property
    def facts(self) -> Path:
        return self.folder / f"{self.slice.number:05d}.facts.arrow"


def read_slice(task: ReadTask) -> Receipt:
    """Do one task; its receipt counts what was read, rejected and left out, and lists the last two."""
    import pyarrow as pa

    if finished := true_receipt(task.receipt, task.key):
        return finished
    reader = FolderReader()
    rejected: list[list[str]] = []
    left_out: Counter[tuple[str, str]] = Counter()
    kinds: Counter[str] = Counter()
    read = 0

    def wanted() -> Iterator[LegalDocument]:
        nonlocal read
        for item in task.slice.items:
            for found in reader.read(item):
                if isinstance(found, Rejected):
                    kinds[found.reason.split(":")[0]] += 1
                    rejected.append([found.source, found.reason])
                    continue
                read += 1
                document = found.document
                reason = refuse(document, task.rules)
                if reason is None:
                    yield document
                    continue
                kind = reason.split(":")[0]
                left_out[kind, document.language] += 1
                if kind != UNWANTED_LANGUAGE:  # these may be most of the input: the count is enough
                    rejected.append([document.source, reason])

    task.folder.mkdir(parents=True, exist_ok=True)
    # read once more and then done with, so speed counts more than size
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    with (
        atomic_file(task.documents, "wb") as stream,
        pa.ipc.new_file(stream, arrow_schema(), options=options) as staged,
        FactsWriter(task.facts) as facts,
    ):
        for documents in _groups(wanted()):
            staged.write_table(_table(documents))
            facts.add(documents)
    give_memory_back()
    return write_receipt(
        task.receipt,
        task.key,
        (task.documents, task.facts),
        {
            "read": read,
            "bytes": reader.bytes_read,
            "rejected": rejected,
            "rejected by kind": dict(kinds),
            "left out": [[reason, language, count] for (reason, language), count in left_out.items()],
        },
    )


def _groups(documents: Iterator[LegalDocument]) -> Iterator[list[LegalDocument]]:
    group: list[LegalDocument] = []
    characters = 0
    for document in documents:
        group.append(document)
        characters += len(document.text)
        if characters >= _CHARACTERS_AT_ONCE or len(group) >= _DOCUMENTS_AT_ONCE:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _table(documents: Sequence[LegalDocument]) -> pyarrow.Table:
    import pyarrow as pa

    rows: list[dict[str, Any]] = [document.to_dict() for document in documents]
    return pa.Table.from_pylist(rows, schema=arrow_schema())
