"""The Python version and the installed packages, held against requirements/."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from preprocessing.errors import RecipeError
from tools.doctor.report import Check

OLDEST, NEWEST = (3, 10), (3, 12)

# name of the requirements file -> what it is called, and what a package missing from it costs
SETS = {
    "base": ("data side", "parse, preprocess, sft-data and test-set do not run"),
    "cpu": ("training stack", "import, cpt, sft, export and compare do not run; the data side does"),
    "dev": ("tests and linters", "make test and make lint install them"),
}


def setup_command(name: str) -> str:
    """What installs the set ``name`` on this system."""
    if name == "cpu" and sys.platform == "darwin":
        return "a Linux machine: megatron-core has no macOS wheel"
    return "./setup.sh --dev" if name == "dev" else "./setup.sh"


_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;]+)\s*(?:;(?P<marker>.*))?")


@dataclass(frozen=True)
class Pin:
    """One direct requirement: the package and the version that was tested."""

    name: str
    version: str

    def installed(self) -> str | None:
        """The version that is there, None when the package is not. The file is read, the package not imported."""
        try:
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return None

    def differs(self) -> bool:
        """Another version than ours is there; a build tag (2.13.0+cpu) makes no other version."""
        installed = self.installed()
        return installed is not None and installed.partition("+")[0] != self.version


@dataclass(frozen=True)
class Packages:
    """The lines about packages, and the pins of each set."""

    checks: tuple[Check, ...]
    pins: dict[str, tuple[Pin, ...]]

    def absent(self, name: str) -> list[str]:
        """The packages of the set ``name`` that are not installed."""
        return [pin.name for pin in self.pins[name] if pin.installed() is None]


def python_check() -> Check:
    """Is this interpreter one that the pins hold for?"""
    found = f"{platform.python_version()} ({sys.executable})"
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return Check("Python", "ok", found)
    return Check(
        "Python",
        "differs",
        found,
        cost="the pinned versions have no wheels for it",
        fix="PYTHON=python3.11 VENV=.venv311 ./setup.sh, with a Python 3.10 to 3.12",
    )


def read_pins(path: Path) -> tuple[Pin, ...]:
    """The pins of one requirements file that hold on this system; lines that include another file are left out.

    Raises:
        RecipeError: the file is not there.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise RecipeError(f"cannot read the pins in {path} ({error.strerror}): restore it from git") from None
    pins = []
    for line in lines:
        match = _PIN.match(line)
        # the one marker that direct pins use
        if match and (not match["marker"] or f'"{sys.platform}"' in match["marker"]):
            pins.append(Pin(match["name"], match["version"]))
    return tuple(pins)


def package_checks(requirements: Path) -> Packages:
    """One line for each set, and one for each package of it that is missing or of another version.

    Raises:
        RecipeError: a file of pins is not there.
    """
    pins = {name: read_pins(requirements / f"{name}.txt") for name in SETS}
    checks: list[Check] = []
    for name, (title, cost) in SETS.items():
        absent = [pin for pin in pins[name] if pin.installed() is None]
        other = [pin for pin in pins[name] if pin.differs()]
        as_pinned = len(pins[name]) - len(absent) - len(other)
        found = f"{as_pinned} of {len(pins[name])} packages as pinned"
        if absent:
            found += f", missing: {', '.join(pin.name for pin in absent)}"
            checks.append(Check(title, "missing", found, cost, setup_command(name)))
        else:
            checks.append(Check(title, "differs" if other else "ok", found))
        checks += [
            Check(
                pin.name,
                "differs",
                f"{pin.installed()}, pinned {pin.version}",
                cost="this combination of versions has not been run",
                fix=setup_command(name),
            )
            for pin in other
        ]
    return Packages(tuple(checks), pins)
