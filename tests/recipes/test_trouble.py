"""What a run does when gradients are no numbers, when it is asked to stop, and when it goes on after that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recipes.checkpoint_files import FILE
from recipes.checkpoints import best_checkpoint, finished_checkpoints, step_of
from recipes.metrics import read_metrics
from tests.recipes.test_resume import assert_same
from tests.recipes.tiny import Tiny
from tests.recipes.warm import Warm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a step of trouble")  # "step" in the path: NeMo's own search stumbles over it


@pytest.fixture(scope="module")
def said(nemo_on_cpu: None, warm: Warm, tiny: Tiny, folder: Path) -> dict[str, Any]:
    """What the runs in ``folder`` said; see run_with_trouble."""
    done = warm.call("tests.recipes.run_with_trouble:main", tiny.nemo, tiny.blend, folder, MASTER_PORT="0")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1, done.stderr[-4000:]
    value: dict[str, Any] = json.loads(lines[0])
    return value


def test_a_step_with_a_nan_leaves_the_weights_alone_and_is_told(said: dict[str, Any], folder: Path) -> None:
    after = said["once"]
    assert after[1] == after[2]
    assert len(set(after)) == len(after) - 1
    told = [line for line in (folder / "once" / "console.log").read_text().splitlines() if "skipped" in line]
    assert told == [
        "ALERT  step 3 skipped: its gradients are not finite (1 in a row, 1 in all; 5 in a row end the run)"
    ]


def test_the_record_of_a_skipped_step_has_no_norm_of_another_step(said: dict[str, Any], folder: Path) -> None:
    norms = {
        record["step"]: record["gradient_norm"] for record in read_metrics(folder / "once") if "gradient_norm" in record
    }
    assert [step for step, norm in norms.items() if norm is None] == [3]
    alerts = [record for record in read_metrics(folder / "once") if record.get("alert") == "not_a_number"]
    assert [alert["message"] for alert in alerts] == ["the gradient norm of step 3 is nan"]


def test_nans_that_do_not_end_end_the_run_with_its_weights_unharmed(said: dict[str, Any]) -> None:
    assert said["ended"].startswith("the gradients of 5 steps in a row were not finite, up to step 7; go back to")
    first, *others = said["always"][1:]
    assert others == [first] * 4  # of the steps 3 to 6; the seventh ended it


def test_a_run_that_is_asked_stops_after_that_step_with_a_checkpoint(said: dict[str, Any], folder: Path) -> None:
    run = folder / "once"
    assert len(said["once"]) == 6
    assert json.loads((run / "stopped.json").read_text()) == {"step": 6, "reason": "a request"}
    assert not (run / "stop").exists()
    assert step_of(finished_checkpoints(run)[-1]) == 6
    # step 6 is one of validation, which may take longer than there is
    assert [record["step"] for record in read_metrics(run) if "validation_loss" in record] == [2, 4]


def test_the_newest_two_checkpoints_and_the_best_are_kept_each_with_its_manifest(
    said: dict[str, Any], folder: Path
) -> None:
    run = folder / "once"
    best = best_checkpoint(run)
    assert best is not None
    kept = finished_checkpoints(run)
    assert {step_of(path) for path in kept} == {5, 6, step_of(best)}
    assert all((path / FILE).is_file() for path in kept)
    assert sorted((run / "checkpoints").iterdir()) == sorted(kept)


def test_adapters_go_on_bit_for_bit_dropout_and_all(said: dict[str, Any], folder: Path) -> None:
    assert_same(folder / "cpt-lora-one" / "parts", folder / "cpt-lora-one" / "whole")
