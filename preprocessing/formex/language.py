"""The language of a document: from names of files, folders and archives, and a check against the text itself."""

from __future__ import annotations

import re
from collections import Counter

#: ISO 639-1 codes of the official languages.
OFFICIAL = frozenset(
    [
        "bg",
        "cs",
        "da",
        "de",
        "el",
        "en",
        "es",
        "et",
        "fi",
        "fr",
        "ga",
        "hr",
        "hu",
        "it",
        "lt",
        "lv",
        "mt",
        "nl",
        "pl",
        "pt",
        "ro",
        "sk",
        "sl",
        "sv",
    ]
)

_IN_NAME = (
    re.compile(r"^CL?\d{4}[A-Z]{1,2}\d{4}([A-Z]{2})\d"),  # CL2013R0575EN0210010.0001.xml
    re.compile(r"^[A-Z]{1,2}_?\d{4,9}[A-Z]?([A-Z]{2})\."),  # L_2016119EN.01000101.xml
    re.compile(r"[._]([A-Za-z]{2})[._]"),  # 62018CJ0311.en.fmx.xml, JOx_FMX_EN_2016.ZIP
)

# Short words that fill a text in one of the five languages and are rare in the others.
_COMMON_WORDS = {
    "en": frozenset(["the", "of", "and", "to", "shall", "by", "with", "which", "this", "be"]),
    "fr": frozenset(["le", "les", "des", "et", "du", "est", "au", "dans", "par", "une"]),
    "de": frozenset(["der", "die", "und", "den", "das", "des", "von", "im", "mit", "zur"]),
    "es": frozenset(["el", "los", "las", "del", "y", "en", "la", "al", "una", "por"]),
    "pt": frozenset(["o", "os", "do", "da", "dos", "das", "em", "ao", "pelo", "não"]),
}
_SAMPLE_CHARS = 8_000
_MIN_WORDS = 60
_WORD = re.compile(r"[^\W\d_]+")


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


def language_of_text(text: str) -> str | None:
    """Return which of the five languages ``text`` is clearly in, judged by its short words; else None."""
    words = _WORD.findall(text[:_SAMPLE_CHARS].lower())
    if len(words) < _MIN_WORDS:
        return None
    occurrences = Counter(words)
    counts = {code: sum(occurrences[word] for word in common) for code, common in _COMMON_WORDS.items()}
    first, second = sorted(counts, key=lambda code: -counts[code])[:2]
    clear = counts[first] > 0.1 * len(words) and counts[first] > 2 * counts[second]
    return first if clear else None
