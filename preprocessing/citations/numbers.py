"""Numbers of articles and of acts, from their printed forms to the normalised ones."""

from __future__ import annotations

import re

from preprocessing.celex import derive_celex

FIRST_YEAR, LAST_YEAR = 1952, 2100
ARTICLE_NUMBER = re.compile(
    r"(\d+)\s*(?:(?:\.\s?[ºo°]|[º°ᵉ])(?:ʳ|r)?(?!\w)|er\b)?[-\s]*([a-z]+(?:\s[a-z]+)?)?", re.IGNORECASE
)


def normalise_article_number(printed: str) -> str:
    """Return the bare number of an article as printed.

    ``"5"``, ``"5.º"`` and ``"5.o"`` -> ``"5"``; ``"12 bis"`` -> ``"12bis"``; ``"12.º-A"`` -> ``"12a"``; ``"1er"`` and
    anything without digits (``"premier"``, ``"primero"``: the word for first) -> ``"1"``.
    """
    match = ARTICLE_NUMBER.match(printed.strip())
    if not match:
        return "1"
    return str(int(match[1])) + "".join((match[2] or "").lower().split())


def act_celex(letter: str, first: str, second: str, numbered: bool) -> str | None:
    """Return the CELEX number of an act printed as ``first/second``, or None where no year can be made out.

    ``letter`` is the kind of act (R, L, D, F, H). ``numbered`` says that "No" (n°, Nr., n.º) stood before the figures,
    which announces number/year. Otherwise the year comes first, except where only the second figure can be one; two
    figures of two digits are year/number, but number/year for a regulation (``17/62``, ``95/46``).
    """
    year_first, year_second = _year(first), _year(second)
    both_short = len(first) <= 2 and len(second) <= 2
    number_first = numbered or (letter == "R" and both_short)
    if year_second is not None and (number_first or year_first is None):
        year, number = year_second, first
    elif year_first is not None:
        year, number = year_first, second
    else:
        return None
    return derive_celex(letter, year, int(number)) if int(number) > 0 else None


def _year(figures: str) -> int | None:
    """Read a year of four digits, or of two where they can only mean 19xx (four are printed since 1999)."""
    if len(figures) not in (2, 4):
        return None
    year = int(figures) + (1900 if len(figures) == 2 else 0)
    return year if FIRST_YEAR <= year <= LAST_YEAR else None
