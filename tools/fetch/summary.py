"""What a run of ``fetch`` brought, counted by status and language, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tools.fetch.store import Outcome

_SHOWN = 5


@dataclass
class FetchSummary:
    """What became of a selection; ``present`` and ``known_missing`` are of earlier runs."""

    output: str
    fetched: int = 0
    present: int = 0
    missing: int = 0
    known_missing: int = 0
    failed: int = 0
    bytes: int = 0
    seconds: float = 0.0
    by_status: Counter[str] = field(default_factory=Counter)
    by_language: Counter[str] = field(default_factory=Counter)  # of what is there now
    reasons: Counter[str] = field(default_factory=Counter)

    def earlier(self, present: Iterable[Outcome], missing: Iterable[Outcome]) -> None:
        """Count what earlier runs did."""
        for outcome in present:
            self.present += 1
            self.by_language[outcome.language] += 1
        self.known_missing += sum(1 for _ in missing)

    def add(self, outcome: Outcome) -> None:
        """Count what became of one document now."""
        self.by_status[str(outcome.status or ("no answer" if outcome.attempts else "not asked"))] += 1
        if outcome.file:
            self.fetched += 1
            self.bytes += outcome.bytes
            self.by_language[outcome.language] += 1
            return
        if outcome.missing:
            self.missing += 1
        else:
            self.failed += 1
        self.reasons[outcome.reason.partition(":")[0]] += 1

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "output": self.output,
            "fetched": self.fetched,
            "present": self.present,
            "missing": self.missing,
            "known_missing": self.known_missing,
            "failed": self.failed,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "by_status": dict(self.by_status.most_common()),
            "by_language": dict(self.by_language.most_common()),
            "reasons": dict(self.reasons.most_common()),
        }

    def text(self) -> str:
        """Return the summary as a person reads it."""

        def counts(counter: Counter[str]) -> str:
            return ", ".join(f"{name} {count:,}" for name, count in counter.most_common(_SHOWN)) or "none"

        lines = [
            f"{self.fetched:,} fetched ({self.bytes / 1e6:,.1f} MB) in {self.seconds:.1f} s,"
            f" {self.present:,} were there, {self.missing + self.known_missing:,} do not exist, {self.failed:,} failed",
            f"  by status    {counts(self.by_status)}",
            f"  there now    {counts(self.by_language)}",
            f"  each one     {self.output}/fetch.jsonl",
        ]
        if self.reasons:
            lines.insert(3, f"  not fetched  {counts(self.reasons)}")
        if self.known_missing:
            lines.append(f"  {self.known_missing:,} were not asked for: known not to exist (--retry-missing asks)")
        if self.failed:
            lines.append("  the same command tries again what failed")
        return "\n".join(lines)


@dataclass
class Preview:
    """What ``--dry-run`` says: what would be fetched, and how long it would take at least."""

    documents: int
    present: int
    known_missing: int
    rejected: int
    by_language: Counter[str]
    seconds: float  # at two requests a document, the least that the redirects make necessary

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "documents": self.documents,
            "present": self.present,
            "known_missing": self.known_missing,
            "rejected": self.rejected,
            "by_language": dict(self.by_language.most_common()),
            "seconds": round(self.seconds),
        }

    def text(self) -> str:
        """Return it as a person reads it."""
        hours = f"{self.seconds / 3600:.1f} h" if self.seconds >= 3600 else f"{self.seconds:.0f} s"
        languages = ", ".join(f"{name} {count:,}" for name, count in self.by_language.most_common()) or "none"
        return (
            f"{self.documents:,} to fetch ({languages}), at least {hours} at this --rate; {self.present:,} are there,"
            f" {self.known_missing:,} are known not to exist, {self.rejected:,} are no CELEX numbers"
        )
