"""What a run of ``parse`` read, counted by kind, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

# Of rejections and warnings, so many kinds are shown to people; programs get all.
_SHOWN = 8


@dataclass
class ParseSummary:
    """What is in the output and what is not, by kind."""

    output: str
    rejected_output: str
    documents: int = 0
    rejected: int = 0
    with_celex: int = 0
    by_root: Counter[str] = field(default_factory=Counter)
    by_type: Counter[str] = field(default_factory=Counter)
    by_language: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    seconds: float = 0.0
    resumed_documents: int = 0  # of them, written by an earlier run that was stopped
    resumed_bytes: int = 0

    def add(self, root: str, document_type: str, language: str, celex: bool, warnings: Sequence[str]) -> None:
        """Count one document; ``warnings`` are their kinds."""
        self.documents += 1
        self.with_celex += celex
        self.by_root[root] += 1
        self.by_type[document_type] += 1
        self.by_language[language or "unknown"] += 1
        self.warnings.update(warnings)

    def reject(self, reason: str) -> None:
        """Count one rejected input."""
        self.rejected += 1
        self.reasons[kind(reason)] += 1

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "output": self.output,
            "rejected_output": self.rejected_output,
            "documents": self.documents,
            "rejected": self.rejected,
            "with_celex": self.with_celex,
            "by_root": dict(self.by_root.most_common()),
            "by_type": dict(self.by_type.most_common()),
            "by_language": dict(self.by_language.most_common()),
            "warnings": dict(self.warnings.most_common()),
            "rejected_by_reason": dict(self.reasons.most_common()),
            "bytes_read": self.bytes_read,
            "seconds": round(self.seconds, 3),
            "resumed_documents": self.resumed_documents,
            "resumed_bytes": self.resumed_bytes,
        }

    def text(self) -> str:
        """Return the summary as a person reads it."""

        def counts(counter: Counter[str], shown: int | None = None) -> str:
            parts = [f"{name} {count:,}" for name, count in counter.most_common(shown)]
            if len(parts) < len(counter):
                parts.append(f"{len(counter) - len(parts)} other kinds")
            return ", ".join(parts) or "none"

        new_bytes = self.bytes_read - self.resumed_bytes
        rate = f"{new_bytes / 1e6 / self.seconds:.1f} MB/s" if self.seconds else "no time"
        size = f"{self.bytes_read / 1e6:,.1f} MB of FORMEX"
        lines = [
            f"{self.documents:,} documents from {size} in {self.seconds:.1f} s ({rate})",
            f"  by root      {counts(self.by_root)}",
            f"  by type      {counts(self.by_type)}",
            f"  by language  {counts(self.by_language)}",
            f"  with CELEX   {self.with_celex / max(self.documents, 1):.1%}",
            f"  warnings     {counts(self.warnings, _SHOWN)}",
            f"  written to   {self.output}",
        ]
        if self.resumed_documents:
            lines.insert(1, f"  resumed      {self.resumed_documents:,} of them were there from a run that was stopped")
        if self.rejected:
            lines.append(f"  rejected     {self.rejected:,}, listed in {self.rejected_output}:")
            lines.append(f"               {counts(self.reasons, _SHOWN)}")
        return "\n".join(lines)


def kind(message: str) -> str:
    """Return the kind of a warning or a reason: what stands before its first colon."""
    return message.partition(":")[0]
