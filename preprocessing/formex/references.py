"""Mentions of other acts, resolved into CELEX numbers where their form alone says which act is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

from preprocessing.celex import derive_celex, expand_short_form
from preprocessing.document import Reference

_ELI = re.compile(r"/eli/(reg|dir|dec|reco)[a-z_]*/(\d{4})/(\d{1,4})(?:/|$)")
_ELI_LETTERS = {"reg": "R", "dir": "L", "dec": "D", "reco": "H"}
_URI_CELEX = re.compile(r"CELEX[:=](?:%3A)?([0-9][0-9A-Z()]+)", re.IGNORECASE)

# The words for each type of act in the five languages, as stems in lower case.
_KIND = (
    r"(?P<regulation>regulations?|règlements?|verordnung(?:en)?|reglamentos?|regulamentos?)"
    r"|(?P<directive>directives?|richtlinien?|directivas?|diretivas?)"
    r"|(?P<decision>decisions?|décisions?|beschluss(?:es)?|beschlüsse|entscheidung(?:en)?|decisión|decisiones"
    r"|decisão|decisões)"
)
_COMMUNITY = r"(?:EU|EC|EEC|CE|CEE|UE|EG|EWG|Euratom|ECSC|CECA|EGKS)"
# "Regulation (EU) 2016/679", "Regulation (EC) No 45/2001", "Directive 95/46/EC", "Verordnung (EG) Nr. 45/2001"
_MENTION = re.compile(
    rf"\b(?:{_KIND})\s+(?:\((?:{_COMMUNITY}(?:,\s*)?)+\)\s*)?(?P<no>(?:no|n[º°]|n\.\s?[ºo°]|nr\.?)\s*)?"
    rf"(?P<first>\d{{1,4}})/(?P<second>\d{{1,4}})(?:/(?P<suffix>{_COMMUNITY}|CFSP|JHA|PESC|JAI|GASP|JI|PESD))?\b",
    re.IGNORECASE,
)
_LETTERS = {"regulation": "R", "directive": "L", "decision": "D"}


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


def celex_of_mention(match: re.Match[str]) -> str | None:
    """Return the CELEX number that a match of a mention stands for, or None where its form leaves it open.

    Which of the two numbers is the year: the second after "No" (regulations until 2014), the first before a suffix
    (``95/46/EC``) and in the numbering since 2015; a number that can be no year decides as well.
    """
    kind = next(name for name in _LETTERS if match[name])
    first, second = match["first"], match["second"]
    if match["no"]:
        year, number = second, first
    elif match["suffix"] or _is_year(first):
        year, number = first, second
    elif _is_year(second):
        year, number = second, first
    else:
        return None
    if not _is_year(year) and len(year) != 2:
        return None
    try:
        return derive_celex(_LETTERS[kind], int(year), int(number))
    except ValueError:
        return None


def find_mentions(text: str) -> Iterable[Reference]:
    """Yield the mentions of regulations, directives and decisions in running text, in order."""
    for match in _MENTION.finditer(text):
        celex = celex_of_mention(match)
        if celex:
            yield Reference(celex, None, match[0])


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
