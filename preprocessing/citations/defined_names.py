"""Short names that texts define themselves: an act's own in its title, another's beside the number it is cited by.

    Regulation (EU) 2099/1 on invented sludge and repealing Directive 2090/2/EC (Sludge Regulation)
    ... under Regulation (EU) 2099/1 of the European Parliament and of the Council (the ‘Sludge Regulation’)
    ... nach der Verordnung (EU) 2099/1 (im Folgenden „SchlVO“)

Only names that say what kind of act they stand for are taken, so that "(‘the Agency’)" beside a number is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from preprocessing.citations.acts import NamedAct, named_acts
from preprocessing.citations.short_names import bare_name

_BRACKETED = re.compile(r"\(([^()]{3,100})\)")
_QUOTED = re.compile(
    r"\((?:[^()\n‘“„«\"]{0,40}[\s’'])?"
    r"(?:‘([^()\n‘]{2,80}?)’(?!\w)|[“„]([^()\n“„]{2,80}?)[”“]|«\s?([^()\n«]{2,80}?)\s?»|\"([^()\n\"]{2,80}?)\")"
    r"[^()\n]{0,30}\)"
)
_BEFORE = 500  # characters in which the act that a name stands for must be named
# What stands between an act's number and the name that follows: calls of footnotes, who adopted it, the day.
_BETWEEN = re.compile(
    r"(?:\[\d+\]|[,\s\u00a0]|\d{1,2}[.]?\s\w{3,10}\s\d{4}"
    r"|of|the|and|du|de|la|le|et|des|der|vom|von|und|del|y|e|do|da"
    r"|European|Parliament|Council|Commission|Parlement|européen|Conseil|Europäischen|Parlaments|Rates|Kommission"
    r"|Parlamento|Europeo|Europeu|Consejo|Comisión|Conselho|Comissão)*"
)
# The words for kinds of act by letter; "" are names that may stand for any. German ones end compounds.
_KINDS = {
    "R": r"\bregulation|\brèglement|verordnung|\breglamento|\bregulamento",
    "L": r"\bdirective|richtlinie|\bdirectiva|\bdiretiva",
    "D": r"\bdecision|\bdécision|beschluss|\bdecisión|\bdecisão",
    "": r"\bact\b|\blaw\b|\bcode\b|\bloi\b|gesetz|rechtsakt|kodex|\bley\b|\blegislación\b|\bcódigo\b|\blei\b|\bato\b",
}
_KIND = re.compile("|".join(f"(?P<K{letter}>{words})" for letter, words in _KINDS.items()), re.IGNORECASE)
_ABBREVIATION = re.compile(
    r"(?=(?:[^A-ZÄÖÜ]*[A-ZÄÖÜ]){3})[A-ZÄÖÜ][A-Za-zÄÖÜäöü]{2,7}(?:-VO|-RL)?(?:[ \u00a0-]?(?:[IVX]{1,4}|\d))?"
)
_NUMERAL = re.compile(r"[ \u00a0-]?(?:[IVX]{1,4}|\d)$")
_CHANGES = re.compile(r"amend|modifi|änder|alter(?:a|ação)|repeal|abrog|aufheb|aufhebung|derog|revog", re.IGNORECASE)
_REPEALS = re.compile(
    r"(?:repealing|abrogeant|Aufhebung|deroga|revoga)\b(?!.*(?:amend|modifi|[äÄ]nder|alter))", re.DOTALL
)
_NEAR = 80  # characters before an act's number that say what is done to it
# Initials by which abbreviations tell the kind of their act, at the end or (French, Spanish, Portuguese) the beginning.
_LAST = {"R": ("R", "V", "VO"), "L": ("D", "RL")}
_FIRST = {"R": "R", "L": "D"}
_BRACKETS = re.compile(r"(?:\s|\([^()]*\)|\[\d+\]|[.,*])*")
_FUNCTION_WORDS = frozenset([
    "a", "al", "and", "au", "aux", "da", "das", "de", "del", "dem", "den", "der", "des", "di", "do", "dos", "du", "e",
    "el", "en", "et", "for", "für", "in", "la", "las", "le", "les", "los", "na", "no", "o", "of", "on", "os", "para",
    "pour", "por", "sobre", "sur", "the", "to", "u", "über", "und", "y", "zu", "zur",
])  # fmt: skip


def own_names(title: str, celex: str) -> list[str]:
    """Return the short names that an act's title gives it, in brackets: "(General Data Protection Regulation)".

    Brackets after another act's number are that act's where they could be, "amending Directive 2090/2/EC (Sludge
    Directive)", except where it is repealed: that one's name is no longer needed.
    """
    if "(" not in title or celex[:1] != "3":
        return []
    acts = list(named_acts(title))
    names = []
    for match in _BRACKETED.finditer(title):
        name = bare_name(match[1])
        kind = _kind(name)
        if kind is None or (kind and kind != celex[5]) or not _is_name(name):
            continue
        others = [act for act in acts if act.end <= match.start() and act.celex != celex]
        if not others or (
            _BRACKETS.fullmatch(title, match.end()) and not _is_of_other(title, others[-1], match.start(), celex)
        ):
            names.append(name)
    return list(dict.fromkeys(names))


def defined_names(text: str) -> Iterator[tuple[str, str]]:
    """Yield ``(CELEX, name)`` for each name that ``text`` defines, in brackets and quotation marks, for an act."""
    for match in _QUOTED.finditer(text):
        name = bare_name(match[match.lastindex or 1])
        kind = _kind(name)
        if (kind is None and not _ABBREVIATION.fullmatch(name)) or not _is_name(name):
            continue
        start = max(text.rfind("\n", 0, match.start()) + 1, match.start() - _BEFORE)
        window = text[start : match.start()]
        acts = [act for act in named_acts(window) if act.celex[0] == "3"]
        celex = _meant(name, kind, window, acts)
        if celex:
            yield celex, name


def initials(name: str) -> str | None:
    """Return the abbreviation made from a name of several words, None where it would be shorter than three letters.

    >>> initials("General Data Protection Regulation")
    'GDPR'
    """
    words = [word for word in re.split(r"[\s\u00a0'’-]+", name) if word]
    letters = [word[0].upper() for word in words if word.lower() not in _FUNCTION_WORDS and len(word) > 1]
    return "".join(letters) if 3 <= len(letters) <= 6 and all(map(str.isalpha, letters)) else None


def _meant(name: str, kind: str | None, window: str, acts: list[NamedAct]) -> str | None:
    """Return the act among those named before it that a name stands for, None where it may be several."""
    if not acts:
        return None
    last = acts[-1]
    changed = _CHANGES.search(window, max(0, last.start - _NEAR), last.start) is not None
    beside = _BETWEEN.fullmatch(window, last.end) is not None and not changed
    if kind is None:
        letter = last.celex[5]
        stem = _NUMERAL.sub("", name)
        tells = stem.endswith(_LAST.get(letter, ())) or stem.startswith(_FIRST.get(letter, "\n"))
        return last.celex if beside and tells else None
    if kind == "":
        return last.celex if beside else None
    fitting = {act.celex for act in acts if act.celex[5] == kind}
    return fitting.pop() if len(fitting) == 1 else None


@lru_cache(maxsize=10_000)
def _kind(name: str) -> str | None:
    """Return the letter of the kind of act that a name says, "" where it may be any, None where it says none."""
    match = _KIND.search(name)
    return match.lastgroup[1:] if match and match.lastgroup else None


def _is_name(name: str) -> bool:
    """Tell a name from a bare noun ("the Directive") and from a citation ("Article 16 of Directive 2099/1/EC")."""
    if "/" in name or re.search(r"\b(?:article|artikel|artículo|artigo|19\d\d|20\d\d)", name.lower()):
        return False
    return not re.fullmatch(_KIND.pattern, name, re.IGNORECASE) or _ABBREVIATION.fullmatch(name) is not None


def _is_of_other(title: str, other: NamedAct, bracket: int, celex: str) -> bool:
    """Tell whether a name in brackets at ``bracket`` may be that of the act named before it, not the title's own."""
    if title[other.end : bracket].strip() or other.celex[5] != celex[5]:
        return False
    return _REPEALS.search(title, max(0, other.start - _NEAR), other.start) is None
