"""Dates as FORMEX marks them (DATE@ISO) and as titles print them, in five languages."""

from __future__ import annotations

import datetime
import re

_MONTHS = (
    "january janvier januar jänner enero janeiro",
    "february février februar febrero fevereiro",
    "march mars märz marzo março",
    "april avril abril",
    "may mai mayo maio",
    "june juin juni junio junho",
    "july juillet juli julio julho",
    "august août agosto",
    "september septembre septiembre setembro",
    "october octobre oktober octubre outubro",
    "november novembre noviembre novembro",
    "december décembre dezember diciembre dezembro",
)
_NUMBER_OF_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_IN_WORDS = re.compile(
    rf"\b(\d{{1,2}})(?:er|\.?[ºo°]|\.)?\s(?:de\s)?({'|'.join(_NUMBER_OF_MONTH)})\s(?:de\s)?(\d{{4}})\b", re.IGNORECASE
)


def iso_date(text: str) -> str | None:
    match = re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)", text.strip())
    if match is None:
        return None
    try:
        return datetime.date(*map(int, match.groups())).isoformat()
    except ValueError:  # 19820231
        return None


def date_in_words(text: str) -> str | None:
    """Return the first date that ``text`` prints in words: 27 April 2016, 1er mai 2004, 3 de março de 2010."""
    match = _IN_WORDS.search(text)
    if match is None:
        return None
    return iso_date(f"{match[3]}{_NUMBER_OF_MONTH[match[2].lower()]:02d}{int(match[1]):02d}")
