"""The registry of acts: what exists, and so what may be cited.

    registry = Registry.load(Path("data/corpus"))
    registry.has_article("32016R0679", "17")
    registry.by_name("GDPR").celex

Opening it reads the light columns of ``registry.parquet`` (CELEX, type, date, articles); titles, references and places
of texts are read when an act is asked for them, some hundred acts at a time.
"""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preprocessing.celex import base_celex
from preprocessing.corpus.registry_file import write_acts
from preprocessing.corpus.registry_names import Named, Names
from preprocessing.corpus.registry_rows import Row, comparable
from preprocessing.errors import UsageError

if TYPE_CHECKING:
    import pyarrow.parquet

_LIGHT = ("celex", "document_type", "date", "languages", "articles", "other_articles", "referenced_by")
_HEAVY = ("names", "titles", "texts", "references")


@dataclass(frozen=True)
class TextPlace:
    """Where the newest text of an act in one language stands: ``row`` of ``documents/file``.

    ``celex`` is the version's own number, ``version`` the ISO date of its consolidation ("" of the act as published);
    ``file`` and ``row`` are None in a registry of documents that lie in no table.
    """

    language: str
    celex: str | None
    version: str
    articles: list[str]
    file: str | None
    row: int | None


class Act:
    """One act of the registry; each property is read from it when it is asked for."""

    def __init__(self, registry: Registry, position: int) -> None:
        self._registry = registry
        self._position = position

    def _light(self, name: str) -> Any:
        return self._registry._light[name][self._position].as_py()

    def _heavy(self, name: str) -> Any:
        return self._registry._heavy(name, self._position)

    @property
    def celex(self) -> str:
        return self._light("celex")

    @property
    def document_type(self) -> str:
        return self._light("document_type")

    @property
    def date(self) -> str | None:
        return self._light("date")

    @property
    def languages(self) -> list[str]:
        """The languages of its documents, in the order of the training mix."""
        return self._light("languages")

    @property
    def articles(self) -> list[str]:
        """The numbers of the articles of its newest version, in order."""
        return self._light("articles")

    @property
    def other_articles(self) -> list[str]:
        """The numbers of articles that only other versions or languages in the corpus have."""
        return self._light("other_articles")

    @property
    def referenced_by(self) -> int:
        """How many acts of the corpus refer to it."""
        return self._light("referenced_by")

    @property
    def titles(self) -> dict[str, str]:
        """Its titles by language: the act's own, else that of its newest version."""
        return dict(self._heavy("titles"))

    @property
    def names(self) -> dict[str, list[str]]:
        """Its short names by language ("" those of every language), the surest first."""
        names: dict[str, list[str]] = {}
        for name in self._heavy("names"):
            names.setdefault(name["language"], []).append(name["name"])
        return names

    @property
    def texts(self) -> list[TextPlace]:
        """Where its newest texts stand, by language; two places for one of which articles were held out."""
        return [TextPlace(**place) for place in self._heavy("texts")]

    @property
    def references(self) -> list[tuple[str, str | None, bool]]:
        """The provisions of other acts that it refers to: CELEX, article, whether the corpus holds that act."""
        return [(item["celex"], item["article"], item["in_corpus"]) for item in self._heavy("references")]


class Registry:
    """The acts by base CELEX number; a consolidated version or corrigendum is looked up as its act."""

    def __init__(self, file: pyarrow.parquet.ParquetFile) -> None:
        self._file = file
        table = file.read(columns=list(_LIGHT))
        self._light = {name: table[name].combine_chunks() for name in _LIGHT}
        self._numbers: list[str] = self._light["celex"].to_pylist()
        ends, end = [], 0
        for group in range(file.num_row_groups):
            end += file.metadata.row_group(group).num_rows
            ends.append(end)
        self._ends = ends
        self._group: tuple[int, Any] = (-1, None)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Act]:
        return (Act(self, position) for position in range(len(self)))

    def act(self, celex: str) -> Act | None:
        """Return the act that a CELEX number (of any version) belongs to, or None."""
        position = self._position(celex)
        if position is None:
            try:
                position = self._position(base_celex(celex))
            except ValueError:
                return None
        return None if position is None else Act(self, position)

    def has_act(self, celex: str) -> bool:
        """Return whether the corpus holds the act."""
        return self.act(celex) is not None

    def has_article(self, celex: str, article: str) -> bool:
        """Return whether any version of the act has an article of that bare number: ``"5"``, ``"5a"``, ``"12 bis"``."""
        act = self.act(celex)
        number = comparable(article)
        return act is not None and (number in act.articles or number in act.other_articles)

    def by_name(self, name: str) -> Named:
        """Return what a short name in any language stands for (:meth:`Names.find`)."""
        return self.names.find(name)

    @cached_property
    def names(self) -> Names:
        """The short names of all acts."""
        return Names(self._light["celex"], self._file.read(columns=["names"])["names"])

    def _position(self, celex: str) -> int | None:
        position = bisect_left(self._numbers, celex)
        return position if self._numbers[position : position + 1] == [celex] else None

    def _heavy(self, name: str, position: int) -> Any:
        group = bisect_left(self._ends, position + 1)
        if self._group[0] != group:
            self._group = (group, self._file.read_row_group(group, columns=list(_HEAVY)))
        first = self._ends[group - 1] if group else 0
        return self._group[1][name][position - first].as_py()

    @classmethod
    def from_rows(cls, rows: Iterable[Row | None]) -> Registry:
        """Return the registry of the documents that gave ``rows`` (``registry_row``), all of it in memory."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        stream = io.BytesIO()
        write_acts(rows, stream, None)
        return cls(pq.ParquetFile(pa.BufferReader(stream.getvalue())))

    @classmethod
    def load(cls, path: Path) -> Registry:
        """Open ``registry.parquet``, given as the file or as the corpus folder that holds it.

        Raises:
            UsageError: it is not there, or is not a registry.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = path / "registry.parquet" if path.is_dir() else path
        if not file.is_file():
            raise UsageError(f"{file} does not exist; `launch.py preprocess` writes it into its output folder")
        try:
            opened = pq.ParquetFile(file)
            missing = [name for name in (*_LIGHT, *_HEAVY) if name not in opened.schema_arrow.names]
            if missing:
                raise UsageError(f"{file} is not a registry of acts (no column {missing[0]}); run preprocess again")
            return cls(opened)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise UsageError(f"{file} is not a registry of acts ({reason}); run preprocess again") from error
