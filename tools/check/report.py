"""What the checks found: a table for a person, plain data for a program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PASSED, FAILED, NOT_CHECKED = "passed", "FAILED", "not checked"
SHOWN = 5  # offenders a person reads
KEPT = 100  # offenders a program gets


@dataclass
class Check:
    """One thing looked at. ``found`` says what, ``problems`` names what is broken, ``skipped`` what could not be seen.

    Of the problems the first ``KEPT`` are kept and all are counted.
    """

    name: str
    found: str = ""
    problems: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    count: int = 0

    def fail(self, problem: str) -> None:
        """Note one thing that is broken, by name."""
        self.count += 1
        if len(self.problems) < KEPT:
            self.problems.append(problem)

    def fail_each(self, problems: Iterable[str]) -> None:
        """Note several."""
        for problem in problems:
            self.fail(problem)

    def skip(self, why: str) -> None:
        """Note what could not be looked at, and what would be needed for it."""
        if why not in self.skipped:
            self.skipped.append(why)

    @property
    def state(self) -> str:
        """``passed`` only when all of it was looked at and nothing was wrong."""
        return FAILED if self.problems else NOT_CHECKED if self.skipped else PASSED

    def text(self) -> str:
        lines = [*([self.found] if self.found else []), *self.problems[:SHOWN]]
        if self.count > SHOWN:
            lines.append(f"and {self.count - SHOWN:,} more")
        lines += [f"not checked: {why}" if lines else why for why in self.skipped]
        return f"\n{'':25}".join([f"{self.state:13}{self.name:12}{lines[0]}", *lines[1:]])

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "state": self.state,
            "found": self.found,
            "problems": self.problems,
            "problem_count": self.count,
            "not_checked": self.skipped,
        }


@dataclass(frozen=True)
class Sample:
    """A document decoded from its tokens: where it lies, which row of the table it is, and how its text begins."""

    dataset: str
    document: int
    id: str
    tokens: int
    text: str

    def text_block(self) -> str:
        return f"--- {self.dataset} document {self.document} ({self.id}), {self.tokens:,} tokens\n{self.text}"


@dataclass(frozen=True)
class CheckReport:
    """All checks of one corpus folder, and the decoded samples where they were asked for."""

    folder: Path
    checks: tuple[Check, ...]
    samples: tuple[Sample, ...] = ()

    @property
    def exit_status(self) -> int:
        """1 when something is broken; what could not be checked is no failure."""
        return int(any(check.state == FAILED for check in self.checks))

    def text(self) -> str:
        lines = [sample.text_block() for sample in self.samples]
        lines += [check.text() for check in self.checks]
        states = [check.state for check in self.checks]
        counts = [f"{states.count(state)} {state}" for state in (PASSED, FAILED, NOT_CHECKED) if state in states]
        lines.append(f"{self.folder}: {', '.join(counts)}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "checks": [check.to_dict() for check in self.checks],
            "samples": [dict(vars(sample)) for sample in self.samples],
            "exit_status": self.exit_status,
        }
