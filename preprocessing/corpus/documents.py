"""The documents table: LegalDocument rows with split, tokens and score, in Parquet files read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from preprocessing.corpus.score import PARTS
from preprocessing.document import LegalDocument, arrow_schema
from preprocessing.errors import UsageError

if TYPE_CHECKING:
    import pyarrow

# Read this many rows at once: most acts are 10 to 500 kB.
ROWS_AT_ONCE = 64


def documents_schema() -> pyarrow.Schema:
    """LegalDocument's columns, then what the corpus knows of each document.

    ``split`` (``train`` or ``validation``), ``tokens`` (end-of-text included), ``score`` and its parts (0 to 1; see
    :mod:`preprocessing.corpus.score`).
    """
    import pyarrow as pa

    parts = pa.struct([(name, pa.float32()) for name in PARTS])
    more = [("split", pa.string()), ("tokens", pa.int32()), ("score", pa.float32()), ("score_parts", parts)]
    return pa.schema([*arrow_schema(), *(pa.field(name, kind) for name, kind in more)])


def shard_name(shard: int, shards: int) -> str:
    """Return ``shard-00003-of-00032``: sorted by name is sorted by number."""
    return f"shard-{shard:05d}-of-{shards:05d}"


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
