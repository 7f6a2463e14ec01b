"""What the plan says a layer and the loss keep, against what autograd saves on a CPU (tools/bench/saved_tensors.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.warm import Warm
from tools.bench.saved_tensors import CASES, LAYOUTS, QUICK, Case, counted

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


def errors(warm: Warm, folder: Path, quick: str, cases: list[Case]) -> dict[tuple[Case, str], float]:
    """Planned by measured, less one; both ranks of tensor parallelism have measured the same."""
    done = warm.call("tools.bench.saved_tensors:measure", folder, quick)
    assert done.returncode == 0, done.stderr[-4000:]
    found = list(counted(folder))
    assert sorted((case, rank) for case, rank, _ in found) == sorted(
        (case, rank) for case in cases for rank in range(LAYOUTS[case.layout][0])
    )
    assert all(measured > 0 for _, _, parts in found for _, measured in parts.values())
    assert all(set(parts) == {"layer", "logits and loss"} for _, _, parts in found)
    return {
        (case, name): planned / measured - 1 for case, _, parts in found for name, (planned, measured) in parts.items()
    }


def check(found: dict[tuple[Case, str], float]) -> None:
    """Within 5 %, which is what is promised; a layer without DoRA's lengths to a thousandth."""
    assert {key: error for key, error in found.items() if abs(error) > 0.05} == {}
    assert {key: error for key, error in found.items() if key[0].tuning != "dora" and abs(error) > 0.001} == {}


def test_a_layer_keeps_what_autograd_saves(warm: Warm, tmp_path: Path) -> None:
    check(errors(warm, tmp_path, "quick", QUICK))


@pytest.mark.slow
def test_every_layer_keeps_what_autograd_saves(warm: Warm, tmp_path: Path) -> None:
    check(errors(warm, tmp_path, "", CASES))
