"""Activations that are computed again, dropout included, are those that were not kept: every gradient, to the bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recipes.metrics import read_metrics
from tests.recipes.recompute_in_process import LAYOUTS, MODES, SELECTIVE
from tests.recipes.short_runs import STEPS
from tests.recipes.warm import Warm

pytestmark = pytest.mark.timeout(1200)  # a minute on a quiet machine
LORA, FULL = "cpt lora in one process", "cpt full tensor parallel"
Found = dict[str, dict[str, Any]]
NAMES = {(1, False): "one process", (2, False): "tensor parallel", (2, True): "sequence parallel"}


@pytest.fixture(scope="module")
def folder(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recomputed")
    done = warm.call("tests.recipes.recompute_in_process:main", folder)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(params=LAYOUTS, ids=NAMES.get)
def found(folder: Path, request: pytest.FixtureRequest) -> Found:
    """What was found in a layout, by mode."""
    values: Found = json.loads((folder / f"{request.param[0]}-{request.param[1]}.json").read_text())
    assert list(values) == list(MODES)
    return values


def test_losses_and_gradients_are_equal_bit_for_bit(found: Found) -> None:
    assert len(set(found["none"]["losses"])) == 3
    assert {mode: values["losses"] for mode, values in found.items()} == dict.fromkeys(MODES, found["none"]["losses"])
    assert found["none"]["tensors"] == 3 * (3 + 3 * 6)  # embedding, last norm and output, six a layer; in three steps
    assert {mode: values["equal"] for mode, values in found.items()} == dict.fromkeys(MODES, True)


def test_less_is_kept_for_the_backward_pass(found: Found) -> None:
    kept = {mode: values["kept"] for mode, values in found.items()}
    assert kept["full"] < kept["full of two"] < kept["none"]
    for module in SELECTIVE:
        assert kept["all three"] < kept[module] < kept["none"]
    assert kept["full"] < kept["all three"]


def curve(run: Path) -> list[tuple[float, float]]:
    """Loss and gradient norm of every step."""
    return [(record["loss"], record["gradient_norm"]) for record in read_metrics(run) if "loss" in record]


def test_adapters_with_dropout_train_alike_on_recomputed_layers(short_runs: Path) -> None:
    assert len(curve(short_runs / LORA)) == STEPS
    assert curve(short_runs / f"{LORA}, recomputed") == curve(short_runs / LORA)


def test_sequence_parallel_and_recomputed_a_run_has_the_losses_of_a_plain_one(short_runs: Path) -> None:
    ours, theirs = (curve(short_runs / f"{FULL}{end}") for end in (", recomputed and sequence parallel", ""))
    assert len(ours) == STEPS
    # float32 sums in another order: equal to about six digits. Norms whose gradients are not summed over the ranks
    # would show in the gradient norm of the first step.
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
