"""Figures that would mislead are not given."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tools.evaluation.conftest import question
from tools.evaluation.metrics import score
from tools.evaluation.report import overall_table
from tools.evaluation.results import Row, summarise


def results(before: float, after: float) -> dict[str, Any]:
    """A comparison over one question whose answers have these values of ROUGE-L."""
    silent = score(question(), "")
    return summarise([Row(question(), "", "", {**silent, "rouge_l": before}, {**silent, "rouge_l": after})])


@pytest.mark.parametrize(
    ("before", "shown"), [(0.0, "n/a"), (0.002, "n/a"), (0.0099, "n/a"), (0.01, "+1900 %"), (0.1, "+100 %")]
)
def test_improvement_is_told_only_from_a_base_that_is_not_nearly_nothing(before: float, shown: str) -> None:
    (row,) = [row for row in overall_table(results(before, 0.2)) if row[0] == "ROUGE-L"]
    assert row[4] == shown
