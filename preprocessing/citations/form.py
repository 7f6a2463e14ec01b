"""The fixed form of a citation, in the language's own words: ``Article 5, Regulation (CELEX: 32016R0679)``."""

from __future__ import annotations

from preprocessing.citations.words import SOLE, WORDS, CitationWords
from preprocessing.errors import UsageError, did_you_mean


def language_words(language: str) -> CitationWords:
    """Return the citation words of ``language``; raises UsageError when there are none."""
    try:
        return WORDS[language]
    except KeyError:
        raise UsageError(f"no citation words for language '{language}'.{did_you_mean(language, WORDS)}") from None


def format_citation(article: str | None, document_type: str, celex: str, language: str) -> str:
    """Write a citation in the fixed form; ``article`` None cites the act as a whole, "sole" its only article.

    >>> format_citation("5", "regulation", "32016R0679", "de")
    'Artikel 5, Verordnung (CELEX: 32016R0679)'

    Raises:
        UsageError: the language is not one of ours.
        ValueError: ``document_type`` is not one of ``preprocessing.document.DOCUMENT_TYPES``.
    """
    words = language_words(language)
    if document_type not in words.types:
        raise ValueError(f"unknown document type '{document_type}'.{did_you_mean(document_type, words.types)}")
    act = f"{words.types[document_type]} (CELEX: {celex})"
    if article is None:
        return act
    return f"{words.sole_article if article == SOLE else f'{words.article} {article}'}, {act}"
