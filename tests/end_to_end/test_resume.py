"""A run that is asked to stop through its command says so, and the same command goes on bit for bit."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from recipes.checkpoints import newest_checkpoint, step_of
from tests.end_to_end.conftest import launch
from tests.end_to_end.test_training import ONE_PROCESS, signal_after
from tests.recipes.test_resume import assert_same_tensors, curve

Arguments = Callable[..., list[str]]


@pytest.fixture(scope="module")
def whole(train_command: Arguments, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of adapters that nobody stopped."""
    run = tmp_path_factory.mktemp("whole") / "run"
    done = launch(*train_command("cpt", run, "--peft", "lora"))
    assert done.status == 0, done.stderr[-4000:]
    return run


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sigterm_to_the_command_leaves_a_checkpoint_of_that_step_and_exit_status_75(
    whole: Path, train_command: Arguments, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arguments = train_command("cpt", run, "--peft", "lora")
    status, printed = signal_after(7, arguments, run, signal.SIGTERM)
    assert status == 75, printed[-4000:]
    step = step_of(newest_checkpoint(run))
    assert 7 <= step < 15
    assert f"stopped early by a request, after step {step} of 15, with a checkpoint" in printed
    done = launch(*arguments)
    assert done.status == 0, done.stderr[-4000:]
    assert f"going on from step={step}" in done.stderr
    assert curve(run) == curve(whole)
    assert_same_tensors(run, whole)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_adapters_killed_with_sigkill_go_on_bit_for_bit(whole: Path, train_command: Arguments, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = train_command("cpt", run, "--peft", "lora")
    signal_after(8, arguments, run, signal.SIGKILL)
    assert step_of(newest_checkpoint(run)) == 5
    done = launch(*arguments)
    assert done.status == 0, done.stderr[-4000:]
    assert "going on from step=5" in done.stderr
    assert curve(run) == curve(whole)
    assert_same_tensors(run, whole)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_a_finished_run_is_given_more_steps_or_sent_back(train_command: Arguments, tmp_path: Path, tuning: str) -> None:
    peft = () if tuning == "full" else ("--peft", tuning)
    for steps, options in ((7, ()), (12, ()), (12, ("--resume-from", "10"))):
        arguments = train_command("cpt", tmp_path / "run", *peft, *ONE_PROCESS, *options)
        done = launch(*arguments, f"trainer.max_steps={steps}")
        assert done.status == 0, done.stderr[-4000:]
        assert step_of(newest_checkpoint(tmp_path / "run")) == steps
        assert [step for step, loss, *_ in curve(tmp_path / "run") if loss is not None] == list(range(1, steps + 1))
    assert "going on from step=10" in done.stderr


@pytest.mark.slow
def test_a_time_limit_stops_a_run_with_a_checkpoint(train_command: Arguments, tmp_path: Path) -> None:
    arguments = train_command("cpt", tmp_path / "run", *ONE_PROCESS, "--time-limit", "0:01")
    done = launch(*arguments, "trainer.max_steps=2000")
    assert done.status == 75, done.stderr[-4000:]
    assert "stopped early by the time limit, after step" in done.stderr
    assert newest_checkpoint(tmp_path / "run")
