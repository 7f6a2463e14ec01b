"""What is asked: the provisions that some words name, and the language they are in."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from preprocessing.citations import find_citations
from preprocessing.citations.acts import named_acts
from preprocessing.citations.find import article_spans
from preprocessing.citations.numbers import act_celex
from preprocessing.citations.patterns import FIGURES, tie_patterns
from preprocessing.citations.short_names import find_known_names
from preprocessing.citations.words import WORDS
from preprocessing.corpus.registry import Registry
from preprocessing.corpus.registry_names import Named

# How the Communities are abbreviated after or before an act's number.
_MARKS = {
    "en": ("EU", "EC", "EEC", "ECSC", "CFSP", "JHA"),
    "fr": ("UE", "CE", "CEE", "CECA", "PESC", "JAI"),
    "de": ("EU", "EG", "EWG", "EGKS", "GASP", "JI"),
    "es": ("UE", "CE", "CEE", "CECA", "PESC", "JAI"),
    "pt": ("UE", "CE", "CEE", "CECA", "PESC", "JAI"),
}
# Recitals, annexes and divisions are not looked up.
_OTHER_PARTS = re.compile(
    r"\b(?:recitals?|considérants?|erwägungsgr[uü]nde?|considerandos?|annex(?:es|e)?|anhang|anexos?"
    r"|chapter|chapitre|kapitel|capítulo)\s\(?\w{1,4}\)?",
    re.IGNORECASE,
)
_FIGURES = re.compile(FIGURES, re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Asked:
    """One provision asked for: ``celex`` as it was cited, None with the ``name`` that could not be resolved."""

    celex: str | None
    article: str | None
    name: str = ""
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """The provisions asked for, in order; ``language`` is that of the words that ask (None: they do not tell).

    ``not_read`` names what is no article and was passed over.
    """

    asked: list[Asked]
    language: str | None
    not_read: Sequence[str] = ()


def read_question(words: str, registry: Registry) -> Question:
    """Read a citation in any of the five languages; acts may be named by the short names that ``registry`` knows."""
    words = " ".join(words.split())
    citations = find_citations(words)
    short = next((words[start:end] for start, end, _ in find_known_names(words)), None)
    # by number or name? all of the words first: "the Synthetic Data Act" is a name of its own, not the Data Act
    by_name = short is not None or not citations or any(citation.celex is None for citation in citations)
    name = _without_articles(words) if by_name else ""
    named = registry.by_name(name) if name else Named(None)
    if short and not named.candidates:
        language = _language(words, registry.by_name(short).languages)
    else:
        language = _language(words, named.languages)
    not_read = [part[0] for part in _OTHER_PARTS.finditer(words)]
    if named.candidates:
        articles = [citation.article for citation in citations if citation.article]
        return Question(
            [Asked(named.celex, article, name, named.candidates) for article in articles or (None,)], language, not_read
        )
    asked = [Asked(item.celex, item.article, "" if item.celex else name) for item in citations]
    # a judgment by its case, which is looked for after other words
    asked = asked or [Asked(act.celex, None) for act in named_acts(" " * 8 + words)]
    return Question(asked or [_by_figures(name, registry)], language, not_read)


def _by_figures(name: str, registry: Registry) -> Asked:
    """Read a number without the kind of act before it, "(EU) 2016/679", as that of the acts in the corpus with it."""
    match = _FIGURES.fullmatch(name)
    found = (
        (act_celex(letter, match["first"], match["second"], bool(match["no"])) for letter in "RLDFH") if match else ()
    )
    acts = tuple(celex for celex in found if celex and registry.has_act(celex))
    return Asked(acts[0] if len(acts) == 1 else None, None, name, acts)


def _without_articles(words: str) -> str:
    """Return what is left of ``words`` when the articles are taken away, and what ties them to their act."""
    spans = article_spans(words)
    if not spans:
        return words.strip(" ,;:")
    if any(not tie_patterns().joint.fullmatch(words, left[1], right[0]) for left, right in pairwise(spans)):
        return ""  # of several acts
    before, after = words[: spans[0][0]], words[spans[-1][1] :]
    tied = tie_patterns().article_then_act.match(after)
    return f"{before.strip()} {after[tied.end() if tied else 0 :]}".strip(" ,;:()")


def _language(words: str, of_name: Collection[str]) -> str | None:
    """Return the language that most of the words are of, the first in the order of the mix among equals."""
    found = _WORD.findall(words)
    scores = {
        code: (2 if code in of_name else 0) + sum(word in marks or _is_of(word.casefold(), code) for word in found)
        for code, marks in _MARKS.items()
    }
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] else None


def _is_of(word: str, language: str) -> bool:
    """Tell whether a word is one that citations in ``language`` are made of."""
    words = WORDS[language]
    patterns = (words.article_pattern, words.of_act_pattern, words.joint_words, words.first_article_pattern)
    nouns = {part for noun in words.nouns for form in noun.forms() for part in form.casefold().split()}
    return word in nouns or any(re.fullmatch(pattern, word, re.IGNORECASE) for pattern in patterns)
