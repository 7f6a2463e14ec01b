"""``registry.parquet``: every act of the corpus, to check citations against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from preprocessing.celex import base_celex
from preprocessing.document import LegalDocument
from preprocessing.errors import UsageError

# The act itself describes it best; then its newest consolidated version; a corrigendum or annex only if nothing else.
_ACT, _CONSOLIDATED, _OTHER = 2, 1, 0


@dataclass
class Act:
    """One act: ``titles`` by language, ``articles`` the numbers that any of its versions has, in order."""

    celex: str
    document_type: str
    date: str | None
    titles: dict[str, str] = field(default_factory=dict)
    articles: list[str] = field(default_factory=list)


class Registry:
    """The acts by base CELEX number; a consolidated version or corrigendum is looked up as its act."""

    def __init__(self) -> None:
        self._acts: dict[str, Act] = {}
        self._known: dict[str, set[str]] = {}  # article numbers in the form they are compared in
        self._ranks: dict[tuple[str, str], tuple[int, str]] = {}

    def add(self, document: LegalDocument) -> None:
        """Take what the document says about its act; documents without a CELEX number say nothing."""
        celex = document.base_celex
        if not celex:
            return
        rank = _rank(document)
        act = self._acts.get(celex)
        if act is None:
            act = self._acts[celex] = Act(celex, document.document_type, document.date)
            self._known[celex] = set()
            self._ranks[celex, ""] = rank
        elif rank > self._ranks[celex, ""]:
            act.document_type, act.date = document.document_type, document.date
            self._ranks[celex, ""] = rank
        if document.language not in act.titles or rank > self._ranks[celex, document.language]:
            act.titles[document.language] = document.title
            self._ranks[celex, document.language] = rank
        if rank[0] == _OTHER:
            return  # a corrigendum's or annex's own numbering is not the act's
        for article in document.articles:
            if _comparable(article.number) not in self._known[celex]:
                self._known[celex].add(_comparable(article.number))
                act.articles.append(article.number)

    def __len__(self) -> int:
        return len(self._acts)

    def __iter__(self) -> Iterator[Act]:
        return iter(self._acts.values())

    def act(self, celex: str) -> Act | None:
        """Return the act that a CELEX number (of any version) belongs to, or None."""
        found = self._acts.get(celex)
        if found is None:
            try:
                found = self._acts.get(base_celex(celex))
            except ValueError:
                return None
        return found

    def has_act(self, celex: str) -> bool:
        """Return whether the corpus holds the act."""
        return self.act(celex) is not None

    def has_article(self, celex: str, article: str) -> bool:
        """Return whether the act has an article of that bare number (``"5"``, ``"5a"``, ``"12 bis"``)."""
        act = self.act(celex)
        return act is not None and _comparable(article) in self._known[act.celex]

    def save(self, path: Path) -> None:
        """Write the acts, sorted by CELEX number."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        text = pa.string()
        schema = pa.schema(
            [
                ("celex", text),
                ("document_type", text),
                ("date", text),
                ("titles", pa.map_(text, text)),
                ("articles", pa.list_(text)),
            ]
        )
        rows = [
            {
                "celex": act.celex,
                "document_type": act.document_type,
                "date": act.date,
                "titles": sorted(act.titles.items()),
                "articles": act.articles,
            }
            for _, act in sorted(self._acts.items())
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema), path, compression="zstd")

    @classmethod
    def load(cls, path: Path) -> Registry:
        """Read ``registry.parquet``, given as the file or as the corpus folder that holds it.

        Raises:
            UsageError: it is not there, or is not a registry.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = path / "registry.parquet" if path.is_dir() else path
        if not file.is_file():
            raise UsageError(f"{file} does not exist; `launch.py preprocess` writes it into its output folder")
        registry = cls()
        try:
            for row in pq.read_table(file).to_pylist():
                act = Act(row["celex"], row["document_type"], row["date"], dict(row["titles"]), row["articles"])
                registry._acts[act.celex] = act
                registry._known[act.celex] = {_comparable(article) for article in act.articles}
        except (pa.ArrowException, KeyError) as error:
            raise UsageError(f"{file} is not a registry of acts ({error}); run preprocess again") from error
        return registry


def _rank(document: LegalDocument) -> tuple[int, str]:
    if document.consolidated:
        return _CONSOLIDATED, document.consolidation_date or ""
    if document.celex == document.base_celex and document.document_type not in ("corrigendum", "annex"):
        return _ACT, ""
    return _OTHER, ""


def _comparable(article: str) -> str:
    return "".join(article.lower().split())
