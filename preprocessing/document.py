"""LegalDocument: the one record that everything after the parser speaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

DOCUMENT_TYPES = (
    "regulation",
    "directive",
    "decision",
    "recommendation",
    "opinion",
    "judgment",
    "order",
    "advocate_general_opinion",
    "corrigendum",
    "agreement",
    "notice",
    "annex",
    "other",
)


@dataclass
class Recital:
    """One numbered recital; ``number`` is without brackets (``"12"``), ``text`` without the number."""

    number: str
    text: str


@dataclass
class Article:
    """One article of the act's own (never one quoted from another act).

    ``number`` is the bare number (``"5"``, ``"5a"``, ``"12bis"``); ``path`` the titles of the divisions above it,
    outermost first; ``paragraphs`` the texts of its top-level paragraphs in order; ``text`` is all of them joined by
    newlines, without the article's own number and heading lines.
    """

    number: str
    heading: str
    path: list[str]
    text: str
    paragraphs: list[str]


@dataclass
class Annex:
    """One annex with its heading and whole text."""

    heading: str
    text: str


@dataclass
class Point:
    """One numbered paragraph of a judgment, an order or an opinion; ``text`` is without the number."""

    number: str
    text: str


@dataclass
class Reference:
    """A mention of another act; ``celex`` and ``article`` are None where they could not be resolved."""

    celex: str | None
    article: str | None
    surface: str


@dataclass
class LegalDocument:
    """One legal document in one language.

    ``celex`` is the document's own number (a consolidated text ``0...-yyyymmdd``, a corrigendum ``...R(01)``),
    ``base_celex`` the act it belongs to, which is what citations name. Dates are ISO; ``publication_date`` is the day
    of the Official Journal. ``eli`` is the European Legislation Identifier where one is given, never made up.
    ``legal_basis`` is what the act has regard to. ``parties`` (one text a side), ``points`` (the numbered grounds) and
    ``operative_part`` (what is ruled, item by item) are those of case law, in order. ``text`` is the whole document,
    paragraphs separated by newlines. ``source`` is the path as given, with ``zip!/member`` inside archives. ``id`` is
    stable: CELEX and language, else a content hash.
    """

    id: str
    source: str
    language: str
    document_type: str
    title: str
    text: str
    celex: str | None = None
    base_celex: str | None = None
    date: str | None = None
    consolidated: bool = False
    consolidation_date: str | None = None
    publication_date: str | None = None
    eli: str | None = None
    recitals: list[Recital] = field(default_factory=list)
    articles: list[Article] = field(default_factory=list)
    annexes: list[Annex] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    legal_basis: list[Reference] = field(default_factory=list)
    parties: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    operative_part: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and dicts, ready for JSON or Arrow; lists of text are the document's own, not copies."""
        value = dict(vars(self))
        for name in ("recitals", "articles", "annexes", "references", "legal_basis", "points"):
            value[name] = [dict(vars(record)) for record in value[name]]
        return value

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> LegalDocument:
        """Rebuild a document from :meth:`to_dict`; unknown keys raise TypeError."""
        value = dict(value)
        value["recitals"] = [Recital(**item) for item in value.get("recitals") or []]
        value["articles"] = [Article(**item) for item in value.get("articles") or []]
        value["annexes"] = [Annex(**item) for item in value.get("annexes") or []]
        value["references"] = [Reference(**item) for item in value.get("references") or []]
        value["legal_basis"] = [Reference(**item) for item in value.get("legal_basis") or []]
        value["points"] = [Point(**item) for item in value.get("points") or []]
        for name in ("parties", "operative_part"):
            value[name] = list(value.get(name) or [])
        value["warnings"] = list(value.get("warnings") or [])
        return cls(**value)


def arrow_schema() -> pyarrow.Schema:
    """The Parquet schema of LegalDocument, one column a field, nested records as lists of structs."""
    import pyarrow as pa

    text = pa.string()

    def records(*names: str) -> pa.DataType:
        return pa.list_(pa.struct([(name, text) for name in names]))

    article = pa.struct(
        [("number", text), ("heading", text), ("path", pa.list_(text)), ("text", text), ("paragraphs", pa.list_(text))]
    )
    return pa.schema(
        [
            ("id", text),
            ("source", text),
            ("language", text),
            ("document_type", text),
            ("title", text),
            ("text", text),
            ("celex", text),
            ("base_celex", text),
            ("date", text),
            ("consolidated", pa.bool_()),
            ("consolidation_date", text),
            ("publication_date", text),
            ("eli", text),
            ("recitals", records("number", "text")),
            ("articles", pa.list_(article)),
            ("annexes", records("heading", "text")),
            ("references", records("celex", "article", "surface")),
            ("legal_basis", records("celex", "article", "surface")),
            ("parties", pa.list_(text)),
            ("points", records("number", "text")),
            ("operative_part", pa.list_(text)),
            ("warnings", pa.list_(text)),
        ]
    )
