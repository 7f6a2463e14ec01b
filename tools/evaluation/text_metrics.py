"""How near an answer's words are to the reference answer's: ROUGE-L, exact match, token F1.

None of these sees whether the law is right (a fluent invention scores well): read them after the citation metrics.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from typing import Any

WORD = re.compile(r"\w+")

# Words that carry no content when answers are compared, after the elided forms (l', d') were split off.
DETERMINERS: dict[str, frozenset[str]] = {
    "en": frozenset({"a", "an", "the"}),
    "fr": frozenset({"le", "la", "les", "l", "un", "une", "des", "du", "d"}),
    "de": frozenset({"der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "eines"}),
    "es": frozenset({"el", "la", "los", "las", "un", "una", "unos", "unas", "del", "al"}),
    "pt": frozenset({"o", "a", "os", "as", "um", "uma", "uns", "umas", "do", "da", "dos", "das"}),
}


def words(text: str) -> list[str]:
    """Return the words of ``text``, case-folded and in one Unicode form (NFKC), without punctuation."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def content_words(text: str, language: str) -> list[str]:
    """Return :func:`words` without the language's articles."""
    return [word for word in words(text) if word not in DETERMINERS[language]]


def text_scores(reference: str, answer: str, language: str) -> dict[str, float | None]:
    """Score ``answer`` against ``reference``, each value from 0 to 1.

    ROUGE-L is the F-measure of the rouge-score library; English words are stemmed (the library's own tokenizer), the
    other languages' are not: its tokenizer would also cut words at every accented letter.
    """
    gold, given = content_words(reference, language), content_words(answer, language)
    shared = sum((Counter(gold) & Counter(given)).values())
    return {
        "rouge_l": float(_rouge(language == "en").score(reference, answer)["rougeL"].fmeasure),
        "exact_match": float(gold == given),
        "token_f1": 2 * shared / (len(gold) + len(given)) if shared else 0.0,
    }


@cache
def _rouge(english: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import Tokenizer

    class AnyLanguage(Tokenizer):  # type: ignore[misc]
        def tokenize(self, text: str) -> list[str]:
            return words(text)

    return RougeScorer(["rougeL"], use_stemmer=True, tokenizer=None if english else AnyLanguage())
