"""Acts and judgments named by number in long texts, found fast: ``Regulation (EU) 2016/679``, ``judgment C-131/12``.

A whole act is searched, and most of it names no other. So what every such name has, a stroke between digits, is looked
for first, and only there are the words before it read, from right to left: figures, "No", the Community in brackets,
the noun. Its words are those of :mod:`preprocessing.citations.words`. Only what is certain is found: a name whose words
leave its type or its year open is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from preprocessing.celex import full_year, is_celex
from preprocessing.citations.numbers import LAST_YEAR, act_celex
from preprocessing.citations.patterns import COMMUNITY
from preprocessing.citations.words import WORDS

# (A pattern that begins with a plain character is searched many times faster than one that begins with digits.)
_STROKE = re.compile(rf"/(\d{{1,4}})((?:/(?:{COMMUNITY})(?:,[ \u00a0]?(?:{COMMUNITY}))*)?)(?![A-Z\d/])")
# Characters before a stroke that tell what it is: nearly always, and at most.
_FAMILIAR, _LONGEST = 24, 64
# What a number may follow without a space: "(EU)1095/2010", "No1093/2010".
_CLOSE_UP = ")oº°."
_NUMERO = frozenset([
    "No", "no", "NO", "No.", "Nos", "nos", "n°", "nº", "N°", "n.º", "n.°", "n.o", "n.os", "n.ºs", "Nr.", "nr.", "Nr",
    "núm.",
])  # fmt: skip
# "directive du Conseil 92/43/CEE": who adopted it may stand before the number
_ADOPTED_BY = re.compile(
    r"\s(?:(?:du|de|la|le|des|der|del|do|da|et|und|y|e)\s|Parlements?\b|européen|Europäischen|Parlamento|Europeu?o?"
    r"|Conseil|Commission|Rates|Kommission|Consejo|Comisión|Conselho|Comissão|\s)+$"
)
_ADOPTERS = ("Conseil", "Commission", "Rates", "Kommission", "Consejo", "Comisión", "Conselho", "Comissão")
_CALLS = re.compile(r"\s?\[\d+\]")
_FIRST_YEAR = 1958
# The first year in which regulations are numbered year/number.
_YEAR_FIRST_SINCE = 2015
# Kinds that bodies beside the institutions adopt too ("Decision No 1/95 of the Association Council"): theirs have
# neither "(EU)" before the number nor "/EC" after it nor the year first, and are not the acts of those numbers.
_ALSO_OF_OTHERS = frozenset("DHF")

# Acts of the foreign and security policy (E) and of justice and home affairs (F) before 2009, told by their suffix.
_BY_SUFFIX = (
    *("joint action", "joint actions", "common position", "common positions"),
    *("action commune", "actions communes", "position commune", "positions communes"),
    *("gemeinsame aktion", "gemeinsamen aktion", "gemeinsamer standpunkt", "gemeinsamen standpunkt"),
    *("gemeinsamen standpunkts", "gemeinsamen standpunktes"),
    *("acción común", "acciones comunes", "posición común", "posiciones comunes"),
    *("ação comum", "acção comum", "ações comuns", "acções comuns", "posição comum", "posições comuns"),
)
_LETTERS_BY_SUFFIX = {**dict.fromkeys(("CFSP", "PESC", "GASP"), "E"), **dict.fromkeys(("JHA", "JAI", "JI"), "F")}

_COURTS = {"C": "CJ", "T": "TJ", "F": "FJ"}
_HYPHENS = "-\u2010\u2011\u2012\u2013"
# Only a judgment's number is certain: in one case there may be several orders, and an opinion.
_RULING = re.compile(
    r"\b(?:(?P<judgment>judgments?|arrêts?|urteil\w*|sentencias?|acórdãos?)"
    r"|orders?|ordonnances?|beschl\w+|autos?|despachos?|opinions?|conclusions?|schlussantr\w+|conclusiones|conclusões"
    r"|(?P<end>(?<!\d)\.\s))",
    re.IGNORECASE,
)
_RULING_DISTANCE = 300
_OTHER_PROCEDURE = re.compile(r"[\s\u00a0](?:P?\s?\(?R\b|P-R\b|DEP\b|REV\b|INTP\b|SA\b)")


class NamedAct(NamedTuple):
    """``text[start:end]`` names the act or judgment with the number ``celex``."""

    start: int
    end: int
    celex: str


def named_acts(text: str) -> Iterator[NamedAct]:
    """Yield the acts and judgments that ``text`` names by type and number, in order, in any of the five languages.

    In lists ("Directives 2004/17/EC and 2004/18/EC") every member is found.
    """
    letter, last_end, last_case_end = "", 0, 0
    for stroke in _STROKE.finditer(text):
        slash, end = stroke.span()
        if slash >= _FAMILIAR:
            familiar = _familiar(text[slash - _FAMILIAR : end])
            if familiar:
                letter, back, celex = familiar
                last_end = end
                if celex:
                    yield NamedAct(slash - back, end, celex)
                continue
        figures = text[max(0, slash - 5) : slash]
        number = slash - len(figures) + len(figures.rstrip("0123456789"))
        before = text[number - 1 : number]
        if not 0 < slash - number <= 4 or not before:
            continue
        if before in _HYPHENS:
            start = number - 2
            celex = _judgment(text, start, text[number:slash], stroke) if start - last_case_end > 6 else None
            last_case_end = end
            if celex:
                yield NamedAct(start, end, celex)
            continue
        if not before.isspace() and before not in _CLOSE_UP:
            continue
        words = _words(text[max(0, number - _LONGEST) : number], cut=False)
        if words is None:
            letter = ""
            continue
        start = number - words.begin
        if words.letter:
            letter = words.letter
        elif letter == "R" or words.mark or stroke[2]:
            letter = letter if _is_joint(text[last_end:start]) else ""
        else:
            letter = ""
        last_end = end
        if not letter:
            continue
        celex = _celex(letter, text[number:slash], stroke[1], words.numbered, words.mark, stroke[2])
        if celex:
            yield NamedAct(start, end, celex)


@lru_cache(maxsize=100_000)
def _familiar(name: str) -> tuple[str, int, str | None] | None:
    """Read an act whose name ends ``name``: its letter, how far before the stroke it begins, its number.

    None where the words are too long for this, or no noun stands among them. Most names come again and again.
    """
    stroke = _STROKE.search(name, _FAMILIAR)
    head = name[:_FAMILIAR].rstrip("0123456789")
    first = name[len(head) : _FAMILIAR]
    if stroke is None or not 0 < len(first) <= 4 or not (head[-1].isspace() or head[-1] in _CLOSE_UP):
        return None
    words = _words(head)
    if words is None or not words.letter:
        return None
    celex = _celex(words.letter, first, stroke[1], words.numbered, words.mark, stroke[2])
    return words.letter, len(first) + words.begin, celex


class _Words(NamedTuple):
    """The words right before a number; ``begin`` is how many characters before it they begin.

    ``letter`` is that of the noun, "" where none stands there; ``mark`` is "EU" where "(EU)" stands there.
    """

    letter: str
    begin: int
    numbered: bool
    mark: str


def _words(head: str, cut: bool = True) -> _Words | None:
    """Read the words that ``head`` ends in; None where it holds nothing, or is ``cut`` too short to say."""
    _, newline, head = head.rpartition("\n")  # never over a line's end
    cut = cut and not newline
    length = len(head)
    head = head.rstrip()
    begin, mark = length, ""
    parts = head.rsplit(None, 1)
    numbered = len(parts) == 2 and parts[1] in _NUMERO
    if numbered:
        begin = len(head) - len(parts[1])
        head = parts[0]
    if head.endswith(")"):
        opening = head.rfind("(")
        if opening < 0:
            return None
        if _is_mark(head[opening + 1 : -1]):
            mark, begin = head[opening + 1 : -1], opening
            head = head[:opening].rstrip()
    if head.endswith(_ADOPTERS):
        if cut:
            return None
        head = _ADOPTED_BY.sub("", head)
    parts = head.rsplit(None, 1)
    if cut and len(parts) < 2:
        return None
    lower = head.lower().replace("’", "'").replace("\u00a0", " ")
    for form, letter in _forms_of(parts[-1]) if parts else ():
        if lower.endswith(form) and not lower[-len(form) - 1 : -len(form)].isalpha():
            return _Words(letter, length - len(head) + len(form), numbered, mark)
        if cut and form.endswith(lower):
            return None
    return _Words("", length - begin, numbered, mark)


@lru_cache(maxsize=1_000)
def _is_mark(text: str) -> bool:
    return re.fullmatch(rf"\s?(?:{COMMUNITY})(?:\s?,\s?(?:{COMMUNITY}))*\s?", text) is not None


@cache
def _nouns() -> dict[str, list[tuple[str, str]]]:
    """By the last word of each noun, its forms and their letters, the longest first."""
    nouns: dict[str, list[tuple[str, str]]] = {}
    for words in WORDS.values():
        for noun in words.nouns:
            for form in noun.forms():
                form = form.lower().replace("’", "'")
                nouns.setdefault(form.rsplit(" ", 1)[-1], []).append((form, noun.letter))
    for form in _BY_SUFFIX:
        nouns.setdefault(form.rsplit(" ", 1)[-1], []).append((form, "E"))
    return {word: sorted(set(forms), key=lambda item: -len(item[0])) for word, forms in nouns.items()}


@lru_cache(maxsize=10_000)
def _forms_of(word: str) -> tuple[tuple[str, str], ...]:
    """Return the nouns that may end in ``word``; a German compound or a hyphenated noun is one of its own."""
    word = word.lower().replace("’", "'").lstrip("([{\"'«„“‘›»…—–-")
    forms = _nouns().get(word)
    if forms:
        return tuple(forms)
    for noun in WORDS["de"].nouns:
        for form in noun.forms():
            if " " not in form and word.endswith(form.lower()):
                return ((word, noun.letter),)
    stem, hyphen, _ = word.partition("-")  # "directive-cadre"
    letters = {letter for form, letter in _nouns().get(stem, []) if form == stem} if hyphen else set()
    return ((word, letters.pop()),) if len(letters) == 1 else ()


def _is_joint(between: str) -> bool:
    return _is_joint_word(_CALLS.sub("", between) if "[" in between else between)


@lru_cache(maxsize=10_000)
def _is_joint_word(between: str) -> bool:
    words = "|".join(words.joint_words for words in WORDS.values())
    return re.fullmatch(rf"[^\S\n]*(?:,|,?[^\S\n]+(?:{words}))[^\S\n]*", between, re.IGNORECASE) is not None


@lru_cache(maxsize=20_000)
def _celex(letter: str, first: str, second: str, numbered: bool, mark: str, suffix: str) -> str | None:
    """Return the number of the act printed as "(mark) No first/second/suffix"."""
    if letter == "E":
        told = _LETTERS_BY_SUFFIX.get(suffix.lstrip("/"))
        return act_celex(told, first, second, numbered=False) if told else None
    if letter in _ALSO_OF_OTHERS and not mark and not suffix:
        years = _FIRST_YEAR <= int(first) <= LAST_YEAR, _FIRST_YEAR <= int(second) <= LAST_YEAR
        if numbered or years != (True, False):
            return None
    if letter == "D" and numbered and ("/" in suffix and len(first) <= 2 and len(second) <= 2):
        return None  # "No 94/90/ECSC": either may be the year
    if letter == "D" and numbered and any(name in mark + suffix for name in ("ECSC", "CECA", "EGKS")):
        return None  # a general decision of the Coal and Steel Community has another letter
    if letter == "L":
        numbered = False  # directives are always numbered year/number
    elif letter == "R" and not numbered:
        is_new = len(first) == 4 and int(first) >= _YEAR_FIRST_SINCE
        if is_new and not mark and len(second) == 4 and int(second) < _YEAR_FIRST_SINCE:
            return None  # "Regulation 2015/2003": either may be the year
        numbered = not (is_new and (not mark or "EU" in mark or "UE" in mark))
    return act_celex(letter, first, second, numbered)


def _judgment(text: str, start: int, number: str, stroke: re.Match[str]) -> str | None:
    """Return the number of the judgment in the case named at ``start``, None where it may be another document."""
    court = _COURTS.get(text[start : start + 1]) if start >= 0 and not text[start - 1 : start].isalnum() else None
    year = stroke[1]
    if court is None or len(year) != 2 or stroke[2] or _OTHER_PROCEDURE.match(text, stroke.end()):
        return None
    line = max(text.rfind("\n", 0, start) + 1, start - _RULING_DISTANCE)
    rulings = list(_RULING.finditer(text, line, start))
    if not rulings or not rulings[-1]["judgment"]:
        return None
    celex = f"6{full_year(int(year))}{court}{int(number):04d}"
    return celex if is_celex(celex) else None
