"""Intervals and paired tests say what they should on data whose answer is known."""

from __future__ import annotations

import pytest

from tools.evaluation.statistics import interval, paired


def test_the_interval_holds_the_mean_and_narrows_with_more_questions() -> None:
    few, many = interval([0.0, 1.0] * 10), interval([0.0, 1.0] * 500)
    assert few.low < few.mean == 0.5 < few.high
    assert many.high - many.low < (few.high - few.low) / 4
    # normal approximation: 1.96 * 0.5 / sqrt(1000) = 0.031
    assert many.high - many.mean == pytest.approx(0.031, abs=0.004)


def test_the_same_values_give_the_same_interval() -> None:
    assert interval([0.0, 1.0, 1.0]) == interval([0.0, 1.0, 1.0])


def test_one_question_gives_a_point() -> None:
    assert interval([1.0]) == type(interval([1.0]))(1.0, 1.0, 1.0, 1)


def test_equal_answers_differ_by_nothing() -> None:
    for yes_or_no in (True, False):
        result = paired([0.0, 1.0, 1.0], [0.0, 1.0, 1.0], yes_or_no=yes_or_no)
        assert (result.difference.mean, result.p_value) == (0.0, 1.0)


def test_mcnemar_is_the_exact_binomial_of_the_questions_that_changed() -> None:
    # 9 gained, 1 lost, 20 unchanged: two-sided binomial(10, 1/2) = 2 * (1 + 10) / 1024
    base = [0.0] * 9 + [1.0] + [1.0] * 20
    tuned = [1.0] * 9 + [0.0] + [1.0] * 20
    result = paired(base, tuned, yes_or_no=True)
    assert result.test == "McNemar"
    assert result.p_value == pytest.approx(22 / 1024)


def test_the_paired_bootstrap_tells_a_steady_gain_from_noise() -> None:
    base = [0.1 * (number % 7) for number in range(60)]
    steady = paired(base, [value + 0.05 + 0.01 * (n % 3) for n, value in enumerate(base)], yes_or_no=False)
    noise = paired(base, [value + (0.05 if n % 2 else -0.05) for n, value in enumerate(base)], yes_or_no=False)
    assert steady.p_value < 0.01
    assert noise.p_value > 0.5
