"""The system prompt: one short paragraph per language, from its phrase book."""

from __future__ import annotations

from preprocessing.instruct.phrasebook import phrase_book


def system_prompt(language: str) -> str:
    """Return the system prompt of the careful EU-law assistant, the same in training and in evaluation.

    Raises:
        UsageError: there is no phrase book for the language.
    """
    return phrase_book(language).system_prompt
