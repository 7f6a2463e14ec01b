"""An article's text as paragraphs, lead sentences and list points, read from its lines in any language.

The reader prints one block per line with its number before it: ``1. ...``, ``(1) ...`` for paragraphs, ``(a) ...``,
``a) ...``, ``1. ...``, ``— ...`` for points. Which is which follows from where it stands: a paragraph's number opens
the paragraph, everything numbered after that is a point.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from preprocessing.document import Article

PARAGRAPH_NUMBER = re.compile(r"\(?(\d{1,3}[a-z]?)[.)]\s+(?=\S)")
POINT_MARKER = re.compile(
    r"(?:\(([0-9]{1,3}[a-z]?|[a-z]{1,4})\)|([0-9]{1,3}[a-z]?|[a-z]{1,4})[.)])\s+(?=\S)|[—–•-]\s+(?=\S)"
)
ROMAN = re.compile(r"[ivxl]+")


@dataclass
class Point:
    """One point of a list with everything below it; ``lines`` are as printed, the first with its marker.

    ``label`` is the bare marker (``"a"``, ``"12"``), or the place in the list for dashes.
    """

    label: str
    lines: list[str]
    marker: str  # as printed, with the space after it

    @property
    def text(self) -> str:
        """The point without its own marker, its parts on lines of their own."""
        return "\n".join([self.lines[0][len(self.marker) :], *self.lines[1:]])


@dataclass
class Paragraph:
    """One paragraph: an opening ``lead``, the points of its list if it has one, and what stands after the list.

    ``number`` is None for an unnumbered one; ``lead`` and ``lines`` are without the number, ``printed`` is with it.
    """

    number: str | None
    lines: list[str]
    printed: str
    lead: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def paragraphs_of(article: Article) -> list[Paragraph]:
    """Split an article into its paragraphs; one of blank text has none."""
    return [paragraph for text in article.paragraphs or [article.text] if (paragraph := _paragraph(text))]


def squeeze(text: str) -> str:
    """One space for every run of white space within a line (no-break spaces too); line breaks stay, blank lines go."""
    return "\n".join(line for part in text.split("\n") if (line := " ".join(part.split())))


def _paragraph(text: str) -> Paragraph | None:
    lines = squeeze(text).split("\n")
    if not lines[0]:
        return None
    number, printed = None, "\n".join(lines)
    if match := PARAGRAPH_NUMBER.match(lines[0]):
        number, lines = match[1], [lines[0][match.end() :], *lines[1:]]
    paragraph = Paragraph(number, lines, printed)
    _read_points(paragraph)
    return paragraph


def _read_points(paragraph: Paragraph) -> None:
    for line in paragraph.lines:
        match = POINT_MARKER.match(line)
        if match and _is_next_point(paragraph, match):
            if paragraph.points and paragraph.tail:
                paragraph.points[-1].lines.extend(paragraph.tail)  # it was the point's own second part
                paragraph.tail = []
            label = match[1] or match[2] or str(len(paragraph.points) + 1)
            paragraph.points.append(Point(label, [line], match[0]))
        elif match and paragraph.points:
            owner = paragraph.points[-1].lines
            owner.extend(paragraph.tail)
            owner.append(line)
            paragraph.tail = []
        elif paragraph.points:
            paragraph.tail.append(line)
        else:
            paragraph.lead.append(line)


def _is_next_point(paragraph: Paragraph, match: re.Match[str]) -> bool:
    """Say whether a marker goes on with the paragraph's own list, or opens it; otherwise it is of a list within."""
    label = match[1] or match[2]
    if not paragraph.points:
        return bool(paragraph.lead) and (label is None or label.rstrip("abcdefgh") in ("", "1", "i"))
    last = paragraph.points[-1]
    dashed = last.marker[0] in "—–•-"
    if label is None or dashed:
        return label is None and dashed
    return _follows(last.label, label)


def _follows(label: str, after: str) -> bool:
    """Whether ``after`` can come next to ``label`` in one list: 1 2, a b, a aa, z aa, i ii; gaps of deleted points too.

    ``i`` after anything but ``h`` opens a roman list within the point, and so does a figure after a letter.
    """
    if label[0].isdigit() != after[0].isdigit():
        return False
    if label[0].isdigit():
        return int(re.sub(r"\D", "", after)) >= int(re.sub(r"\D", "", label)) and after != label
    if ROMAN.fullmatch(label) and ROMAN.fullmatch(after) and len(label + after) > 2:
        return True
    if len(after) == 2 and after[0] == label[0]:
        return True  # "aa" inserted after "a"
    if ROMAN.fullmatch(after) and after[0] != chr(ord(label[-1]) + 1):
        return False
    return (len(after), after) > (len(label), label)
