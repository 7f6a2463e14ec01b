"""A run is asked to stop in one way, whoever asks, and says that it did."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from preprocessing.errors import StoppedError, UsageError
from preprocessing.files import write_json
from tools.commands.training import seconds

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_to_the_command_becomes_a_request_that_the_ranks_see(
    tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    from recipes.stop import signals_ask_to_stop

    before = signal.getsignal(number)
    with signals_ask_to_stop(tmp_path):
        os.kill(os.getpid(), number)
        assert (tmp_path / "stop").exists()
    assert signal.getsignal(number) is before
    assert capsys.readouterr().err == f"{number.name}: stopping after this step, with a checkpoint\n"


def test_an_early_stop_is_told_as_such_and_forgotten_by_the_next_start(tmp_path: Path) -> None:
    from recipes.stop import RECORD, forget_stop
    from tools.run_state import raise_if_stopped

    raise_if_stopped(tmp_path, 100)
    write_json(tmp_path / RECORD, {"step": 7, "reason": "the time limit"})
    with pytest.raises(
        StoppedError, match=r"stopped early by the time limit, after step 7 of 100, with a checkpoint"
    ) as told:
        raise_if_stopped(tmp_path, 100)
    assert told.value.exit_status == 75
    (tmp_path / "stop").touch()
    forget_stop(tmp_path)
    raise_if_stopped(tmp_path, 100)
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_a_slurm_allocation_and_a_time_limit_are_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from recipes.stop import SLURM_END, SLURM_RESERVE, StopInTime

    monkeypatch.delenv(SLURM_END, raising=False)
    assert StopInTime(str(tmp_path))._reason() is None
    assert StopInTime(str(tmp_path), deadline=time.time() + 3600)._reason() is None
    assert StopInTime(str(tmp_path), deadline=time.time())._reason() == "the time limit"
    for left, reason in ((2 * SLURM_RESERVE, None), (SLURM_RESERVE / 2, "the end of the Slurm allocation")):
        monkeypatch.setenv(SLURM_END, str(int(time.time() + left)))
        assert StopInTime(str(tmp_path))._reason() == reason
    (tmp_path / "stop").touch()
    assert StopInTime(str(tmp_path))._reason() == "a request"


def test_time_limits_are_written_as_slurm_writes_them() -> None:
    assert seconds(None) is None
    assert seconds("23:50:00") == 23 * 3600 + 50 * 60
    assert seconds("1-00:00:01") == 86401
    assert seconds("5:30") == 330
    for wrong in ("", "5", "soon", "00:00", "1-2", "-1:00"):
        with pytest.raises(UsageError, match="--time-limit can't be"):
            seconds(wrong)


def test_every_step_and_rank_has_a_seed_of_its_own() -> None:
    from recipes.seeds import step_seed

    places = [(step, data, pipe) for step in (0, 1, 2, 39_999) for data in (0, 1, 63) for pipe in (0, 1, 7)]
    seeds = {step_seed(1234, *place) for place in places}
    assert len(seeds) == len(places)
    assert step_seed(1234, 5, 0, 0) != step_seed(1235, 5, 0, 0)
    assert all(0 <= seed < 2**63 for seed in seeds)
