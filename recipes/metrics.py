"""``metrics.jsonl`` of a run: one record a step, one a validation, one an alert."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FILE = "metrics.jsonl"


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The whole records of a run's metrics file, oldest first; [] where there is none.

    A step's record has ``step``, ``loss``, ``learning_rate``, ``gradient_norm``, ``seconds``, ``tokens_per_second``;
    a validation's ``step`` and ``validation_loss``; an alert's ``step``, ``alert`` and ``message``. Half a line, which
    a kill or a full disk leaves behind, is passed over; :func:`torn_lines` counts them.
    """
    return [record for record in _lines(run) if record is not None]


def torn_lines(run: Path) -> int:
    """How many lines of a run's metrics file are no records."""
    return sum(record is None for record in _lines(run))


def forget_after(run: Path, step: int) -> None:
    """Drop the records of steps after ``step``, which a resumed run will do again, and lines that are none.

    Alerts stay: they may be what says why the run ended.
    """
    from preprocessing.files import write_json_lines

    kept = [record for record in read_metrics(run) if record["step"] <= step or "alert" in record]
    if (run / FILE).is_file():
        write_json_lines(run / FILE, kept)


def append(run: Path, record: dict[str, Any]) -> None:
    """Add one record, on a line of its own whatever an earlier, failed write has left there."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / FILE).open("ab+") as stream:
        torn = False
        if stream.seek(0, os.SEEK_END):
            stream.seek(-1, os.SEEK_END)
            torn = stream.read(1) != b"\n"
        stream.write((b"\n" if torn else b"") + json.dumps(record).encode() + b"\n")


def _lines(run: Path) -> list[dict[str, Any] | None]:
    """The record of each line, None where it is none."""
    path = run / FILE
    if not path.is_file():
        return []
    *lines, half = path.read_bytes().split(b"\n")
    return [_record(line) for line in lines] + [None] * bool(half)


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("step"), int) else None
