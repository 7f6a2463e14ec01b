"""Parts of judgments, orders and opinions: the parties, the numbered points of the grounds, what is ruled.

Since schema 05.54 points are elements of their own (``NP.ECR``). Before, they are numbered paragraphs like any other,
known by their place in the text: each number is the one before it plus one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from preprocessing.document import Point
from preprocessing.formex.parsed import ParsedFile, Span
from preprocessing.formex.text import BREAK, without_calls

if TYPE_CHECKING:
    from preprocessing.formex.reader import FileReader

Attributes = dict[str, str]

#: Roots that hold what a court says or what is put before it. Their CONSID elements are no recitals: "after
#: considering the observations submitted ...".
CASE_LAW = frozenset(
    [
        "CASE",
        "CJT",
        "CONCLUSION",
        "CORRIGENDUM.ECR",
        "DECISION.ECR",
        "JUDGMENT",
        "JUDGMENT.NP",
        "OPINION",
        "ORDER",
        "ORDER.NP",
        "REPORT.HEARING",
        "RULING",
        "SUMMARY.JUDGMENT",
    ]
)
# Roots whose numbered paragraphs are points, also where the schema of their time had no element for points.
_WITH_POINTS = frozenset({"CONCLUSION", "DECISION.ECR", "JUDGMENT", "OPINION", "ORDER", "RULING"})

# What part of a case an element is. PARTIES counts by itself only where no side has its own element.
PASSAGES = {
    "PARTIES": "parties",
    "PLAINTIFS": "party",
    "DEFENDANTS": "party",
    "APPELANT": "party",
    "INTERVENERS": "party",
    "PRESENCE": "party",
    "NP.ECR": "point",
    "JURISDICTION": "ruling",
    "ENACTING.TERMS.CJT": "ruling",
    "DECISION": "ruling",
    "INTRO": "introduction",
    "SUMMARY": "summary",
}

_POINT = re.compile(r"\(?(\d{1,4}[a-z]?)([.)]?\s)\s*")
_ITEM = re.compile(r"\(?\d{1,3}[.)]\s|\d{1,3}\s")
# "Luxembourg, 22 January 2099" below what is ruled is not part of it.
_PLACE_AND_DATE = re.compile(r"[^\W\d].{0,50}\b\d{4}\W{0,3}(?:\w{1,3}\W?)?")


def open_passage(kind: str) -> Callable[[FileReader, Attributes], None]:
    """The rule for the start of a part of a case."""

    def rule(reader: FileReader, _: Attributes) -> None:
        reader.put(BREAK)
        if not reader.guard:
            reader.spans.append(Span(kind, reader.flush()))

    return rule


def close_passage(reader: FileReader) -> None:
    """The rule for its end."""
    reader.put(BREAK)
    if not reader.guard:
        span = reader.spans.pop()
        span.end = reader.flush()
        if span.end > span.start and (reader.root in CASE_LAW or span.kind == "visas"):
            reader.passages.append(span)


def parties(file: ParsedFile) -> list[str]:
    """Return the parties, one text for each side (applicants, defendants, interveners ...), in order."""
    sides = _spans(file, "party")
    if sides:
        return ["\n".join(_lines(file, span)) for span in sides]
    return [line for span in _spans(file, "parties") for line in _lines(file, span)]


def points(file: ParsedFile) -> list[Point]:
    """Return the numbered points of the grounds or of the opinion, in order."""
    if file.root not in _WITH_POINTS:
        return []
    texts = ["\n".join(_lines(file, span)) for span in _spans(file, "point")] or _by_number(file)
    return [_point(text) for text in texts]


def _point(text: str) -> Point:
    match = _POINT.match(text)
    return Point(match[1], text[match.end() :]) if match else Point("", text)


def operative_part(file: ParsedFile) -> list[str]:
    """Return what is ruled: one text for each numbered item, or each paragraph where nothing is numbered.

    An Advocate General rules nothing: the last point of the opinion is what the Court is advised to answer.
    """
    introductions = {number for span in _spans(file, "introduction") for number in range(span.start, span.end)}
    items: list[str] = []
    for span in _spans(file, "ruling"):
        items += _items([line for line in _lines(file, span, introductions) if line not in span.title])
    if file.root == "CONCLUSION" and (proposed := points(file)):
        items = _items(proposed[-1].text.split("\n"))
    return items


def _items(lines: list[str]) -> list[str]:
    if len(lines) > 1 and _PLACE_AND_DATE.fullmatch(lines[-1]):
        lines = lines[:-1]
    if len(lines) > 1 and lines[0].endswith(":"):
        lines = lines[1:]
    first = next((place for place, line in enumerate(lines) if _ITEM.match(line)), None)
    if first is None:
        return lines
    # what precedes the first number only leads to it: "hereby rules:"
    items = [line for line in lines[:first] if not line.endswith(":")]
    for line in lines[first:]:
        if _ITEM.match(line):
            items.append(line)
        else:
            items[-1] += f"\n{line}"
    return items


def _by_number(file: ParsedFile) -> Iterator[str]:
    """Yield the texts that begin with 1, 2, 3 ..., each up to the next number, a heading or what is ruled."""
    ends = {number for span in _spans(file, "heading", "ruling", "summary") for number in range(span.start, span.end)}
    text: list[str] = []
    expected, style = 1, ""
    for number, line in enumerate(file.lines):
        if number in file.notes:
            continue
        match = _POINT.match(line) if number not in ends else None
        if match and match[1] == "1" and number - 1 in ends:
            expected, style = 1, ""  # an opinion's parts count anew
        # "5." among points "4" and "5" is what a point quotes
        starts = match is not None and match[1] == str(expected) and style in ("", match[2])
        if (starts or number in ends) and text:
            yield "\n".join(text)
            text = []
        if match and starts:
            expected, style = expected + 1, match[2]
        if starts or text:
            text.append(without_calls(line))
    if text:
        yield "\n".join(text)


def _spans(file: ParsedFile, *kinds: str) -> list[Span]:
    return sorted((span for span in file.passages if span.kind in kinds), key=lambda span: span.start)


def _lines(file: ParsedFile, span: Span, left_out: Collection[int] = ()) -> list[str]:
    numbers = (number for number in range(span.start, span.end) if number not in file.notes and number not in left_out)
    return [without_calls(file.lines[number]) for number in numbers]
