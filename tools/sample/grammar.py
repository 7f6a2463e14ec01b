"""The little grammar behind the sample: noun forms, contractions and the marks of a phrase, in five languages.

A phrase is a mapping from language to text with ``$slots``; a slot may ask for a form (``$op.gen``, ``$item.each``).
German is the only language of the five that inflects the nouns used here; for the others every case is the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "fr", "de", "es", "pt")
Phrase = Mapping[str, str]

_SLOT = re.compile(r"\$([a-z_]+)(?:\.([a-z]+(?:-[a-z]+)?))?")
_GERMAN_NOUN = re.compile(r"(der|die|das) ([^\s/]+)(?:/(\S+))?(.*)")
_GERMAN_ARTICLES = {  # nominative -> nominative, accusative, dative, genitive
    "der": ("der", "den", "dem", "des"),
    "die": ("die", "die", "der", "der"),
    "das": ("das", "das", "dem", "des"),
}
_JEDER = {"der": "jeder", "die": "jede", "das": "jedes", "den": "jeden", "dem": "jedem", "des": "jedes"}
_CASES = ("nom", "acc", "dat", "gen")
_ARTICLES = re.compile(r"(?:the|le|la|der|die|das|el|o|a) |l'")
_EACH = {"en": "each", "fr": "chaque", "es": "cada", "pt": "cada"}
_CONTRACTIONS: dict[str, list[tuple[str, Any]]] = {
    "en": [],
    "fr": [
        (r"\b([Dd])e les\b", r"\1es"),
        (r"\b([Dd])e le\b", r"\1u"),
        (r"\bà les\b", "aux"),
        (r"\bà le\b", "au"),
        (r"\b([Dd])e (?=[aeiouéèê])", r"\1'"),
        (r"\b([Qq])ue (?=[aeiouéèê])", r"\1u'"),
    ],
    "de": [(r"\b([Zz])u dem\b", r"\1um"), (r"\b([Bb])ei dem\b", r"\1eim"), (r"\b([Vv])on dem\b", r"\1om")],
    "es": [(r"\b([Dd])e el\b", r"\1el"), (r"\b([Aa]) el\b", r"\1l")],
    "pt": [
        (r"\b([Dd])e ([oa])\b", r"\1\2"),
        (r"\b[Ee]m ([oa])\b", lambda m: ("N" if m[0][0] == "E" else "n") + m[1]),
        (r"\b([Pp])or ([oa])\b", r"\1el\2"),
        (r"\ba o\b", "ao"),
        (r"\ba a\b", "à"),
    ],
}


@cache
def phrase_book(name: str) -> Any:
    """Return the parsed ``phrases/<name>.yaml``; callers must not change it."""
    import yaml

    return yaml.safe_load((Path(__file__).parent / "phrases" / f"{name}.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Noun:
    """One noun with its definite article, a string for each of LANGUAGES.

    German is written ``"der Turm/Turms"`` (genitive after the slash), or as its four forms joined by ``|``.
    """

    words: tuple[str, ...]

    def form(self, language: str, form: str) -> str:
        """Return the noun in ``language``; ``form`` is a case, ``each``, ``each-<case>`` or ``bare`` (no article)."""
        word = self.words[LANGUAGES.index(language)]
        kind, _, case = form.partition("-")
        if kind in _CASES:
            kind, case = "", kind
        if language == "de":
            return _german(word, kind, case or "nom")
        if kind in ("each", "bare"):
            bare = _ARTICLES.sub("", word, count=1)
            return f"{_EACH[language]} {bare}" if kind == "each" else bare
        return word


def _german(word: str, kind: str, case: str) -> str:
    index = _CASES.index(case)
    if "|" in word:
        return word.split("|")[index]
    match = _GERMAN_NOUN.fullmatch(word)
    if match is None:
        return word
    article, noun, genitive, rest = match.groups()
    head = genitive if genitive and case == "gen" else noun
    if kind == "bare":
        return f"{head}{rest}"
    if kind == "each":
        return f"{_JEDER[_GERMAN_ARTICLES[article][index]]} {head}{rest}"
    return f"{_GERMAN_ARTICLES[article][index]} {head}{rest}"


@dataclass(frozen=True)
class ActReference:
    """A mention of another act: a noun that carries the marker of a footnote with its source."""

    noun: Noun
    index: int  # of the act in the sample, or -1 for an act outside of it


@dataclass(frozen=True)
class ArticleReference:
    """A mention of an article of the same act."""

    number: int


@dataclass(frozen=True)
class Clause:
    """A phrase with its slots filled in: what is said, apart from the language it is said in."""

    texts: Phrase
    slots: Mapping[str, Any] = field(default_factory=dict)

    def say(self, language: str) -> str:
        """Return the text in ``language`` with contractions made.

        Marks left for the writer: ``@yyyymmdd@`` a date, ``~35000~`` a formatted number, ``^o^`` a superscript,
        ``*...*`` italics, ``{n}`` the footnote of act ``n``.
        """
        text = _SLOT.sub(lambda match: self._fill(language, match[1], match[2] or "nom"), self.texts[language])
        text = re.sub(r" +", " ", text).strip().replace(" ,", ",").replace(" ;", ";")
        for pattern, replacement in _CONTRACTIONS[language]:
            text = re.sub(pattern, replacement, text)
        return text

    def sentence(self, language: str) -> str:
        """Return :meth:`say` with a capital letter at the start of every sentence."""
        return re.sub(r"(?:^|(?<=[^\W\d]\. ))[^\W\d]", lambda match: match[0].upper(), self.say(language))

    def _fill(self, language: str, name: str, form: str) -> str:
        value = self.slots[name]
        if isinstance(value, Noun):
            return value.form(language, form)
        if isinstance(value, ActReference):
            mark = f"{{{value.index}}}" if value.index >= 0 else ""
            return value.noun.form(language, form) + mark
        if isinstance(value, ArticleReference):
            ordinal = ".^o^" if language == "pt" else ""
            return f"{phrase_book('formulas')['article'][language]} {value.number}{ordinal}"
        if isinstance(value, Clause):
            return value.say(language)
        if isinstance(value, date):
            return f"@{value:%Y%m%d}@"
        return str(value)


def format_date(day: date, language: str) -> str:
    """Return ``day`` as the Official Journal prints it in ``language``."""
    month = phrase_book("formulas")["months"][language][day.month - 1]
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    if language in ("es", "pt"):
        return f"{number} de {month} de {day.year}"
    return f"{number}. {month} {day.year}" if language == "de" else f"{number} {month} {day.year}"
