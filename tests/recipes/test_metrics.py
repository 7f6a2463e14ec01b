"""A run's records survive a kill, and a resumed run does not count a step twice."""

from __future__ import annotations

from pathlib import Path

from recipes import metrics


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


def test_forgetting_makes_no_file(tmp_path: Path) -> None:
    metrics.forget_after(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
