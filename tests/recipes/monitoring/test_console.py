"""One line says how far a run is, how it does, and how long it still takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recipes.monitoring.console import CONSOLE_LOG, duration, say, step_line, validation_line

RECORD: dict[str, Any] = {
    "step": 120,
    "loss": 1.51234,
    "gradient_norm": 0.456,
    "tokens_per_second": 18123.4,
    "mfu": 0.4123,
    "memory_gb": 151.26,
}


def test_the_line_has_percent_loss_rate_mfu_memory_and_time_left() -> None:
    assert step_line("cpt", RECORD, 400, 3725) == (
        "cpt   30%  step 120/400  loss 1.5123  grad 0.46  18,123 tok/s  MFU 41%  mem 151.3 GB  ETA 1:02:05"
    )


def test_where_there_is_no_mfu_none_is_shown() -> None:
    without = {name: value for name, value in RECORD.items() if name != "mfu"}
    assert "MFU" not in step_line("cpt", without, 400, 1)


def test_a_loss_that_is_no_number_is_said_in_words() -> None:
    assert "loss not a number" in step_line("cpt", {**RECORD, "loss": None, "gradient_norm": None}, 400, 1)


def test_a_validation_shows_each_language() -> None:
    record = {
        "step": 5,
        "validation_loss": 1.25,
        "perplexity": 3.4903,
        "validation_loss_by_language": {"en": 1.0, "pt": 1.5},
    }
    assert validation_line("cpt", record) == (
        "cpt  validation  step 5  loss 1.2500  perplexity 3.49  en 1.0000  pt 1.5000"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (3600, "1:00:00"), (13.5 * 86400 + 61, "13 d 12:01:01")]
)
def test_times_are_written_as_people_read_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_line_is_kept_for_whoever_follows_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say(tmp_path / "run", "one")
    say(tmp_path / "run", "two")
    assert (tmp_path / "run" / CONSOLE_LOG).read_text() == "one\ntwo\n"
    assert capsys.readouterr().err == "one\ntwo\n"


def test_a_file_that_can_not_be_written_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").write_text("no folder")
    say(tmp_path / "run", "one")
    assert capsys.readouterr().err == "one\n"
