from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import xxhash
from hypothesis import example, given
from hypothesis import strategies as st

from preprocessing.corpus.shingles import NO_WORDS, PERMUTATIONS, Fingerprints, fingerprints

WORDS = [f"{word}{number}" for number in range(300) for word in ("goat", "ferry", "Käse", "règle")]
any_text = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("aZ5 \n\t\x1c\x85\u00a0\u1680\u2003\u2028\u202f\u205f\u3000«»–’€≤µºéμЖ😀")
    | st.sampled_from("\u0301\u0308\u0374\u0387\u0483\u212b\u2adc\uac00")  # that NFC may change
)


def shingles(text: str) -> set[int]:
    return set(Fingerprints().scan(text)[1].tolist())


def estimate(one: str, other: str) -> float:
    _, (left, right) = fingerprints([one, other])
    return float((left == right).mean())


def text_of(words: list[str]) -> str:
    return " ".join(words)


@given(any_text)
@example("")
@example(" \n ")
@example("A\u0301rticle 1\n\n\u2003The ferry\u2028 shall sail.\u00a0")
def test_the_hash_is_that_of_the_composed_text_with_single_spaces(text):
    folded = " ".join(unicodedata.normalize("NFC", text).split())
    assert Fingerprints().scan(text)[0] == xxhash.xxh3_64_intdigest(folded.encode())


@given(st.lists(any_text, max_size=5))
def test_texts_do_not_depend_on_those_taken_before(texts):
    hashes, signatures = fingerprints(texts)
    assert hashes.dtype == np.uint64
    assert signatures.shape == (len(texts), PERMUTATIONS)
    for row, text in enumerate(texts):
        key, signature = Fingerprints().of(text)
        assert key == hashes[row]
        assert (signature == signatures[row]).all()


@given(any_text)
def test_the_number_of_shingles_follows_from_the_number_of_words(text):
    found = Fingerprints().scan(text)[1]
    words = "".join(letter if letter.isalnum() and letter.isascii() else " " for letter in text).split()
    if text.isascii():
        assert found.size == (max(len(words) - 4, 1) if words else 0)


def test_a_shingle_is_five_words_in_a_row():
    assert len(shingles("one two three four five")) == 1
    assert len(shingles("one two three four five six seven")) == 3
    assert shingles("one two three four five") < shingles("zero one two three four five six")
    assert shingles("one two three four five") != shingles("two one three four five")
    repeated = "one two three four five one two three four five"
    assert len(shingles(repeated)) == 5
    assert Fingerprints().scan(repeated)[1].size == 6


def test_shorter_texts_are_one_shingle_and_texts_without_words_none():
    assert len(shingles("Ferries only.")) == 1
    assert shingles("Ferries only.") != shingles("Only ferries.")
    assert shingles("") == shingles("— « … » –\n* * *") == set()
    _, signatures = fingerprints(["", "— …"])
    assert (signatures == NO_WORDS).all()


@pytest.mark.parametrize(
    "other",
    [
        "the ‘operator’ shall (without delay) inform the authority",
        "The operator shall, without delay, inform\n\nthe AUTHORITY.",
        "The operator — shall without\u00a0delay\u2003inform the authority…",
    ],
)
def test_punctuation_capitals_and_white_space_make_no_other_shingles(other):
    assert shingles(other) == shingles("The operator shall without delay inform the authority")


def test_accents_and_numbers_make_other_shingles():
    assert shingles("a e i o u 1") != shingles("a e i o u 2")
    assert shingles("le règlement s’applique à") != shingles("le reglement s’applique à")
    assert shingles("un re\u0301gime d’aide a\u0300 part") == shingles("un régime d’aide à part")


@pytest.mark.parametrize(("changed", "similarity"), [(0, 1.0), (20, 0.85), (100, 0.41)])
def test_the_share_of_equal_numbers_estimates_the_jaccard_similarity(changed, similarity):
    other = list(WORDS)
    for place in range(changed):
        other[5 + place * len(WORDS) // (changed + 1)] = f"new{place}"
    one, two = shingles(text_of(WORDS)), shingles(text_of(other))
    assert len(one & two) / len(one | two) == pytest.approx(similarity, abs=0.005)
    assert estimate(text_of(WORDS), text_of(other)) == pytest.approx(similarity, abs=0.1)


def test_different_texts_have_nothing_in_common():
    assert estimate(text_of(WORDS[:600]), text_of(WORDS[600:])) < 0.02


def test_signatures_are_the_same_in_every_run():
    # they are kept in files and compared with those of other runs
    _, ((first, second, *_),) = fingerprints(["The ferry shall sail on 1 May 2099."])
    assert (first, second) == (1296399228, 86206835)


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(UnicodeEncodeError):
        fingerprints(["\ud800"])


def test_long_texts_find_room_between_short_ones():
    taken = Fingerprints()
    expected = fingerprints(["ferry ferry ferry ferry ferry"])[1]
    for repeats in (5, 1_500_000, 5, 400_000, 2_000_000, 6):
        text = "ferry " * repeats
        key, signature = taken.of(text)
        assert key == xxhash.xxh3_64_intdigest(text.strip().encode())
        assert (signature == expected).all()
