from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.errors import UsageError
from preprocessing.split import validation_acts, validation_acts_in_all_languages

ACTS = [f"32099R{number:04d}" for number in range(2000)]


def test_the_share_is_met_on_many_acts():
    assert 0.03 < len(validation_acts(ACTS, 0.05, seed=1)) / len(ACTS) < 0.07


def test_the_choice_does_not_depend_on_order_or_repeats():
    assert validation_acts(ACTS, 0.05, seed=1) == validation_acts(list(reversed(ACTS)) + ACTS, 0.05, seed=1)


def test_another_seed_chooses_other_acts():
    assert validation_acts(ACTS, 0.05, seed=1) != validation_acts(ACTS, 0.05, seed=2)


def test_a_larger_corpus_moves_no_act_to_the_other_side():
    few, many = validation_acts(ACTS[:1000], 0.05, seed=1), validation_acts(ACTS, 0.05, seed=1)
    assert few == many & set(ACTS[:1000])


@given(st.sets(st.sampled_from(ACTS), max_size=8), st.floats(0.001, 0.999), st.integers())
def test_small_corpora_keep_an_act_on_each_side(acts: set[str], share: float, seed: int):
    chosen = validation_acts(acts, share, seed)
    assert chosen <= acts
    if len(acts) > 1:
        assert 0 < len(chosen) < len(acts)
    else:
        assert not chosen


@pytest.mark.parametrize("share", [0, 1, -0.5, 2, float("nan")])
def test_a_share_outside_zero_to_one_is_refused(share: float):
    with pytest.raises(UsageError, match="validation share"):
        validation_acts(ACTS, share, seed=1)


def test_a_language_without_a_drawn_act_gets_one_of_its_own():
    languages = {"en": ACTS[:300], "pt": ACTS[300:302]}
    chosen = validation_acts_in_all_languages(languages, 0.01, seed=5)
    assert chosen & set(languages["en"]) and len(chosen & set(languages["pt"])) == 1


LANGUAGES = st.dictionaries(
    st.sampled_from(["en", "fr", "de"]), st.sets(st.sampled_from(ACTS[:6]), min_size=1, max_size=4), min_size=1
)


@given(LANGUAGES, st.integers(0, 50))
def test_no_language_gives_away_its_last_act(languages: dict[str, set[str]], seed: int):
    chosen = validation_acts_in_all_languages(languages, 0.2, seed)
    assert all(acts - chosen for acts in languages.values())


@given(st.integers(0, 50))
def test_languages_that_share_their_acts_all_have_validation_text(seed: int):
    languages = {"en": set(ACTS[:3]), "fr": set(ACTS[:3]), "de": set(ACTS[1:3])}
    chosen = validation_acts_in_all_languages(languages, 0.01, seed)
    assert all(acts & chosen and acts - chosen for acts in languages.values())


def test_in_a_large_corpus_the_draw_is_the_same_for_all_languages():
    languages = {"en": ACTS, "fr": ACTS[:1500]}
    assert validation_acts_in_all_languages(languages, 0.05, seed=1) == validation_acts(ACTS, 0.05, seed=1)
