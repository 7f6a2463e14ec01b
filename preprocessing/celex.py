"""The CELEX grammar: the identifiers of EUR-Lex, e.g. ``32016R0679``, ``02016R0679-20160504``, ``62014CJ0123``.

A number is sector, year, one to three letters of type, a number, and optional endings::

    3 2016 R 0679                     an act as published
    3 2016 R 0679 R(02)               its second corrigendum
    0 2016 R 0679 -20160504           its text as consolidated on that day
    6 2014 CJ 0123                    a judgment
    1 2012 E /TXT                     a treaty (the number is words, three digits of an article, or missing)
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, replace

# Parts of the grammar, also the pieces of CELEX_PATTERN.
_NUMBER = r"\d{4,6}(?:\(\d{2}\))?"
_CORRIGENDUM = r"R\(\d{2}\)"

#: Regular expression source that finds CELEX numbers of acts, cases and preparatory documents in running text.
CELEX_PATTERN = (
    rf"(?<![0-9A-Za-z])[0-9CE](?:19|20)\d{{2}}[A-Z]{{1,2}}{_NUMBER}(?:{_CORRIGENDUM})?(?:-\d{{8}})?(?![0-9A-Za-z])"
)

_CELEX = re.compile(
    rf"(?P<sector>[0-9CE])(?P<year>\d{{4}})(?P<type>[A-Z]{{1,3}}?)"
    rf"(?P<number>{_NUMBER}|/[A-Z]{{2,5}}|\d{{3}}|)"
    rf"(?:R\((?P<corrigendum>\d{{2}})\))?(?:_(?P<part>[A-Z]{{2,4}}))?(?:-(?P<date>\d{{8}}))?"
)
_SHORT = re.compile(r"(?P<sector>[0-9])(?P<year>\d{2})(?P<rest>[A-Z].*)")
# The Communities began in 1952: a two-digit year from 50 on is of the last century.
_CENTURY_TURN = 50

# Until 2012 one letter said both which court and what of it: judgments, orders, opinions, rulings.
_OLD_CASE_TYPES = {"J": "CJ", "O": "CO", "C": "CC", "V": "CV", "X": "CX", "A": "TJ", "B": "TO"}

#: Letters of the legal acts of sector 3 by document type.
TYPE_LETTERS = {"regulation": "R", "directive": "L", "decision": "D", "recommendation": "H"}


@dataclass(frozen=True)
class Celex:
    """One parsed CELEX number; ``str()`` gives it back in its normal form."""

    sector: str
    year: int
    type: str
    number: str  # four digits or more, perhaps with "(01)"; "/TXT", an article's three digits or "" for treaties
    corrigendum: int | None = None
    part: str | None = None  # "SUM", "RES", "INF": summary and information sheets of a case
    date: str | None = None  # yyyymmdd, of a consolidated text

    def __str__(self) -> str:
        corrigendum = f"R({self.corrigendum:02d})" if self.corrigendum is not None else ""
        part = f"_{self.part}" if self.part else ""
        date = f"-{self.date}" if self.date else ""
        return f"{self.sector}{self.year:04d}{self.type}{self.number}{corrigendum}{part}{date}"

    @property
    def base(self) -> Celex:
        """The act's own number: without corrigendum, consolidation date and part, out of sector 0."""
        sector = self.sector
        if sector == "0":
            sector = "3" if re.match(r"\d{4}", self.number) else "1"
        return replace(self, sector=sector, corrigendum=None, part=None, date=None)


def parse_celex(text: str) -> Celex:
    """Read a CELEX number in its full form; spaces around it and a leading ``CELEX:`` are allowed.

    Raises:
        ValueError: ``text`` is no CELEX number, or its consolidation date is no date.
    """
    bare = re.sub(r"^\s*CELEX\s*:\s*", "", text, flags=re.IGNORECASE).strip()
    match = _CELEX.fullmatch(bare)
    if match is None:
        raise ValueError(f"not a CELEX number: {text!r}")
    year = int(match["year"])
    if not 1950 <= year <= 2100:
        raise ValueError(f"not a CELEX number, the year is {year}: {text!r}")
    number = match["number"]
    four_digits = re.match(r"\d{4}", number) is not None
    if not four_digits and match["sector"] not in "01":  # treaties alone go without
        raise ValueError(f"not a CELEX number, it lacks its four digits: {text!r}")
    date = match["date"]
    if date is not None:
        if match["sector"] != "0":
            raise ValueError(f"only a consolidated text (sector 0) ends in a date: {text!r}")
        datetime.date(int(date[:4]), int(date[4:6]), int(date[6:]))  # a ValueError of its own for 20169999
    corrigendum = match["corrigendum"]
    return Celex(
        sector=match["sector"],
        year=year,
        type=match["type"],
        number=number,
        corrigendum=int(corrigendum) if corrigendum else None,
        part=match["part"],
        date=date,
    )


def is_celex(text: str) -> bool:
    """Tell whether ``text`` is a CELEX number in its full form."""
    try:
        parse_celex(text)
    except ValueError:
        return False
    return True


def expand_short_form(text: str) -> str:
    """Turn the forms of old files into today's: ``305L0051`` -> ``32005L0051``, ``61999J0513`` -> ``61999CJ0513``.

    Today's form comes back as it is.

    Raises:
        ValueError: it is neither.
    """
    bare = text.strip()
    if not is_celex(bare):
        match = _SHORT.fullmatch(bare)
        if match is None:
            raise ValueError(f"neither a full nor a short CELEX number: {text!r}")
        bare = f"{match['sector']}{full_year(int(match['year']))}{match['rest']}"
    celex = parse_celex(bare)
    if celex.sector == "6":
        celex = replace(celex, type=_OLD_CASE_TYPES.get(celex.type, celex.type))
    return str(celex)


def full_year(year: int) -> int:
    """Return a four-digit year for a two-digit one (95 -> 1995, 5 -> 2005); others come back as they are."""
    if year >= 100:
        return year
    return 1900 + year if year >= _CENTURY_TURN else 2000 + year


def derive_celex(letter: str, year: int, number: int) -> str:
    """Build the number of a legal act (sector 3) from its type letter, year and number in the year.

    >>> derive_celex("R", 2016, 679)
    '32016R0679'

    Raises:
        ValueError: the parts do not make a CELEX number.
    """
    return str(parse_celex(f"3{full_year(year)}{letter}{number:04d}"))


def consolidated_celex(base: str, date: str) -> str:
    """Return the number of ``base`` as consolidated on ``date`` (``yyyymmdd`` or ISO).

    >>> consolidated_celex("32016R0679", "2016-05-04")
    '02016R0679-20160504'

    Raises:
        ValueError: ``base`` or ``date`` is malformed.
    """
    celex = parse_celex(base).base
    return str(parse_celex(str(replace(celex, sector="0", date=date.replace("-", "")))))


def corrigendum_celex(base: str, number: int) -> str:
    """Return the number of the ``number``-th corrigendum to ``base``: ``32016R0679R(02)``."""
    return str(parse_celex(str(replace(parse_celex(base).base, corrigendum=number))))


def base_celex(celex: str) -> str:
    """Return the number of the act that a consolidated text, a corrigendum or an act belongs to.

    >>> base_celex("02016R0679-20160504")
    '32016R0679'

    Raises:
        ValueError: ``celex`` is malformed.
    """
    return str(parse_celex(celex).base)
