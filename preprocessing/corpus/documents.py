"""The documents table: LegalDocument rows plus their ``split``, in Parquet files read and written piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import xxhash

from preprocessing.document import LegalDocument, arrow_schema
from preprocessing.errors import UsageError

if TYPE_CHECKING:
    import pyarrow

# Characters of text that may wait in memory over all shards; a row holds its text about three times (whole, articles,
# paragraphs), so this stands for some 300 MB.
BUFFERED_CHARACTERS = 32_000_000
# Read this many rows at once: most acts are 10 to 500 kB.
ROWS_AT_ONCE = 64


def documents_schema() -> pyarrow.Schema:
    """LegalDocument's columns and ``split`` (``train`` or ``validation``)."""
    import pyarrow as pa

    return arrow_schema().append(pa.field("split", pa.string()))


def shard_name(shard: int, shards: int) -> str:
    """Return ``shard-00003-of-00032``: sorted by name is sorted by number."""
    return f"shard-{shard:05d}-of-{shards:05d}"


def shard_of(document: LegalDocument, shards: int) -> int:
    """Return the shard a document belongs to, by a hash of its id."""
    return xxhash.xxh3_64_intdigest(document.id.encode()) % shards


class ShardedWriter:
    """Spread documents over Parquet files by :func:`shard_of`, holding only a bounded buffer in memory.

    Within a shard documents keep the order they came in. A shard that no document fell into has no file.
    """

    def __init__(self, folder: Path, shards: int) -> None:
        self.folder = folder
        self.shards = shards
        self.paths: list[Path] = []
        self._schema = arrow_schema()
        self._files = ExitStack()
        self._writers: dict[int, Any] = {}
        self._rows: dict[int, list[dict[str, Any]]] = {}
        self._characters: dict[int, int] = {}
        self._waiting = 0

    def __enter__(self) -> ShardedWriter:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def add(self, document: LegalDocument) -> None:
        """Take one document; the fullest shard is written out when too much is waiting."""
        shard = shard_of(document, self.shards)
        self._rows.setdefault(shard, []).append(document.to_dict())
        self._characters[shard] = self._characters.get(shard, 0) + len(document.text)
        self._waiting += len(document.text)
        while self._waiting > BUFFERED_CHARACTERS:
            self._flush(max(self._characters, key=lambda key: self._characters[key]))

    def _flush(self, shard: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if shard not in self._writers:
            path = self.folder / f"{shard_name(shard, self.shards)}.parquet"
            # lz4: read once more and then deleted, so speed counts and size does not
            self._writers[shard] = self._files.enter_context(pq.ParquetWriter(path, self._schema, compression="lz4"))
        table = pa.Table.from_pylist(self._rows.pop(shard), schema=self._schema)
        self._writers[shard].write_table(table)
        self._waiting -= self._characters.pop(shard)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._files:
            if error is None:
                for shard in sorted(self._rows):
                    self._flush(shard)
        self.paths = [self.folder / f"{shard_name(shard, self.shards)}.parquet" for shard in sorted(self._writers)]


def iter_batches(path: Path) -> Iterator[pyarrow.RecordBatch]:
    """Yield LegalDocument's columns of one Parquet file, at most ``ROWS_AT_ONCE`` rows at a time.

    Raises:
        UsageError: the file cannot be read, or lacks one of the columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in arrow_schema().names if name not in file.schema_arrow.names]
            if missing:
                raise UsageError(f"{path} is not a table of documents (no column {missing[0]}); run preprocess again")
            yield from file.iter_batches(batch_size=ROWS_AT_ONCE, columns=arrow_schema().names)
    except pa.ArrowInvalid as error:
        raise UsageError(f"{path} cannot be read as Parquet ({error}); run preprocess again") from error


def document_files(folder: Path) -> Sequence[Path]:
    """Return the Parquet files of a corpus folder, or of its ``documents`` folder, in order.

    Raises:
        UsageError: there are none.
    """
    for place in (folder / "documents", folder):
        files = sorted(place.glob("*.parquet")) if place.is_dir() else []
        files = [file for file in files if file.name != "registry.parquet"]
        if files:
            return files
    raise UsageError(f"{folder} holds no documents/*.parquet; give the folder that `launch.py preprocess` wrote")


def iter_documents(folder: Path) -> Iterator[LegalDocument]:
    """Stream every document of a corpus folder (or of its ``documents`` folder), a few rows in memory at a time.

    Where the last articles of an act were held out (one-act corpora), they come as a document of their own.

    Raises:
        UsageError: the folder holds no documents.
    """
    for path in document_files(folder):
        for batch in iter_batches(path):
            yield from (LegalDocument.from_dict(row) for row in batch.to_pylist())
