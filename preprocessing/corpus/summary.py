"""What ``preprocess`` tells at the end: the report in a dozen lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.corpus.holdout import TRAIN, VALIDATION


@dataclass
class Times:
    """Seconds of each stage, and bytes of XML that were read in them (less than all where a run was continued)."""

    stages: dict[str, float] = field(default_factory=dict)
    bytes_read: int = 0

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Measure the block as ``stage``."""
        started = time.monotonic()
        yield
        self.stages[stage] = time.monotonic() - started

    def text(self) -> str:
        """Return the stages with their times, those of a tenth of a second and more."""
        parts = {stage: f"{stage} {seconds:,.1f}" for stage, seconds in self.stages.items() if seconds >= 0.1}
        if "reading" in parts and self.bytes_read:
            parts["reading"] += f" ({self.bytes_read / 1e6 / self.stages['reading']:,.1f} MB/s)"
        return ", ".join(parts.values())


@dataclass(frozen=True)
class PreprocessSummary:
    """The corpus folder, its report (see :mod:`preprocessing.corpus.report`) and the time it took.

    ``up_to_date`` says that the folder held this corpus already and nothing was done.
    """

    output: Path
    report: dict[str, Any]
    seconds: float
    times: Times = field(default_factory=Times)
    up_to_date: bool = False

    def text(self) -> str:
        """Return the lines for a person."""
        documents, inputs = self.report["documents"], self.report["inputs"]
        by_reason = {reason: sum(by.values()) for reason, by in self.report["documents_left_out"].items()}
        rejected = sum(self.report["inputs_rejected"].values())
        lines = []
        if self.up_to_date:
            lines.append(f"{self.output} is up to date: it was made from the same inputs and settings.")
        lines.append(
            f"{documents['kept']:,} documents kept of {documents['read']:,} in {inputs['bytes'] / 1e6:,.1f} MB of XML"
            f" ({sum(by_reason.values()):,} left out, {rejected:,} inputs rejected)"
        )
        if by_reason:
            lines.append(f"  left out: {', '.join(f'{count:,} {reason}' for reason, count in by_reason.items())}")
        lines.append(f"{'':12}{'documents':>12}{'tokens':>16}{'validation':>14}{'share %':>10}{'mix %':>8}")
        for row in self.report["languages"].values():
            lines.append(
                f"  {row['name']:<10}{row['documents'][TRAIN]:>12,}{row['tokens'][TRAIN]:>16,}"
                f"{row['tokens'][VALIDATION]:>14,}{100 * row['share_of_tokens']:>10.1f}{100 * row['mix_weight']:>8.1f}"
            )
        lines += [f"note: {warning}" for warning in self.report["warnings"]]
        lines.append(f"report:   {self.output / 'report.html'}")
        lines.append(f"training: {self.output / 'cpt' / 'blend.yaml'}")
        if not self.up_to_date:
            lines.append(f"{self.seconds:.1f} s" + (f": {stages}" if (stages := self.times.text()) else ""))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the same for a program."""
        return {
            "output": str(self.output),
            "up_to_date": self.up_to_date,
            "seconds": round(self.seconds, 2),
            "stages": {stage: round(seconds, 2) for stage, seconds in self.times.stages.items()},
            "bytes_read": self.times.bytes_read,
            "blend": str(self.output / "cpt" / "blend.yaml"),
            "report": self.report,
        }


@dataclass(frozen=True)
class DryRun:
    """What a run would do; sizes in bytes of XML."""

    output: Path
    up_to_date: bool
    replaces: bool
    slices: int
    slices_to_read: int
    bytes: int
    bytes_to_read: int

    def text(self) -> str:
        """Return the lines for a person."""
        if self.up_to_date:
            return f"{self.output} is up to date: nothing would be done."
        return "\n".join(
            [
                f"read      {self.slices_to_read:,} of {self.slices:,} slices"
                f" ({self.bytes_to_read / 1e6:,.1f} of {self.bytes / 1e6:,.1f} MB of XML)"
                + ("; the others were read by an earlier run" if self.slices_to_read < self.slices else ""),
                "decide    which documents are kept, their scores, which acts are held out",
                "tokenize  what is kept, and write documents, datasets, blend files, registry and report",
                f"{'replace' if self.replaces else 'make':<10}the corpus in {self.output}"
                + (" (this needs --overwrite)" if self.replaces else ""),
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the same for a program."""
        return {**vars(self), "output": str(self.output)}
