"""What one FORMEX file holds once read: clean lines, and the line numbers where its parts lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from preprocessing.formex.references import Marked


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
    passages: list[Span]  # the parts of a case, the visas of an act
    references: list[Marked]
    metadata: dict[str, Element]
    last_note: int
    deleted_spans: int
    repealed: bool
    warnings: list[str]
