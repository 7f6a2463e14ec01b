"""What the doctor found, as text for a person and as plain data for a program."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["ok", "missing", "differs"]


@dataclass(frozen=True)
class Check:
    """One thing looked for. ``cost`` says what its absence takes away, ``fix`` how to get it; both empty when ok."""

    name: str
    state: State
    found: str
    cost: str = ""
    fix: str = ""

    def text(self) -> str:
        lines = [f"{self.state:8} {self.name}: {self.found}"]
        lines += [f"{'':8}   {label}: {value}" for label, value in (("cost", self.cost), ("fix", self.fix)) if value]
        return "\n".join(lines)


@dataclass(frozen=True)
class Ability:
    """Something this machine can do, or ``lacks`` the named things for."""

    name: str
    what: str
    lacks: tuple[str, ...]

    @property
    def works(self) -> bool:
        return not self.lacks

    def text(self) -> str:
        line = f"{'yes' if self.works else 'no':4} {self.name} ({self.what})"
        return line if self.works else f"{line}\n       lacks {', '.join(self.lacks)}"


@dataclass(frozen=True)
class DoctorReport:
    """Every check in the order of looking, what this machine can do, and the precisions its GPUs (or CPU) train in."""

    checks: tuple[Check, ...]
    abilities: tuple[Ability, ...]
    precisions: tuple[str, ...]

    @property
    def exit_status(self) -> int:
        """0 when at least the data side, the first ability, works; else 1."""
        return 0 if self.abilities[0].works else 1

    def text(self) -> str:
        lines = [check.text() for check in self.checks]
        lines += ["", "This machine can do:", *(ability.text() for ability in self.abilities)]
        if self.precisions:
            lines += [f"Precisions to train in: {', '.join(self.precisions)}"]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        return {
            "checks": [dataclasses.asdict(check) for check in self.checks],
            "abilities": {
                ability.name: {"works": ability.works, "lacks": [*ability.lacks]} for ability in self.abilities
            },
            "precisions": [*self.precisions],
            "exit_status": self.exit_status,
        }
