"""A run's records survive a kill, and a resumed run does not count a step twice."""

from __future__ import annotations

from pathlib import Path

from recipes import metrics
from recipes.checkpoints import best_checkpoint
from tests.recipes.test_checkpoints import write_checkpoint


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    run = tmp_path / "new" / "run"
    for step in (1, 2):
        metrics.append(run, {"step": step, "loss": 1.5})
    assert metrics.read_metrics(run) == [{"step": 1, "loss": 1.5}, {"step": 2, "loss": 1.5}]


def test_a_run_without_records_has_none(tmp_path: Path) -> None:
    assert metrics.read_metrics(tmp_path) == []


def test_half_a_line_that_a_kill_left_is_passed_over(tmp_path: Path) -> None:
    metrics.append(tmp_path, {"step": 1})
    with (tmp_path / metrics.FILE).open("a") as stream:
        stream.write('{"step": 2, "lo')
    assert metrics.read_metrics(tmp_path) == [{"step": 1}]


def test_steps_after_the_checkpoint_are_forgotten_with_their_half_lines(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        metrics.append(tmp_path, {"step": step})
        metrics.append(tmp_path, {"step": step, "validation_loss": 2.0})
    with (tmp_path / metrics.FILE).open("a") as stream:
        stream.write('{"step": 4')
    metrics.forget_after(tmp_path, 2)
    metrics.append(tmp_path, {"step": 3, "loss": 9.0})
    assert [record["step"] for record in metrics.read_metrics(tmp_path)] == [1, 1, 2, 2, 3]
    assert metrics.read_metrics(tmp_path)[-1] == {"step": 3, "loss": 9.0}


def test_a_torn_line_costs_neither_the_next_record_nor_the_run(tmp_path: Path) -> None:
    metrics.append(tmp_path, {"step": 1, "validation_loss": 3.0})
    with (tmp_path / metrics.FILE).open("ab") as stream:
        stream.write(b'{"step": 2, "lo')  # the disk was full
    metrics.append(tmp_path, {"step": 3, "loss": 9.0})
    with (tmp_path / metrics.FILE).open("ab") as stream:
        stream.write(b"\0\0\0\xff\n[4]\n{}\n")  # what a file system may leave of a power failure
    metrics.append(tmp_path, {"step": 5})
    assert [record["step"] for record in metrics.read_metrics(tmp_path)] == [1, 3, 5]
    assert metrics.torn_lines(tmp_path) == 4
    write_checkpoint(tmp_path / "checkpoints" / "step=1")
    assert best_checkpoint(tmp_path) == tmp_path / "checkpoints" / "step=1"
    metrics.forget_after(tmp_path, 3)
    assert [record["step"] for record in metrics.read_metrics(tmp_path)] == [1, 3]
    assert metrics.torn_lines(tmp_path) == 0


def test_what_alerted_before_a_restart_is_still_known_after_it(tmp_path: Path) -> None:
    why = {"step": 9, "alert": "silent", "message": "no step has ended for 30 minutes"}
    for record in ({"step": 8, "loss": 1.0}, {"step": 9, "loss": 1.0}, why):
        metrics.append(tmp_path, record)
    metrics.forget_after(tmp_path, 8)
    assert metrics.read_metrics(tmp_path) == [{"step": 8, "loss": 1.0}, why]


def test_forgetting_makes_no_file(tmp_path: Path) -> None:
    metrics.forget_after(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
