"""``registry.parquet`` from the rows of all documents, one row an act, sorted by CELEX number.

Memory stays flat however large the corpus is: rows beyond the first 20,000 wait on disk, by the year of their act, and
one year after the other is put together. Only the CELEX numbers and how often each is referred to are held for all.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from preprocessing.citations.short_names import name_key
from preprocessing.corpus.registry_rows import DEFINED, Row, distinct_names, entry, name_entry, references_of
from preprocessing.files import atomic_file

if TYPE_CHECKING:
    import pyarrow

ROWS_IN_MEMORY = 20_000
# Acts that are read together: one lookup decodes so many titles and references.
ROW_GROUP = 2048
_YEAR = 5  # characters of a CELEX number that give its sector and year


def registry_schema() -> pyarrow.Schema:
    """The columns of ``registry.parquet``; what most look-ups need stands first, in columns that are light."""
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    place = [("language", text), ("celex", text), ("version", text), ("articles", texts), ("file", text)]
    name = [
        ("key", text),
        ("name", text),
        ("language", text),
        ("source", text),
        ("votes", pa.int32()),
        ("of", pa.int32()),
    ]
    reference = [("celex", text), ("article", text), ("in_corpus", pa.bool_())]
    return pa.schema(
        [
            ("celex", text),
            ("document_type", text),
            ("date", text),
            ("languages", texts),
            ("articles", texts),  # of the newest version
            ("other_articles", texts),  # that only other versions have
            ("referenced_by", pa.int32()),  # acts of the corpus that refer to it
            ("names", pa.list_(pa.struct(name))),
            ("titles", pa.map_(text, text)),
            ("texts", pa.list_(pa.struct([*place, ("row", pa.int64())]))),
            ("references", pa.list_(pa.struct(reference))),
        ]
    )


def write_registry(rows: Iterable[Row | None], path: Path) -> int:
    """Write the registry of the documents that gave ``rows``, in corpus order; return the number of acts.

    ``rows`` are those of :func:`preprocessing.corpus.registry_rows.registry_row`; it is read once, and may be a
    generator. The file appears when it is complete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder,
        atomic_file(path, "wb") as stream,
    ):
        return write_acts(rows, stream, Path(folder))


def write_acts(rows: Iterable[Row | None], stream: IO[bytes], spill: Path | None) -> int:
    """As :func:`write_registry`, into an open file; without a ``spill`` folder all rows stay in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    waiting = _Waiting(spill)
    known: set[str] = set()
    for row in rows:
        if row is not None:
            known.add(row["act"])
            waiting.add(row)
    referenced: Counter[str] = Counter()
    votes: Counter[tuple[str, str, str]] = Counter()  # acts that define a name, by language, act meant and name
    for act, of_act in waiting.acts():
        referenced.update({celex for celex, _ in references_of(of_act)} & known)
        votes.update({(row["language"], celex, name) for row in of_act for celex, name in row["names"] if celex != act})
    names = _defined(votes, known)
    schema = registry_schema()
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        group: list[dict[str, Any]] = []
        for act, of_act in waiting.acts():
            value = entry(act, of_act)
            value["names"] = distinct_names([*value["names"], *names.get(act, ())])
            value["referenced_by"] = referenced[act]
            value["references"] = [
                {"celex": celex, "article": article or None, "in_corpus": celex in known}
                for celex, article in references_of(of_act)
            ]
            group.append(value)
            if len(group) == ROW_GROUP:
                writer.write_table(pa.Table.from_pylist(group, schema))
                group.clear()
        if group or not known:
            writer.write_table(pa.Table.from_pylist(group, schema))
    return len(known)


class _Waiting:
    """Rows by the sector and year of their act: in memory, and on disk where they are many."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._rows: dict[str, list[Row]] = {}
        self._count = 0

    def add(self, row: Row) -> None:
        self._rows.setdefault(row["act"][:_YEAR], []).append(row)
        self._count += 1
        if self._folder and self._count % ROWS_IN_MEMORY == 0:
            for year, rows in self._rows.items():
                with (self._folder / year).open("ab") as stream:
                    pickle.dump(rows, stream, protocol=pickle.HIGHEST_PROTOCOL)
                rows.clear()

    def acts(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield every act with its rows, by CELEX number; rows in the order in which they came."""
        for year in sorted(self._rows):
            of_act: dict[str, list[Row]] = {}
            for rows in self._of_year(year):
                for row in rows:
                    of_act.setdefault(row["act"], []).append(row)
            yield from sorted(of_act.items())

    def _of_year(self, year: str) -> Iterator[list[Row]]:
        file = self._folder / year if self._folder else None
        if file and file.exists():
            with file.open("rb") as stream:
                size = file.stat().st_size
                while stream.tell() < size:
                    yield pickle.load(stream)
        yield self._rows[year]


def _defined(votes: Counter[tuple[str, str, str]], known: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the names that acts of the corpus are given by others, with how many agree on each."""
    of: Counter[str] = Counter()
    for (_, _, name), count in votes.items():
        of[name_key(name)] += count
    names: dict[str, list[dict[str, Any]]] = {}
    for (language, celex, name), count in sorted(votes.items()):
        if celex in known:
            names.setdefault(celex, []).append(name_entry(name, language, DEFINED, count, of[name_key(name)]))
    return names
