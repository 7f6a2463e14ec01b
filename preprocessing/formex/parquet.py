"""JSON Lines of documents to one Parquet file, a bounded piece at a time."""

from __future__ import annotations

from pathlib import Path

from preprocessing.document import arrow_schema
from preprocessing.files import atomic_file

# One row group: so much JSON, and at least one document.
_ROW_GROUP_BYTES = 64 << 20


def write_parquet(documents: Path, output: Path) -> None:
    """Turn JSON Lines into one Parquet file, a row group at a time."""
    import pyarrow as pa
    import pyarrow.json
    import pyarrow.parquet as pq

    schema = arrow_schema()
    parse = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    with (
        documents.open("rb") as lines,
        atomic_file(output, "wb") as stream,
        pq.ParquetWriter(stream, schema, compression="zstd") as writer,
    ):
        while block := b"".join(lines.readlines(_ROW_GROUP_BYTES)):
            options = pyarrow.json.ReadOptions(block_size=len(block) + 1)
            writer.write_table(
                pyarrow.json.read_json(pa.BufferReader(block), options, parse), row_group_size=len(block)
            )
