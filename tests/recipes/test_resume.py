"""A run that was stopped is the run that was not: every loss, weight and optimizer state, bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from recipes.checkpoints import newest_checkpoint, step_of
from recipes.metrics import read_metrics
from tests.recipes.short_runs import MIDDLE, RESUMED, STEPS
from tests.recipes.tiny import ROOT, Tiny
from tests.recipes.warm import Warm

CELLS = [f"{stage}-{tuning}" for stage in ("cpt", "sft") for tuning in ("full", "lora", "dora")]
ONE_PROCESS = [f"{cell}-one" for cell in CELLS]
TWO_PROCESSES = [f"{cell}-{layout}" for cell in CELLS for layout in ("tp2", "pp2")]
OTHER_LAYOUT = ["cpt-full-tp2-pp2", "cpt-full-pp2-tp2", "cpt-lora-tp2-pp2"]


def curve(run: Path) -> list[tuple[int, float | None, float | None, float | None]]:
    """(step, loss, gradient norm, validation loss) of every step and validation."""
    return [
        (record["step"], record.get("loss"), record.get("gradient_norm"), record.get("validation_loss"))
        for record in read_metrics(run)
        if "alert" not in record  # those of before a kill are kept
    ]


def tensors(run: Path) -> dict[str, Any]:
    """All tensors of a run's newest checkpoint: weights, or adapters, and optimizer states."""
    from torch.distributed.checkpoint import FileSystemReader
    from torch.distributed.checkpoint.default_planner import _EmptyStateDictLoadPlanner
    from torch.distributed.checkpoint.state_dict_loader import _load_state_dict

    state: dict[str, Any] = {}
    reader = FileSystemReader(newest_checkpoint(run) / "weights")
    _load_state_dict(state, storage_reader=reader, planner=_EmptyStateDictLoadPlanner(), no_dist=True)
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}


def assert_same(run: Path, reference: Path) -> None:
    """Every record of the steps is the same, and every tensor of the last checkpoint."""
    assert curve(run) == curve(reference)
    assert len(curve(run)) == 8  # six steps, validations after the fourth and the last
    assert step_of(newest_checkpoint(run)) == 6
    assert_same_tensors(run, reference)


def assert_same_tensors(run: Path, reference: Path) -> None:
    """Every weight and optimizer state of the last checkpoints is the same."""
    ours, theirs = tensors(run), tensors(reference)
    assert list(ours) == list(theirs)
    assert any("exp_avg_sq" in name for name in ours)
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.fixture(scope="module")
def done(nemo_on_cpu: None, warm: Warm, tiny: Tiny, chats: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases, one after the other: first in one process, then in two; see resume_in_process."""
    folder = tmp_path_factory.mktemp("resumed")
    alone = [tiny.nemo, tiny.blend, chats, folder, *ONE_PROCESS]
    ended = warm.call("tests.recipes.resume_in_process:main", *alone, timeout=1800, MASTER_PORT="0")
    assert ended.returncode == 0, ended.stderr[-4000:]
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = [tiny.nemo, tiny.blend, chats, folder, *TWO_PROCESSES, *OTHER_LAYOUT]
    finished = subprocess.run(
        [sys.executable, *command, "-m", "tests.recipes.resume_in_process", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    return folder


@pytest.mark.timeout(1200)  # a minute on a quiet machine
@pytest.mark.parametrize("case", ["sft full in one process", "sft lora tensor parallel", "cpt dora pipeline parallel"])
def test_a_run_goes_on_from_a_checkpoint_bit_for_bit(short_runs: Path, case: str) -> None:
    whole, resumed = short_runs / case, short_runs / f"{case}{RESUMED}"
    assert curve(resumed) == [record for record in curve(whole) if record[0] > MIDDLE]
    assert curve(resumed)[-1][0] == STEPS
    assert_same_tensors(resumed, whole)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("case", ONE_PROCESS + TWO_PROCESSES)
def test_a_run_goes_on_bit_for_bit(done: Path, case: str) -> None:
    assert_same(done / case / "parts", done / case / "whole")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("case", OTHER_LAYOUT)
def test_a_run_goes_on_in_another_layout_with_the_same_losses(done: Path, case: str) -> None:
    for ours, theirs in zip(curve(done / case / "parts"), curve(done / case / "whole"), strict=True):
        assert ours[0] == theirs[0]
        # float32 sums in another order: equal to about five digits
        assert [value for value in ours[1:] if value] == pytest.approx(
            [value for value in theirs[1:] if value], rel=1e-3
        )
