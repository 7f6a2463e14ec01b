from __future__ import annotations

import numpy as np
import pytest

from preprocessing.corpus.near_duplicates import band_width, near_duplicates
from preprocessing.corpus.shingles import PERMUTATIONS, fingerprints
from preprocessing.errors import UsageError

THRESHOLD = 0.8


def act(number: int, words: int = 600) -> list[str]:
    """The words of an invented act: no two of them share five in a row."""
    random = np.random.default_rng(number)
    return [f"word{value}" for value in random.integers(0, 5000, words)]


def changed(words: list[str], changes: int) -> list[str]:
    """The same with words replaced at even distances: five shingles each."""
    copy = list(words)
    for change in range(changes):
        copy[2 + change * len(words) // changes] = f"amended{change}"
    return copy


def twins_of(texts: list[list[str]], order: list[int] | None = None, threshold: float = THRESHOLD) -> list[int]:
    _, signatures = fingerprints(" ".join(words) for words in texts)
    rows = np.arange(len(texts)) if order is None else np.array(order)
    return near_duplicates(signatures, rows, threshold)[0].tolist()


def test_an_act_with_a_few_words_changed_is_a_twin_of_the_preferred_one():
    texts = [act(1), act(2), changed(act(1), 3)]
    assert twins_of(texts) == [-1, -1, 0]
    assert twins_of(texts, order=[2, 1, 0]) == [2, -1, -1]


def test_the_similarity_comes_with_the_twin():
    _, signatures = fingerprints([" ".join(act(1)), " ".join(changed(act(1), 3)), " ".join(act(1)), "other words"])
    twins, similarity = near_duplicates(signatures, np.arange(4), THRESHOLD)
    assert twins.tolist() == [-1, 0, 0, -1]
    assert similarity[[0, 2, 3]].tolist() == [0, 1, 0]
    assert similarity[1] == (signatures[0] == signatures[1]).mean(dtype=np.float32)
    assert THRESHOLD <= similarity[1] < 1


def test_one_left_out_leaves_no_other_out():
    # each differs from the one before by little, the last from the first by much
    step = [act(1)]
    for number in range(1, 4):
        words = list(step[-1])
        words[number * 100 : number * 100 + 50] = [f"new{number}{place}" for place in range(50)]
        step.append(words)
    assert twins_of(step) == [-1, 0, -1, 2]


def test_the_twin_is_the_preferred_of_several_not_the_most_similar():
    near, nearer = changed(act(1), 8), changed(act(1), 1)
    _, signatures = fingerprints(" ".join(words) for words in (near, nearer, act(1)))
    twins, _ = near_duplicates(signatures, np.array([0, 1, 2]), 0.99)
    assert twins[0] == twins[1] == -1  # both kept, if so much is asked
    assert near_duplicates(signatures, np.array([0, 1, 2]), 0.8)[0].tolist() == [-1, 0, 0]


def test_rows_that_are_not_in_the_order_take_no_part():
    assert twins_of([act(1), act(1), act(1)], order=[2, 1]) == [-1, 2, -1]
    assert twins_of([act(1), act(1)], order=[]) == [-1, -1]


def test_texts_of_one_act_have_a_threshold_of_their_own():
    _, signatures = fingerprints(" ".join(words) for words in (act(1), changed(act(1), 20), changed(act(1), 20)))
    order = np.arange(3)
    assert 0.6 < (signatures[0] == signatures[1]).mean() < 0.8
    acts = np.array([7, 7, 8])
    assert near_duplicates(signatures, order, 0.9, acts, within_act=0.6)[0].tolist() == [-1, 0, -1]
    assert near_duplicates(signatures, order, 0.6, acts, within_act=0.9)[0].tolist() == [-1, -1, 0]
    _, equal = fingerprints([" ".join(act(1))] * 3)
    assert near_duplicates(equal, order, 0.9, acts, within_act=2)[0].tolist() == [-1, -1, 0]


def test_texts_without_words_are_no_twins():
    assert twins_of([[], [], ["—"], act(1)]) == [-1, -1, -1, -1]


def test_short_texts_are_compared_as_well():
    assert twins_of([["Done"], ["done"], ["undone"]]) == [-1, 0, -1]


def test_planted_near_duplicates_are_found():
    texts, planted = [], []
    for number in range(300):
        texts.append(act(number))
        planted.append(changed(act(number), 5))  # similarity about 0.92
    twins = twins_of(texts + planted)
    assert twins[:300] == [-1] * 300
    assert twins[300:] == list(range(300))


def test_acts_of_one_template_with_different_contents_stay():
    # half the words of each are the same: similarity 0.33
    template = act(0, 300)
    assert twins_of([template + act(number, 300) for number in range(1, 200)]) == [-1] * 199


def test_a_notice_that_is_all_template_but_for_its_numbers_is_a_twin():
    notice = act(0, 300)
    assert twins_of([[*notice[:150], f"{number}", *notice[150:]] for number in range(3)]) == [-1, 0, 0]


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95, 1.0])
def test_the_result_is_that_of_comparing_all_pairs(threshold):
    random = np.random.default_rng(7)
    signatures = random.integers(0, 2**31, (400, PERMUTATIONS), dtype=np.uint32)
    for row in range(1, 400):
        # most are copies of an earlier one with some numbers changed
        signatures[row] = np.where(
            random.random(PERMUTATIONS) < random.random() * 0.6, signatures[row], signatures[random.integers(row)]
        )
    order = random.permutation(400)
    expected = {}
    kept: list[int] = []
    for row in order:
        similar = [other for other in kept if (signatures[row] == signatures[other]).mean() >= threshold]
        if similar:
            expected[row] = similar[0]
        else:
            kept.append(row)
    twins, similarity = near_duplicates(signatures, order, threshold)
    found = {row: twin for row, twin in enumerate(twins.tolist()) if twin >= 0}
    assert (similarity[list(found)] >= np.float32(threshold)).all()
    same = sum(found.get(row) == twin for row, twin in expected.items())
    assert same >= 0.97 * len(expected)
    assert len(found) <= 1.03 * len(expected)


def test_bands_are_as_wide_as_the_threshold_allows():
    assert band_width(0.8, 128) == 6
    assert band_width(1.0, 128) == 128
    assert band_width(0.01, 128) == 1
    for threshold in (0.3, 0.5, 0.7, 0.9):
        width = band_width(threshold, 128)
        assert 1 - (1 - threshold**width) ** (128 // width) >= 0.99


@pytest.mark.parametrize("threshold", [0, -0.5, 1.01])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(UsageError, match="above 0"):
        near_duplicates(np.zeros((2, 128), np.uint32), np.arange(2), threshold)
