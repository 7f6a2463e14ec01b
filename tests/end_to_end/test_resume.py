"""A run that was stopped is the run that was not: every loss, every weight and every optimizer state, bit for bit."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from recipes.checkpoints import newest_checkpoint, step_of
from tests.end_to_end.conftest import launch
from tests.end_to_end.test_training import ONE_PROCESS, PIPELINE, curve, signal_after

Arguments = Callable[..., list[str]]
LAYOUTS = {"one process": ONE_PROCESS, "TP=2": (), "PP=2": PIPELINE}
TUNINGS = {"full": (), "lora": ("--peft", "lora"), "dora": ("--peft", "dora")}


def tensors(run: Path) -> dict[str, Any]:
    """All tensors of a run's newest checkpoint: weights, or adapters, and optimizer states."""
    from torch.distributed.checkpoint import FileSystemReader
    from torch.distributed.checkpoint.default_planner import _EmptyStateDictLoadPlanner
    from torch.distributed.checkpoint.state_dict_loader import _load_state_dict

    state: dict[str, Any] = {}
    _load_state_dict(
        state,
        storage_reader=FileSystemReader(newest_checkpoint(run) / "weights"),
        planner=_EmptyStateDictLoadPlanner(),
        no_dist=True,
    )
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}


def assert_same(run: Path, reference: Path) -> None:
    assert curve(run) == curve(reference)
    ours, theirs = tensors(run), tensors(reference)
    assert list(ours) == list(theirs)
    assert any("exp_avg_sq" in name for name in ours)
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize("stage", ["cpt", "sft"])
def test_a_run_that_was_stopped_between_checkpoints_goes_on_bit_for_bit(
    train_command: Arguments, tmp_path: Path, stage: str, tuning: str, layout: str
) -> None:
    choices = (*TUNINGS[tuning], *LAYOUTS[layout])
    reference = launch(*train_command(stage, tmp_path / "reference", *choices))
    assert reference.status == 0, reference.stderr[-4000:]
    arguments = train_command(stage, tmp_path / "run", *choices)
    status, printed = signal_after(7, arguments, tmp_path / "run", signal.SIGTERM)
    stopped_at = step_of(newest_checkpoint(tmp_path / "run"))
    assert status == 75, printed[-4000:]
    assert 7 <= stopped_at < 15
    assert f"stopped early by a request, after step {stopped_at} of 15, with a checkpoint" in printed
    done = launch(*arguments)
    assert done.status == 0, done.stderr[-4000:]
    assert f"going on from step={stopped_at}" in done.stderr
    assert_same(tmp_path / "run", tmp_path / "reference")


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_a_run_goes_on_in_another_layout_with_the_same_losses(
    train_command: Arguments, tmp_path: Path, tuning: str
) -> None:
    choices = TUNINGS[tuning]
    reference = launch(*train_command("cpt", tmp_path / "reference", *choices))
    assert reference.status == 0, reference.stderr[-4000:]
    run = tmp_path / "run"
    for step, layout in ((3, "TP=2"), (8, "PP=2")):
        status, printed = signal_after(step, train_command("cpt", run, *choices, *LAYOUTS[layout]), run, signal.SIGTERM)
        assert status == 75, printed[-4000:]
    done = launch(*train_command("cpt", run, *choices, *ONE_PROCESS))
    assert done.status == 0, done.stderr[-4000:]
    for ours, theirs in zip(curve(run), curve(tmp_path / "reference"), strict=True):
        assert ours[0] == theirs[0]
        assert [value for value in ours[1:] if value] == pytest.approx(
            [value for value in theirs[1:] if value], rel=1e-3
        )


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_a_finished_run_is_given_more_steps(train_command: Arguments, tmp_path: Path, tuning: str) -> None:
    arguments = train_command("cpt", tmp_path / "run", *TUNINGS[tuning], *ONE_PROCESS)
    for steps in (7, 12):
        done = launch(*arguments, f"trainer.max_steps={steps}")
        assert done.status == 0, done.stderr[-4000:]
        assert step_of(newest_checkpoint(tmp_path / "run")) == steps
    assert [step for step, loss, *_ in curve(tmp_path / "run") if loss is not None] == list(range(1, 13))
