"""A resumed run goes on with its curves without showing a step twice, and a broken logger stops nothing."""

from __future__ import annotations

import json
import math
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recipes.monitoring.loggers import RunTensorBoard, RunWandb

Points = list[tuple[int, float]]


def session(logger: Any, begun_at: int, seen: int, steps: range, value: float) -> None:
    """One process of a run: what NeMo logs by Lightning (which counts from 0), and what we record."""
    logger.begin(begun_at, seen)
    for step in steps:
        logger.log_metrics({"lr": value + step}, step - 1)
        logger.record({"tokens_per_second": value + step}, step)
    logger.finalize("success")


def tensorboard_curve(folder: Path, name: str) -> Points:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def wandb_runs(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The history rows in each offline file of a run, by the file's run id."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((folder / "wandb").glob("offline-run-*/*.wandb")):
        rows = runs.setdefault(path.stem, [])
        for record in _written(path):
            if record.WhichOneof("record_type") == "history":
                rows.append(
                    {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
                )
    return runs


def _written(path: Path) -> list[Any]:
    """The records of a session that has ended: W&B's own process writes them, and may still be at it."""
    deadline = time.monotonic() + 60
    while True:
        records = list(_records(path.read_bytes()))
        if any(record.WhichOneof("record_type") == "exit" for record in records):
            return records
        assert time.monotonic() < deadline, f"W&B did not end {path}"
        time.sleep(0.1)


def _records(data: bytes) -> Iterator[Any]:
    """The records of W&B's file: a header of 7 bytes, then LevelDB's log format."""
    from wandb.proto.wandb_internal_pb2 import Record

    block, place, whole = 32768, 7, b""
    while place + 7 <= len(data):
        if block - place % block < 7:
            place += block - place % block
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # the whole of a record, or its last part
            yield Record.FromString(whole)
            whole = b""


def wandb_curve(rows: list[dict[str, Any]], name: str) -> Points:
    return [(row["trainer/global_step"], row[name]) for row in rows if name in row]


def test_steps_done_again_replace_the_old_ones_in_tensorboard(tmp_path: Path) -> None:
    session(RunTensorBoard(str(tmp_path)), 0, 0, range(1, 6), 0.0)
    session(RunTensorBoard(str(tmp_path)), 3, 5, range(4, 8), 100.0)
    expected = [(1, 1.0), (2, 2.0), (3, 3.0), (4, 104.0), (5, 105.0), (6, 106.0), (7, 107.0)]
    assert tensorboard_curve(tmp_path, "tokens_per_second") == expected
    assert tensorboard_curve(tmp_path, "lr") == expected


def test_a_resumed_run_is_the_same_wandb_run_and_shows_no_step_twice(tmp_path: Path) -> None:
    session(RunWandb(str(tmp_path)), 0, 0, range(1, 6), 0.0)
    time.sleep(1.1)  # W&B names the files of a session by the second in which it began
    session(RunWandb(str(tmp_path)), 3, 5, range(4, 8), 100.0)
    runs = wandb_runs(tmp_path)
    assert [f"run-{(tmp_path / 'wandb_id').read_text().strip()}"] == list(runs)
    (rows,) = runs.values()
    expected = [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0), (5, 5.0), (6, 106.0), (7, 107.0)]
    assert wandb_curve(rows, "tokens_per_second") == expected
    assert wandb_curve(rows, "lr") == expected


def test_an_alert_goes_to_wandb(tmp_path: Path) -> None:
    logger = RunWandb(str(tmp_path))
    logger.alert("loss spike", "loss 9 at step 3")
    logger.finalize("success")
    (file,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    kinds = {record.WhichOneof("record_type"): record for record in _written(file)}
    assert (kinds["alert"].alert.title, kinds["alert"].alert.text) == ("loss spike", "loss 9 at step 3")


@pytest.mark.parametrize("kind", [RunTensorBoard, RunWandb])
def test_a_logger_that_can_not_write_says_so_once_and_the_run_goes_on(
    tmp_path: Path, kind: type, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.write_text("a file where the run's folder should be")
    logger = kind(str(folder))
    assert hasattr(logger, "experiment")  # as Lightning asks when a run is set up
    session(logger, 0, 0, range(1, 4), 0.0)
    said = [line for line in capsys.readouterr().err.splitlines() if "is off from here on" in line]
    assert len(said) == 1
    assert said[0].startswith(f"{kind.__name__} is off from here on (")


def test_other_ranks_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lightning.pytorch.utilities.rank_zero import rank_zero_only

    monkeypatch.setattr(rank_zero_only, "rank", 1)
    for kind in (RunTensorBoard, RunWandb):
        kind(str(tmp_path / "run")).finalize("success")
        kind(str(tmp_path / "run")).begin(1, 1)
        kind(str(tmp_path / "run")).experiment.anything("goes")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_does_not_break_the_curve(tmp_path: Path) -> None:
    logger = RunTensorBoard(str(tmp_path))
    logger.record({"loss": float("nan")}, 1)
    logger.finalize("success")
    ((step, value),) = tensorboard_curve(tmp_path, "loss")
    assert step == 1
    assert math.isnan(value)
