"""The regular expressions of citations, compiled once from the words of the five languages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from preprocessing.celex import CELEX_PATTERN
from preprocessing.citations.words import WORDS

COMMUNITY = r"EU|EC|EEC|ECSC|CFSP|JHA|UE|CE|CEE|CECA|PESC|JAI|EG|EWG|EGKS|GASP|JI|Euratom"
MARK = rf"\(\s?(?:{COMMUNITY})(?:\s?,\s?(?:{COMMUNITY}))*\s?\)"
NUMERO = r"(?:No\.?|Nos|Nr\.?|n\.?\s?[º°o]s?\.?|nº\.?|núm\.|N°|num\.)"
SPACE = r"[\s\u00a0\u202f]"
FIGURES = (
    rf"(?P<figures>(?:{MARK}{SPACE}*)?(?P<no>{NUMERO}{SPACE}*)?"
    rf"(?P<first>\d{{1,4}})/(?P<second>\d{{1,4}})(?:/(?:{COMMUNITY})(?:,\s?(?:{COMMUNITY}))*)?(?![\w/]))"
)
REFERENCE = r"(?:\(?(?:\d{1,3}[a-z]?|[a-z]{1,2}|[ivx]{1,5})\)|\d{1,3}[a-z]?(?:\.?[ºo°](?!\w))?)(?![\w/])"
BARE_LETTER = r"[a-z](?![\w/])"


@dataclass(frozen=True)
class LanguagePatterns:
    """How one language writes "Article 5(1)(a)" (groups ``word``, ``number``) and goes on with ", 6 and 7"."""

    article: re.Pattern[str]
    plural_article: re.Pattern[str]
    next_article: re.Pattern[str]


@dataclass(frozen=True)
class ActPatterns:
    """How acts are named in any of the languages: by CELEX, by noun and number.

    ``sole_article`` is the one form of an article that carries no number.
    """

    sole_article: re.Pattern[str]
    celex: re.Pattern[str]
    numbered: re.Pattern[str]
    further_number: re.Pattern[str]
    letters: dict[str, str]


@dataclass(frozen=True)
class TiePatterns:
    """What may stand between an article and the act it belongs to, and between two articles of one act."""

    article_then_act: re.Pattern[str]
    act_then_article: re.Pattern[str]
    joint: re.Pattern[str]


@cache
def language_patterns(language: str) -> LanguagePatterns:
    """Compile the article patterns of one language."""
    words = WORDS[language]
    first = f"|(?:{words.first_article_pattern})(?!\\w)" if words.first_article_pattern else ""
    number = (
        rf"(?P<number>\d{{1,4}}(?!\d)(?:{SPACE}?\.?[ºo°](?!\w)|er(?!\w))?(?:{words.suffix_pattern})?(?!/?\d){first})"
    )
    ands = words.joint_words
    # "Buchstaben a, b und c"; elsewhere a lone letter in a list is a word ("n.º 1, a que se refere")
    listed = f"(?:{REFERENCE}|{BARE_LETTER})" if words.bare_letters else REFERENCE
    worded = (
        rf",?{SPACE}*(?:{words.subdivision_pattern}){SPACE}*(?:{REFERENCE}|{BARE_LETTER})"
        rf"(?:(?:,\s|\s(?:{ands})\s|{words.range_pattern}){listed})*"
    )
    ordinal = rf",?\s(?:{words.ordinal_subdivision_pattern})"
    brackets = rf"{SPACE}?\({SPACE}?(?!(?:{COMMUNITY})\))(?:\d{{1,3}}[a-z]?|[a-z]{{1,2}}|[ivx]{{1,5}}){SPACE}?\)"
    further = rf"(?:,|,?\s(?:{ands})|{words.range_pattern})(?={brackets})"
    subdivisions = rf"(?:{brackets}(?:{further}{brackets})*|\.\d{{1,2}}(?!\w)|{worded}|{ordinal})*"
    flags = re.IGNORECASE
    return LanguagePatterns(
        article=re.compile(rf"(?<!\w)(?P<word>{words.article_pattern}){SPACE}*{number}{subdivisions}", flags),
        plural_article=re.compile(words.plural_article_pattern, flags),
        next_article=re.compile(rf"(?:(?P<range>{words.range_pattern})|{_joint(ands)}){number}{subdivisions}", flags),
    )


@cache
def act_patterns() -> ActPatterns:
    """Compile the act patterns of all languages into one of each sort."""
    letters = {
        form.casefold().replace("’", "'"): noun.letter
        for words in WORDS.values()
        for noun in words.nouns
        for form in noun.forms()
    }
    nouns = _alternatives(form for words in WORDS.values() for noun in words.nouns for form in noun.forms())
    types = _alternatives(word for words in WORDS.values() for word in words.types.values())
    joint = _joint("|".join(words.joint_words for words in WORDS.values()))
    return ActPatterns(
        sole_article=re.compile(
            rf"(?<!\w)(?:{_alternatives(words.sole_article for words in WORDS.values())})(?!\w)", re.IGNORECASE
        ),
        celex=re.compile(
            rf"(?<!\w)(?:(?i:{types}|{nouns}){SPACE}+)?(?:\({SPACE}?)?(?:(?i:CELEX){SPACE}*:?{SPACE}*)?(?P<celex>{CELEX_PATTERN})\)?"
        ),
        numbered=re.compile(rf"(?<!\w)(?P<noun>{nouns}){SPACE}+{FIGURES}", re.IGNORECASE),
        further_number=re.compile(rf"(?:{joint}){FIGURES}", re.IGNORECASE),
        letters=letters,
    )


@cache
def tie_patterns() -> TiePatterns:
    """Compile what ties articles to acts, in any of the languages."""
    gap = r"[^\S\n]"  # never over a line's end: a heading "Article 5" is not tied to the text below it
    between = "|".join(words.of_act_pattern for words in WORDS.values())
    joint = _joint("|".join(words.joint_words for words in WORDS.values()))
    return TiePatterns(
        article_then_act=re.compile(
            rf"{gap}*,?(?:{gap}*(?:{between})(?!\w)|{gap}*(?:d|l)['’]|{gap}*\()*{gap}*", re.IGNORECASE
        ),
        act_then_article=re.compile(rf"{gap}*[,:(]?{gap}*"),
        joint=re.compile(rf"(?:{joint})(?:(?:the|of|de|du|des|l|del|do|da|a|à)(?!\w)['’]?\s?)*", re.IGNORECASE),
    )


def _joint(ands: str) -> str:
    """What stands between members of a list: a comma, "and", or both."""
    return rf"(?:,\s(?:(?:{ands})\s)?|\s(?:{ands})\s)"


def _alternatives(forms: Iterable[str]) -> str:
    """One regular expression source of literal forms, the longest first; the apostrophe may be straight or curly."""
    unique = sorted(set(forms), key=lambda form: (-len(form), form))
    return "|".join(re.escape(form).replace("'", "['’]") for form in unique)
