"""The phrase books are complete: every language words every kind, with slots that exist."""

from __future__ import annotations

import pytest

from preprocessing.citations import find_citations
from preprocessing.errors import UsageError
from preprocessing.instruct.acts import open_act
from preprocessing.instruct.kinds import find_all
from preprocessing.instruct.phrasebook import phrase_book
from preprocessing.instruct.prompts import system_prompt
from preprocessing.languages import LANGUAGES
from tests.preprocessing.instruct.invented import act, registry_of

MAX_PROMPT_WORDS = 60


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_phrase_book_has_what_the_english_one_has(language: str) -> None:
    book, english = phrase_book(language), phrase_book("en")
    assert set(book.wordings) == set(english.wordings)
    assert set(book.patterns) == set(english.patterns)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_several_phrasings_and_none_twice(language: str) -> None:
    for name, wording in phrase_book(language).wordings.items():
        assert len(wording.questions) >= 2, name
        assert len(set(wording.questions)) == len(wording.questions), name
        assert all(question.rstrip().endswith("?") for question in wording.questions), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slot_of_every_wording_is_filled(language: str) -> None:
    view = open_act([act(language)], registry_of([act(language)]))
    assert view is not None
    filled: dict[str, set[str]] = {}
    for candidate in find_all(view):
        names = set(candidate.slots)
        filled[candidate.template] = filled.get(candidate.template, names) & names
    for template, slots in filled.items():
        assert view.book.slots_of(template) <= slots, template


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_system_prompt_is_short_and_shows_the_form(language: str) -> None:
    prompt = system_prompt(language)
    assert len(prompt.split()) < MAX_PROMPT_WORDS
    assert "(CELEX: " in prompt
    # a real number would let a model that copies the prompt look as if it knew the act
    assert not find_citations(prompt, language)


def test_an_unknown_language_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="'xx'"):
        phrase_book("xx")
