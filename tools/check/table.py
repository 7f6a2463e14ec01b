"""The documents table as the checks need it: one small row a document, read shard by shard over all cores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preprocessing.corpus.documents import ROWS_AT_ONCE
from preprocessing.corpus.shingles import PERMUTATIONS, fingerprints
from preprocessing.corpus.tokenizer import END_OF_TEXT
from tools.check.report import Check
from tools.check.work import Crew

if TYPE_CHECKING:
    import pyarrow
    from numpy.typing import NDArray

# Articles held out of an act that is the only one of its language: a document of their own, named after the act's.
HELD_OUT = "#held-out"
_READ = ("id", "language", "split", "base_celex", "text", "tokens", "score")


@dataclass(frozen=True)
class Facts:
    """One row a document, in the table's order.

    Columns: ``id``, ``base_celex``, ``act`` (the same, else the id), ``dataset`` (``en/train``), ``language``,
    ``split``, ``text_hash`` (equal for texts that differ in white space alone), ``signature`` (of its shingles, see
    :mod:`preprocessing.corpus.shingles`), ``markers`` (how often the text says end-of-text), ``tokens``,
    ``score``, ``shard`` and ``row`` (its place), ``held_out`` (bool).
    """

    files: tuple[Path, ...]
    table: pyarrow.Table

    @cached_property
    def rows(self) -> dict[str, NDArray[np.int64]]:
        """The rows of each dataset, in order: the k-th is document k."""
        names = self.table["dataset"].combine_chunks().dictionary_encode()
        codes = names.indices.to_numpy(zero_copy_only=False)
        return {name: np.flatnonzero(codes == code) for code, name in enumerate(names.dictionary.to_pylist())}

    def value(self, column: str, dataset: str, document: int) -> Any:
        """Return a document's value, None where the table has no such row."""
        rows = self.rows.get(dataset)
        if rows is None or document >= len(rows):
            return None
        return self.table[column][int(rows[document])].as_py()

    def fetch(self, rows: Iterable[int], columns: Sequence[str]) -> dict[int, dict[str, Any]]:
        """Read ``columns`` of some rows from their Parquet files, one group of rows in memory at a time."""
        import pyarrow.parquet as pq

        wanted: dict[int, list[tuple[int, int]]] = {}
        for row in rows:
            wanted.setdefault(self.table["shard"][row].as_py(), []).append((self.table["row"][row].as_py(), row))
        found = {}
        for shard, places in sorted(wanted.items()):
            with pq.ParquetFile(self.files[shard]) as file:
                start = 0
                for group in range(file.num_row_groups):
                    end = start + file.metadata.row_group(group).num_rows
                    inside = [(place - start, row) for place, row in places if start <= place < end]
                    if inside:
                        table = file.read_row_group(group, columns=list(columns))
                        taken = table.take([place for place, _ in inside]).to_pylist()
                        found.update({row: values for (_, row), values in zip(inside, taken, strict=True)})
                    start = end
        return found


def read_facts(folder: Path, check: Check, crew: Crew) -> Facts | None:
    """Read the table; None, with the reasons in ``check``, when a shard of it is missing or cannot be read."""
    import pyarrow as pa

    files = sorted((folder / "documents").glob("*.parquet"))
    if not files:
        check.fail("documents/ holds no Parquet file; run preprocess again")
        return None
    tables = crew.run("documents", _scan, files, [file.stat().st_size for file in files])
    readable = []
    for shard, table in enumerate(tables):
        if isinstance(table, str):
            check.fail(table)
        else:
            readable.append(table.append_column("shard", pa.array(np.full(len(table), shard, np.int32))))
    return None if len(readable) < len(files) else Facts(tuple(files), pa.concat_tables(readable))


def _scan(file: Path) -> pyarrow.Table | str:
    """Return the facts of one shard, or why it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as shard:
            there = set(shard.schema_arrow.names)
            if missing := [name for name in _READ if name not in there]:
                return f"documents/{file.name} has no column {missing[0]}"
            batches = [_facts(batch) for batch in shard.iter_batches(ROWS_AT_ONCE, columns=list(_READ))]
            table = pa.Table.from_batches(batches, _schema())
    except (pa.ArrowException, OSError, UnicodeError) as error:
        return f"documents/{file.name} cannot be read as Parquet ({str(error).splitlines()[0]})"
    return table.append_column("row", pa.array(np.arange(len(table), dtype=np.int32)))


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            ("id", text),
            ("base_celex", text),
            ("act", text),
            ("dataset", text),
            ("language", text),
            ("split", text),
            ("text_hash", pa.uint64()),
            ("signature", pa.binary(4 * PERMUTATIONS)),
            ("markers", pa.int32()),
            ("tokens", pa.int32()),
            ("score", pa.float32()),
            ("held_out", pa.bool_()),
        ]
    )


def _facts(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    import pyarrow as pa

    names, languages, splits, acts, texts = ([value or "" for value in batch[name].to_pylist()] for name in _READ[:5])
    hashes, signatures = fingerprints(texts)
    schema = _schema()
    columns = {
        "id": names,
        "base_celex": batch["base_celex"],
        "act": [act or name.removesuffix(HELD_OUT) for act, name in zip(acts, names, strict=True)],
        "dataset": [f"{language}/{split}" for language, split in zip(languages, splits, strict=True)],
        "language": languages,
        "split": splits,
        "text_hash": hashes,
        "signature": [row.tobytes() for row in signatures],
        "markers": [text.count(END_OF_TEXT) for text in texts],
        "tokens": batch["tokens"],
        "score": batch["score"],
        "held_out": [name.endswith(HELD_OUT) for name in names],
    }
    return pa.RecordBatch.from_arrays([pa.array(columns[item.name]).cast(item.type) for item in schema], schema=schema)
