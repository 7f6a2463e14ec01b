"""The lines for people: one a step at most, in the terminal and in ``RUN/console.log``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

CONSOLE_LOG = "console.log"  # followed by the process that started the run


def say(folder: Path, text: str) -> None:
    """Print for whoever started this process, and write for whoever started it from another one."""
    print(text, file=sys.stderr, flush=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / CONSOLE_LOG).open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")
    except OSError:
        # a full disk stops no training, and standard error has the line
        return


def step_line(stage: str, record: dict[str, Any], last: int, seconds_left: float) -> str:
    """Return the line of one step: percent, loss, rate, MFU where it means something, memory, time left."""
    step = record["step"]
    parts = [f"{stage}  {step / last:4.0%}", f"step {step}/{last}", f"loss {number(record['loss'], '.4f')}"]
    if record.get("gradient_norm") is not None:
        parts.append(f"grad {record['gradient_norm']:.2f}")
    parts.append(f"{record['tokens_per_second']:,.0f} tok/s")
    if record.get("mfu") is not None:
        parts.append(f"MFU {record['mfu']:.0%}")
    if record.get("memory_gb") is not None:
        parts.append(f"mem {record['memory_gb']:.1f} GB")
    return "  ".join([*parts, f"ETA {duration(seconds_left)}"])


def validation_line(stage: str, record: dict[str, Any]) -> str:
    """Return the line of a validation's ``record``, with the loss of each language."""
    line = (
        f"{stage}  validation  step {record['step']}  loss {number(record['validation_loss'], '.4f')}  "
        f"perplexity {number(record['perplexity'], '.2f')}"
    )
    languages = record.get("validation_loss_by_language") or {}
    return line + "".join(f"  {name} {number(loss, '.4f')}" for name, loss in languages.items())


def duration(seconds: float) -> str:
    """Return ``m:ss``, ``h:mm:ss`` or ``d days h:mm:ss``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours}:{minutes:02d}:{rest:02d}"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def number(value: float | None, form: str) -> str:
    """Return ``value`` in ``form``; None stands for what was no number."""
    return "not a number" if value is None else format(value, form)
