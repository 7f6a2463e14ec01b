"""The plan's memory against what PyTorch counted on eight B200, and beside what other planners say."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from tools.bench.memory_beside_others import MEASURED, Measured, first_stage, read_others

OTHERS = read_others()


@pytest.mark.parametrize("run", MEASURED, ids=lambda run: " ".join(map(str, run[:-1])))
def test_it_is_within_5_percent_of_every_run(run: Measured) -> None:
    assert run.planned_gib == pytest.approx(run.gib, rel=0.05)


def test_the_median_error_is_under_2_percent() -> None:
    assert statistics.median(abs(run.error) for run in MEASURED) < 0.02


def test_more_micro_batches_than_stages_take_no_more() -> None:
    """As measured: 4, 8 and 32 micro-batches took the same."""
    run = MEASURED[0]
    assert run.pipeline == 2
    few, many = ([stage.allocated for stage in run.planned(count)] for count in (4, 32))
    assert few == many


@pytest.mark.parametrize("values", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("recompute", ["none", "full"])
def test_simumax_has_the_same_states_and_much_the_same_activations(values: dict[str, Any], recompute: str) -> None:
    """Of whole layers recomputed the plan adds the gradients of a layer's activations, a gigabyte at most."""
    states, activations = first_stage(values["layout"], recompute)
    theirs = values[f"simumax_{recompute}"]
    assert states == pytest.approx(theirs["states"], rel=0.001)
    assert activations == pytest.approx(theirs["activations"], rel=0.06, abs=1.2 * (recompute == "full"))


@pytest.mark.parametrize("values", OTHERS.values(), ids=OTHERS)
def test_megatrons_report_has_the_same_states_but_for_context_parallelism(values: dict[str, Any]) -> None:
    """It shards the optimizer over data parallel ranks alone: with two of context parallelism half as far."""
    states, _ = first_stage(values["layout"], "none")
    context = values["layout"].get("context", 1)
    expected = states if context == 1 else states * (6 + 12 / 4) / (6 + 12 / 8)
    assert values["megatron"]["states"] == pytest.approx(expected, rel=0.002)
