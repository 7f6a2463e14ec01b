"""The plan's states against the tensors of real runs on a CPU, part by part; and what a layer of them saves.

Real recipes of two models, with all weights trained, with LoRA and with DoRA, in one process, two of tensor and two of
pipeline parallelism, in FP32 and BF16: see tools/bench/plan_memory.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.tiny import Tiny
from tests.recipes.warm import Warm
from tools.bench.plan_memory import CASES, LAYOUTS, QUICK, Case, Counted, counted

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


def run(warm: Warm, tiny: Tiny, folder: Path, quick: str, timeout: float) -> Path:
    done = warm.call("tools.bench.plan_memory:measure", tiny.tokenizer, tiny.blend, folder, quick, timeout=timeout)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def ranks(folder: Path, case: Case) -> list[Counted]:
    found = list(counted(folder, [case]))
    tensor, pipeline = LAYOUTS[case.layout]
    assert [each.stage for each in found] == sorted(list(range(pipeline)) * tensor)
    return found


def check(folder: Path, case: Case) -> None:
    """Within 1 % in all and in every part; a layer's activations and the loss within 5 %."""
    for rank in ranks(folder, case):
        planned, measured = map(sum, zip(*rank.states.values(), strict=True))
        assert planned == pytest.approx(measured, rel=0.01)
        assert measured > 0
        for name, (planned, measured) in rank.states.items():
            assert planned == pytest.approx(measured, rel=0.01), name
        for name, (planned, measured) in rank.saved.items():
            assert planned == pytest.approx(measured, rel=0.05), name


@pytest.fixture(scope="module")
def quick(warm: Warm, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(warm, tiny, tmp_path_factory.mktemp("states"), "quick", 300)


@pytest.fixture(scope="module")
def all_of_them(warm: Warm, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(warm, tiny, tmp_path_factory.mktemp("states"), "", 1800)


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.text)
def test_they_are_those_of_a_real_run(quick: Path, case: Case) -> None:
    check(quick, case)


@pytest.mark.slow
@pytest.mark.timeout(1860)  # the first one waits for 36 runs
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_they_are_those_of_every_real_run(all_of_them: Path, case: Case) -> None:
    check(all_of_them, case)


def test_parts_that_a_run_has_are_planned_and_no_others(quick: Path) -> None:
    for case in QUICK:
        for rank in ranks(quick, case):
            there = {name for name, (planned, _) in rank.states.items() if planned}
            expected = {"weights", "gradients", "Adam's moments"}
            expected |= {"master weights"} if case.precision == "bf16" else set()
            expected |= {"adapters"} if case.tuning != "full" else set()
            assert there == expected
