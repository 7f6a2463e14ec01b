"""Real training runs on the CPU: layouts agree, and a killed run goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recipes.checkpoints import finished_checkpoints, step_of
from recipes.metrics import read_metrics
from tests.end_to_end.conftest import ROOT, environment, launch

Arguments = Callable[..., list[str]]
ONE_PROCESS = ("trainer.devices=1", "trainer.strategy.tensor_model_parallel_size=1")
PIPELINE = ("trainer.strategy.tensor_model_parallel_size=1", "trainer.strategy.pipeline_model_parallel_size=2")
# as on four B200: what the stages send each other is mixed up, without an error, unless sending overlaps
PIECES = (*PIPELINE, "trainer.strategy.virtual_pipeline_model_parallel_size=2", "data.micro_batch_size=2")


def curve(run: Path) -> list[tuple[int, float | None, float | None, float | None]]:
    """(step, loss, gradient norm, validation loss) of every step and validation."""
    return [
        (record["step"], record.get("loss"), record.get("gradient_norm"), record.get("validation_loss"))
        for record in read_metrics(run)
        if "alert" not in record  # those of before a kill are kept
    ]


@pytest.fixture(scope="module")
def tensor_parallel(tmp_path_factory: pytest.TempPathFactory, train_command: Arguments) -> Path:
    """An uninterrupted run in two tensor parallel processes, the CPU profile's own layout."""
    output = tmp_path_factory.mktemp("runs") / "in two processes"  # a path with blanks
    done = launch(*train_command("cpt", output))
    assert done.status == 0, done.stderr[-4000:]
    return output


def test_a_run_records_every_step_and_ends_in_a_checkpoint(tensor_parallel: Path) -> None:
    steps = [step for step, loss, _, _ in curve(tensor_parallel) if loss is not None]
    assert steps == list(range(1, 16))
    assert [step for step, _, _, validation in curve(tensor_parallel) if validation is not None] == [10, 15]
    assert step_of(finished_checkpoints(tensor_parallel)[-1]) == 15
    assert list((tensor_parallel / "tensorboard").glob("events.*"))
    assert "LlamaModel" in (tensor_parallel / "recipe.txt").read_text()


@pytest.mark.parametrize(
    "layout",
    [ONE_PROCESS, PIPELINE, PIECES],
    ids=["one process", "pipeline parallel", "virtual pipeline"],
)
def test_every_layout_computes_the_same_losses(
    tensor_parallel: Path, train_command: Arguments, tmp_path: Path, layout: tuple[str, ...]
) -> None:
    done = launch(*train_command("cpt", tmp_path / "run", *layout))
    assert done.status == 0, done.stderr[-4000:]
    for ours, theirs in zip(curve(tmp_path / "run"), curve(tensor_parallel), strict=True):
        step, *values = ours
        assert step == theirs[0]
        # float32 sums in another order: equal to about six digits
        assert [value for value in values if value is not None] == pytest.approx(
            [value for value in theirs[1:] if value is not None], rel=1e-3
        )


@pytest.mark.slow
def test_a_model_in_pieces_goes_on_bit_for_bit(train_command: Arguments, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert launch(*train_command("cpt", run, *PIECES)).status == 0
    whole = curve(run)
    done = launch(*train_command("cpt", run, *PIECES), "--resume-from", "10")
    assert done.status == 0, done.stderr[-4000:]
    assert curve(run) == whole


def signal_after(step: int, arguments: list[str], output: Path, number: signal.Signals) -> tuple[int, str]:
    """Start a run and signal its launcher once ``step`` is recorded; return its exit status and standard error.

    Only the launcher gets the signal: its ranks must follow by themselves.
    """
    with subprocess.Popen(
        [sys.executable, "launch.py", *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 900  # generous: the machine may be busy
        while not any(record["step"] >= step for record in read_metrics(output)):
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "the run did not get that far in time"
            time.sleep(0.02)
        os.kill(process.pid, number)
        _, printed = process.communicate(timeout=600)
        return process.returncode, printed


def test_a_run_killed_with_sigkill_goes_on_bit_for_bit(
    tensor_parallel: Path, train_command: Arguments, tmp_path: Path
) -> None:
    arguments = train_command("cpt", tmp_path / "run")
    signal_after(8, arguments, tmp_path / "run", signal.SIGKILL)
    assert step_of(finished_checkpoints(tmp_path / "run")[-1]) == 5
    done = launch(*arguments)
    assert done.status == 0, done.stderr[-4000:]
    assert "going on from step=5" in done.stderr
    assert curve(tmp_path / "run") == curve(tensor_parallel)


@pytest.mark.slow
def test_instruction_tuning_stopped_by_ctrl_c_goes_on_bit_for_bit(train_command: Arguments, tmp_path: Path) -> None:
    reference = launch(*train_command("sft", tmp_path / "reference"))
    assert reference.status == 0, reference.stderr[-4000:]
    arguments = train_command("sft", tmp_path / "run")
    status, printed = signal_after(8, arguments, tmp_path / "run", signal.SIGINT)
    assert status == 130
    assert printed.rstrip().endswith("stopped; the same command goes on from what is finished")
    done = launch(*arguments)
    assert done.status == 0, done.stderr[-4000:]
    assert curve(tmp_path / "run") == curve(tmp_path / "reference")


def test_a_failed_run_is_reported_with_its_reason_and_exit_status(train_command: Arguments, tmp_path: Path) -> None:
    # Megatron knows no such optimizer, and says so in the ranks
    done = launch(*train_command("cpt", tmp_path / "run", "optim.config.optimizer=adamm"))
    assert done.status == 1
    assert "the cpt run failed" in done.stderr
    assert "adamm" in done.stderr
    assert "Traceback" not in done.stderr
