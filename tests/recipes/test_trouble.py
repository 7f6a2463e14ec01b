"""What a run does when gradients are no numbers and when it is asked to stop."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipes.checkpoint_files import FILE
from recipes.checkpoints import best_checkpoint, finished_checkpoints, step_of
from recipes.metrics import read_metrics
from tests.recipes.tiny import Tiny, start_python

RUN = "import sys; from tests.recipes.run_with_trouble import main; main(*sys.argv[1:])"
Runs = dict[str, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a step of trouble")  # "step" in the path: NeMo's own search stumbles over it


@pytest.fixture(scope="module")
def runs(nemo_on_cpu: None, tiny: Tiny, folder: Path) -> Iterator[Runs]:
    """One run with one spoilt step, one in which they do not end; side by side."""
    checkpoint, blend = tiny.nemo, tiny.blend
    started = {
        name: start_python(RUN, checkpoint, blend, folder / name, name, OMP_NUM_THREADS="1")
        for name in ("once", "always")
    }
    try:
        done = {}
        for name, process in started.items():
            stdout, stderr = process.communicate(timeout=400)
            done[name] = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
        yield done
    finally:
        for process in started.values():
            process.kill()


def sums(run: subprocess.CompletedProcess[str]) -> list[float]:
    """The sum of all weights after each step."""
    lines = [line for line in run.stdout.splitlines() if line.startswith("[")]
    assert len(lines) == 1, run.stderr[-4000:]
    values: list[float] = json.loads(lines[0])
    return values


def test_a_step_with_a_nan_leaves_the_weights_alone_and_is_told(runs: Runs, folder: Path) -> None:
    after = sums(runs["once"])
    assert after[1] == after[2]
    assert len(set(after)) == len(after) - 1
    told = [line for line in (folder / "once" / "console.log").read_text().splitlines() if "ALERT" in line]
    assert told == [
        "ALERT  step 3 skipped: its gradients are not finite (1 in a row, 1 in all; 5 in a row end the run)"
    ]


def test_nans_that_do_not_end_end_the_run_with_its_weights_unharmed(runs: Runs) -> None:
    assert runs["always"].returncode != 0
    after = sums(runs["always"])
    assert set(after[1:]) == {after[1]}
    assert after[1] == after[1]


def test_a_run_that_is_asked_stops_after_that_step_with_a_checkpoint(runs: Runs, folder: Path) -> None:
    assert runs["once"].returncode == 0, runs["once"].stderr[-4000:]
    run = folder / "once"
    assert len(sums(runs["once"])) == 6
    assert json.loads((run / "stopped.json").read_text()) == {"step": 6, "reason": "a request"}
    assert not (run / "stop").exists()
    assert step_of(finished_checkpoints(run)[-1]) == 6
    # step 6 is one of validation, which may take longer than there is
    assert [record["step"] for record in read_metrics(run) if "validation_loss" in record] == [2, 4]


def test_the_newest_two_checkpoints_and_the_best_are_kept_each_with_its_manifest(runs: Runs, folder: Path) -> None:
    run = folder / "once"
    best = best_checkpoint(run)
    assert best is not None
    kept = finished_checkpoints(run)
    assert {step_of(path) for path in kept} == {5, 6, step_of(best)}
    assert all((path / FILE).is_file() for path in kept)
    assert sorted((run / "checkpoints").iterdir()) == sorted(kept)
