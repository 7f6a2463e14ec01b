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
from tests.recipes.tiny import ROOT, Tiny

SAME_LAYOUT = [
    f"{stage}-{tuning}-{layout}"
    for stage in ("cpt", "sft")
    for tuning in ("full", "lora", "dora")
    for layout in ("tp2", "pp2")
]
OTHER_LAYOUT = ["cpt-full-tp2-pp2", "cpt-full-pp2-tp2", "cpt-lora-tp2-pp2"]


def curve(run: Path) -> list[tuple[int, float | None, float | None, float | None]]:
    """(step, loss, gradient norm, validation loss) of every record."""
    return [
        (record["step"], record.get("loss"), record.get("gradient_norm"), record.get("validation_loss"))
        for record in read_metrics(run)
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
    ours, theirs = tensors(run), tensors(reference)
    assert list(ours) == list(theirs)
    assert any("exp_avg_sq" in name for name in ours)
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.fixture(scope="module")
def done(nemo_on_cpu: None, tiny: Tiny, chats: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases, in two processes that do one after the other; see resume_in_process."""
    folder = tmp_path_factory.mktemp("resumed")
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = [tiny.nemo, tiny.blend, chats, folder, *SAME_LAYOUT, *OTHER_LAYOUT]
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


@pytest.fixture(scope="module")
def chats(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chats about nothing, short enough for every run."""
    import json

    folder = tmp_path_factory.mktemp("chats")
    for split, count in (("train", 40), ("validation", 10)):
        (folder / split).mkdir()
        lines = [
            json.dumps(
                {
                    "messages": [
                        {"role": "user", "content": f"What is laid down in Article {number}?"},
                        {"role": "assistant", "content": f"The rule of number {number * 7}."},
                    ]
                }
            )
            for number in range(count)
        ]
        (folder / split / "0.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("case", SAME_LAYOUT)
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
