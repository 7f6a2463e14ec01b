"""What ``preprocess`` tells at the end: the report in a dozen lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.corpus.holdout import TRAIN, VALIDATION


@dataclass(frozen=True)
class PreprocessSummary:
    """The corpus folder, its report (see :mod:`preprocessing.corpus.report`) and the time it took.

    ``up_to_date`` says that the folder held this corpus already and nothing was done.
    """

    output: Path
    report: dict[str, Any]
    seconds: float
    up_to_date: bool = False

    def text(self) -> str:
        """Return the lines for a person."""
        documents = self.report["documents"]
        left_out = sum(sum(by.values()) for by in self.report["documents_left_out"].values())
        rejected = sum(self.report["inputs_rejected"].values())
        lines = []
        if self.up_to_date:
            lines.append(f"{self.output} is up to date: it was made from the same inputs and settings.")
        lines.append(
            f"{documents['kept']:,} documents kept of {documents['read']:,} read"
            f" ({left_out:,} left out, {rejected:,} inputs rejected)"
        )
        if left_out:
            for reason, by_language in self.report["documents_left_out"].items():
                lines.append(f"  left out: {sum(by_language.values()):,} {reason}")
        lines.append(f"{'':12}{'documents':>12}{'tokens':>16}{'validation':>14}{'mix %':>8}")
        for row in self.report["languages"].values():
            lines.append(
                f"  {row['name']:<10}{row['documents'][TRAIN]:>12,}{row['tokens'][TRAIN]:>16,}"
                f"{row['tokens'][VALIDATION]:>14,}{100 * row['mix_weight']:>8.1f}"
            )
        lines += [f"note: {warning}" for warning in self.report["warnings"]]
        lines.append(f"report:   {self.output / 'report.html'}")
        lines.append(f"training: {self.output / 'cpt' / 'blend.yaml'}")
        if not self.up_to_date:
            lines.append(f"{self.seconds:.1f} s")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the same for a program."""
        return {
            "output": str(self.output),
            "up_to_date": self.up_to_date,
            "seconds": round(self.seconds, 2),
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
