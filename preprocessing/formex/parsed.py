"""What one FORMEX file holds once read: clean lines, and the line numbers where its parts lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from preprocessing.document import Reference

#: Roots that carry the text of a document.
TEXT_ROOTS = frozenset(
    [
        "ACT",
        "ACT.GEN",
        "ADDITIONAL.DOCS.LSEU",
        "AGR",
        "ANNEX",
        "CASE",
        "CJT",
        "COMPETITION",
        "CONCLUSION",
        "CONS.ACT",
        "CONS.OTH",
        "CORR",
        "DECISION.ECR",
        "FRAGMENT",
        "GENERAL",
        "JUDGMENT",
        "LETTER",
        "LSEU",
        "OPINION",
        "ORDER",
        "REPORT.HEARING",
        "RULING",
        "SUMMARY.JUDGMENT",
    ]
)
#: Roots that describe documents or list them.
DESCRIPTION_ROOTS = frozenset({"DOC", "PUBLICATION"})

#: Descriptions of the act inside its own file, kept as small trees.
METADATA = frozenset(
    [
        "BIB.APPEND",
        "BIB.CASE",
        "BIB.CONCLUSION",
        "BIB.DATA",
        "BIB.DOC",
        "BIB.INSTANCE",
        "BIB.JUDGMENT",
        "BIB.OJ",
        "BIB.OPINION",
        "BIB.ORDER",
        "BIB.RULING",
        "BIB.SE",
        "BIB.VOLUME",
        "CURR.TITLE",
        "FAM.COMP",
        "INFO.CONSLEG",
        "INFO.PROD",
        "PAGE.HEADER",
        "REF.CASE.BIB",
    ]
)
#: Inside them: full titles of every amending act and corrigendum, none of the act's own business.
OTHER_ACTS = frozenset({"GR.MOD.ACT", "GR.CORRIG"})


@dataclass
class ArticleLines:
    """An article of the act's own: ``lines[start:end]``; ``body`` is after its title, ``marks`` part paragraphs."""

    start: int
    identifier: str
    path: list[str]
    title: str = ""
    heading: list[str] = field(default_factory=list)
    body: int = 0
    end: int = 0
    marks: list[int] = field(default_factory=list)
    dead: bool = False  # begins inside a deleted span


@dataclass
class Span:
    """A stretch of lines that may have a title: an annex, a division, a part of a case ... or the whole file."""

    kind: str
    start: int
    end: int = 0
    title: list[str] = field(default_factory=list)


@dataclass
class ParsedFile:
    """What one file says. ``lines`` keep their footnote calls marked; ``notes`` are the line numbers of footnotes."""

    root: str
    title: str
    title_dates: list[str]
    lines: list[str]
    notes: set[int]
    recitals: list[Span]
    articles: list[ArticleLines]
    annexes: list[Span]
    passages: list[Span]  # the parts of a case
    references: list[Reference]
    metadata: dict[str, Element]
    last_note: int
    deleted_spans: int
    repealed: bool
    warnings: list[str]
