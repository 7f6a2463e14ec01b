"""References to other acts: mentions in the text with the articles they name, and what the file itself marks as one.

A mention is resolved where its own words say which act is meant. A reference to a page of the Official Journal, which
is how most are marked, is resolved by the act that is named right before it ("Regulation (EU) 2099/679 of ... (OJ L 9,
4.5.2099, p. 1)") or, in a footnote, before its call; only an act of that year or the year before can be printed there.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from preprocessing.celex import derive_celex, expand_short_form
from preprocessing.citations.acts import NamedAct, named_acts
from preprocessing.citations.find import articles_before
from preprocessing.document import Reference

_ELI = re.compile(r"/eli/([a-z_]+)/(\d{4})/(\d{1,4})(?:\((\d{1,2})\))?(?:/|$)")
_ELI_LETTERS = {
    **dict.fromkeys(("reg", "reg_impl", "reg_del"), "R"),
    **dict.fromkeys(("dir", "dir_impl", "dir_del"), "L"),
    **dict.fromkeys(("dec", "dec_impl", "dec_del", "dec_entscheid"), "D"),
    "dec_framw": "F",
    "reco": "H",
}
_URI_CELEX = re.compile(r"CELEX(?:[:=/]|%3A)+([0-9][0-9A-Z()]+)", re.IGNORECASE)

_LABEL = re.compile(r"\[(\d+)\]\W*")
# What may stand before a title that comes first: "See Council and Commission ".
_BEFORE_TITLE = re.compile(r"(?:(?:[A-ZÉ][^\W\d_]*|and|et|und|y|e|de|du|of|the|la|le|il|o|a)\s+){0,6}")
_NEAR = 20_000
_GAP = " \u00a0(,–—-"


# Collection, number, day and first page of the Official Journal.
Page = tuple[str, str, str, str]


@dataclass(slots=True)
class Marked:
    """A reference that the file marks: its words and the attributes of its element."""

    surface: str
    attributes: dict[str, str]


def find_references(text: str, marked: Iterable[Marked], language: str, own: str | None) -> list[Reference]:
    """Return the references in the whole text of a document to others than itself (``own``), each once.

    First the acts that the text names, in order, an entry for each article; then what is marked beside them.
    """
    acts = list(named_acts(text))
    found = list(_mentions(text, acts, language))
    named = {act.celex for act in acts}
    found += (reference for reference in _marked(text, acts, marked) if reference.celex not in named)
    return _distinct(found, own)


@lru_cache(maxsize=10_000)
def celex_of_uri(uri: str) -> str | None:
    """Return the CELEX number behind a EUR-Lex address (ELI or CELEX), or None."""
    try:
        match = _ELI.search(uri)
        if match:
            letter = _ELI_LETTERS.get(match[1])
            twin = f"({int(match[4]):02d})" if match[4] else ""
            return expand_short_form(derive_celex(letter, int(match[2]), int(match[3])) + twin) if letter else None
        match = _URI_CELEX.search(uri)
        return expand_short_form(match[1].upper()) if match else None
    except ValueError:
        return None


def _mentions(text: str, acts: Sequence[NamedAct], language: str) -> Iterator[Reference]:
    """Yield the acts that the text names, with the articles that stand before them."""
    previous_end = 0
    for act in acts:
        articles, start = articles_before(text, previous_end, act.start, language)
        surface = text[start : act.end]
        previous_end = act.end
        if articles:
            for article in articles:
                yield Reference(act.celex, article, surface)
        else:
            yield Reference(act.celex, None, surface)


# -- what the file marks


def _marked(text: str, acts: Sequence[NamedAct], marked: Iterable[Marked]) -> Iterator[Reference]:
    """Yield what the file marks as a reference, resolved where that is certain; links to elsewhere are none."""
    starts = [act.start for act in acts]
    printed: dict[Page, set[str]] = {}  # what is printed on a page of the Official Journal
    found: list[tuple[str, str | None, Page]] = []
    before = 0
    for mark in marked:
        attributes = mark.attributes
        value = attributes.get
        celex = celex_of_uri(attributes["URI"]) if "URI" in attributes else None
        page = (value("COLL", ""), value("NO.OJ", ""), value("DATE.PUB", ""), value("PAGE.FIRST", ""))
        if celex is None and page[0] == "L" and page[2][:4].isdecimal():
            position = _position(text, mark.surface, before)
            if position >= 0:
                celex = _act_printed(text, acts, starts, before, position, int(page[2][:4]))
                before = position + len(mark.surface)
        if celex and all(page):
            printed.setdefault(page, set()).add(celex)
        if celex or page[0]:
            found.append((mark.surface, celex, page))
    for surface, celex, page in found:
        on_page = printed.get(page)
        if on_page:  # of two acts for one page at least one is wrong
            celex = next(iter(on_page)) if len(on_page) == 1 else None
        yield Reference(celex, None, surface)


def _position(text: str, surface: str, before: int) -> int:
    """Return where the next marked words stand: most often shortly after the last, in footnotes shortly before."""
    for start, end in ((before, before + _NEAR), (max(0, before - _NEAR), before), (0, len(text))):
        position = text.find(surface, start, end)
        if position >= 0:
            break
    return position


def _act_printed(
    text: str, acts: Sequence[NamedAct], starts: list[int], before: int, position: int, year: int
) -> str | None:
    """Return the act that the reference at ``position`` to an Official Journal of ``year`` says where to find.

    ``before`` is where the reference before it ends: an act named before that is another's.
    """
    line = text.rfind("\n", 0, position) + 1
    label = _LABEL.match(text, line, position)
    if label and label.end() == position:  # it stands first in a footnote: what is named before the footnote's call?
        position = text.rfind(f"[{label[1]}]", 0, line)
        line = text.rfind("\n", 0, position) + 1
        call = text.rfind("]", line, max(line, position - 1))
        before = call + 1 if call > line and text[call - 1].isdecimal() else line
    elif text[line:position] == "(":  # a line of its own, below the title
        line = text.rfind("\n", 0, max(line - 1, 0)) + 1
    begin = before if line < before <= position else line
    near = acts[bisect_left(starts, begin) : bisect_left(starts, position)]
    fitting = [act for act in near if act.celex[0] == "3" and year - 1 <= int(act.celex[1:5]) <= year]
    if not fitting:
        return None
    if len({act.celex for act in fitting}) == 1 or not text[fitting[-1].end : position].strip(_GAP):
        return fitting[-1].celex
    title = label.end() if label and line <= label.end() <= position else begin
    if near[0] is fitting[0] and _BEFORE_TITLE.fullmatch(text, title, near[0].start):
        return near[0].celex
    return None


def _distinct(references: Iterable[Reference], own: str | None) -> list[Reference]:
    """Keep the first of equal references, and none to the document itself."""
    seen: set[tuple[str | None, str | None]] = set()
    kept = []
    for reference in references:
        # a number resolved once is one reference however it is worded; others differ by their words
        key = (reference.celex, reference.article if reference.celex else reference.surface)
        if key not in seen and not (own and reference.celex == own):
            seen.add(key)
            kept.append(reference)
    return kept
