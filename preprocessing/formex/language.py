"""The language of a document: from names of files, folders and archives, and a check against the text itself.

The check is made by CLD2 (Chromium's language identifier: a table of letter groups inside its wheel, about 0.1 ms for a
document). Tables of an act may well be in other languages, lists of names above all, so a mark is overruled only where
hardly anything of the text is in the language marked.
"""

from __future__ import annotations

import re

#: ISO 639-1 codes of the official languages.
OFFICIAL = frozenset([
    "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr",
    "hu", "it", "lt", "lv", "mt", "nl", "pl", "pt", "ro", "sk", "sl", "sv",
])  # fmt: skip

_IN_NAME = (
    re.compile(r"^CL?\d{4}[A-Z]{1,2}\d{4}([A-Z]{2})\d"),  # CL2013R0575EN0210010.0001.xml
    re.compile(r"^[A-Z]{1,2}_?\d{4,9}[A-Z]?([A-Z]{2})\."),  # L_2016119EN.01000101.xml
    re.compile(r"^ECR[A-Z]{2}\d{4}([A-Z]{2})[A-Z]\."),  # ECRCJ1999ENA.0800721301.xml
    re.compile(r"[._]([A-Za-z]{2})[._]"),  # 62018CJ0311.en.fmx.xml, JOx_FMX_EN_2016.ZIP
)

# Croatian is told from its neighbours by few words.
_SAME_AS = {"bs": "hr", "sr": "hr"}
# A text is looked at in a few places, so that a long table or a title in another language does not decide.
_QUICK, _THOROUGH = (4, 400), (10, 2_000)  # places, characters of each
_MIN_BYTES = 120
# Per cent of a text: what overrules a mark, what a mark needs to stand nonetheless, what is enough without a mark.
_MOST, _HARDLY_ANY, _ENOUGH = 80, 10, 70


def language_of_path(source: str) -> str | None:
    """Return the language that the file's name, a folder or the archive's name says, nearest first; else None."""
    for part in reversed(re.split(r"[/\\!]+", source)):
        if part.lower() in OFFICIAL:
            return part.lower()
        for pattern in _IN_NAME:
            for code in pattern.findall(part):
                if code.lower() in OFFICIAL:
                    return code.lower()
    return None


def language_of_text(text: str, marked: str = "") -> str | None:
    """Return the official language that ``text`` is clearly in, or None where it is short or mixed.

    Where that is not the one ``marked``, the text is looked at more closely before it is said.
    """
    language = ""
    for places in (_QUICK, _THOROUGH):
        shares = _shares(_sample(text, *places))
        language = max(shares, key=lambda code: shares[code], default="")
        if shares.get(language, 0) < (_MOST if marked else _ENOUGH):
            return None
        if language == marked:
            return language
        if shares.get(marked, 0) > _HARDLY_ANY:
            return None
    return language if language in OFFICIAL else None


def _sample(text: str, places: int, width: int) -> str:
    """Take stretches of ``width`` characters from the middle of equal parts of the text."""
    if len(text) <= places * width:
        return text
    part = len(text) // places
    offset = (part - width) // 2
    return "\n".join(text[start : start + width] for start in range(offset, part * places, part))


def _shares(text: str) -> dict[str, int]:
    """Return how much of the text, in per cent, is in which language; empty where that cannot be told."""
    import pycld2

    try:
        reliable, size, found = pycld2.detect(text.encode("utf-8", "replace"), isPlainText=True)
    except pycld2.error:  # it takes no control characters
        printable = "".join(char if char.isprintable() else " " for char in text)
        reliable, size, found = pycld2.detect(printable.encode("utf-8", "replace"), isPlainText=True)
    if not reliable or size < _MIN_BYTES:
        return {}
    shares: dict[str, int] = {}
    for _, code, share, _ in found:
        code = _SAME_AS.get(code, code)
        shares[code] = shares.get(code, 0) + share
    return shares
