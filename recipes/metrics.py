"""``metrics.jsonl`` of a run: one record a step, one a validation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = "metrics.jsonl"


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The whole records of a run's metrics file, oldest first; [] where there is none.

    A step's record has ``step``, ``loss``, ``learning_rate``, ``gradient_norm``, ``seconds``, ``tokens_per_second``;
    a validation's ``step`` and ``validation_loss``. Half a line that a kill left behind is passed over.
    """
    path = run / FILE
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def forget_after(run: Path, step: int) -> None:
    """Drop the records of steps after ``step``, which a resumed run will do again."""
    from preprocessing.files import write_json_lines

    kept = [record for record in read_metrics(run) if record["step"] <= step]
    if (run / FILE).is_file():
        write_json_lines(run / FILE, kept)


def append(run: Path, record: dict[str, Any]) -> None:
    """Add one record."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / FILE).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record) + "\n")
