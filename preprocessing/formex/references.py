"""Mentions of other acts, resolved into CELEX numbers where their form alone says which act is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from preprocessing.celex import derive_celex, expand_short_form
from preprocessing.document import Reference

_ELI = re.compile(r"/eli/(reg|dir|dec|reco)[a-z_]*/(\d{4})/(\d{1,4})(?:/|$)")
_ELI_LETTERS = {"reg": "R", "dir": "L", "dec": "D", "reco": "H"}
_URI_CELEX = re.compile(r"CELEX[:=](?:%3A)?([0-9][0-9A-Z()]+)", re.IGNORECASE)

_COMMUNITY = r"(?:EU|EC|EEC|CE|CEE|UE|EG|EWG|Euratom|ECSC|CECA|EGKS)"
# A mention is found by its number, "2016/679" or "95/46/EC", which is rare and quick to look for; only there are
# the words before it read: "Regulation (EU)", "Directive", "Verordnung (EG) Nr.".
# (A pattern that begins with a plain character is searched many times faster than one that begins with digits.)
_SECOND_NUMBER = re.compile(rf"/(?P<second>\d{{1,4}})(?:/(?P<suffix>{_COMMUNITY}|CFSP|JHA|PESC|JAI|GASP|JI))?(?![\d/])")
_WORDS_BEFORE = re.compile(
    r"\b(?:(?P<framework>framework\s+decisions?|décisions?-cadres?|rahmenbeschluss(?:es)?|decisi(?:ón|ones)\s+marco"
    r"|decis(?:ão|ões)-quadro)"
    r"|(?P<regulation>regulations?|règlements?|\w*verordnung(?:en)?|reglamentos?|regulamentos?)"
    r"|(?P<directive>directives?|\w*richtlinien?|directivas?|diretivas?)"
    r"|(?P<decision>decisions?|décisions?|\w*beschluss(?:es)?|beschlüsse|entscheidung(?:en)?|decisión|decisiones"
    r"|decisão|decisões))"
    rf"\s+(?:\({_COMMUNITY}(?:,\s*{_COMMUNITY})*\)\s*)?(?P<no>(?:no|n[º°]|n\.\s?[ºo°]|nr\.?)\s*)?(?P<first>\d{{1,4}})$",
    re.IGNORECASE,
)
_WORDS_LENGTH = 48  # "Regulation (EEC, Euratom, ECSC) No 1234" has 39
_LETTERS = {"framework": "F", "regulation": "R", "directive": "L", "decision": "D"}


def celex_of_uri(uri: str) -> str | None:
    """Return the CELEX number behind a EUR-Lex address (ELI or CELEX), or None."""
    match = _ELI.search(uri)
    try:
        if match:
            return derive_celex(_ELI_LETTERS[match[1]], int(match[2]), int(match[3]))
        match = _URI_CELEX.search(uri)
        return expand_short_form(match[1].upper()) if match else None
    except ValueError:
        return None


def find_mentions(text: str) -> Iterator[Reference]:
    """Yield the regulations, directives and decisions that running text names by type and number, in order."""
    for second in _SECOND_NUMBER.finditer(text):
        slash = second.start()
        if not text[slash - 1 : slash].isdecimal():
            continue
        first = _WORDS_BEFORE.search(text, max(0, slash - _WORDS_LENGTH), slash)
        celex = _celex_of_mention(first, second) if first else None
        if first and celex:
            yield Reference(celex, None, first[0] + second[0])


@lru_cache(maxsize=10_000)
def _celex_of_parts(letter: str, first: str, second: str, numbered: bool, suffixed: bool) -> str | None:
    """Decide which of the two numbers is the year, and build the CELEX number; None where the form leaves it open.

    It is the second after "No" (regulations until 2014), the first before a suffix (``95/46/EC``) and in the
    numbering since 2015; a number that can be no year decides as well.
    """
    if numbered:
        year, number = second, first
    elif suffixed or _is_year(first):
        year, number = first, second
    elif _is_year(second):
        year, number = second, first
    else:
        return None
    if not _is_year(year) and len(year) != 2:
        return None
    try:
        return derive_celex(letter, int(year), int(number))
    except ValueError:
        return None


def _celex_of_mention(first: re.Match[str], second: re.Match[str]) -> str | None:
    letter = next(letter for name, letter in _LETTERS.items() if first[name])
    return _celex_of_parts(letter, first["first"], second["second"], bool(first["no"]), bool(second["suffix"]))


def distinct(references: Iterable[Reference], own: str | None) -> list[Reference]:
    """Keep the first of equal references, and none to the document itself."""
    seen: set[tuple[str | None, str]] = set()
    kept = []
    for reference in references:
        # a number resolved once is one reference however it is worded; others differ by their words
        key = (reference.celex, "" if reference.celex else reference.surface)
        if key not in seen and not (own and reference.celex == own):
            seen.add(key)
            kept.append(reference)
    return kept


def _is_year(text: str) -> bool:
    return len(text) == 4 and "1950" <= text <= "2100"
