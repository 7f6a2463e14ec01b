"""What arrived, compared with the manifest where it lies: nothing is sent back but sums."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from preprocessing.errors import RecipeError
from preprocessing.progress import progress
from tools.check.files import differences
from tools.check.manifest import Manifest, Output
from tools.check.work import Crew
from tools.transfer.place import Place
from tools.transfer.rsync import rsync

HERE = "this program"
NOTHING = "rsync --checksum"
# xxh3 of no bytes at all: a tool that prints it knows the 64-bit xxh3.
_EMPTY = "2d06800538d394c2"
_PYTHON = """\
import sys, xxhash
for name in sys.argv[1:]:
    try:
        digest = xxhash.xxh3_64()
        with open(name, "rb") as stream:
            for block in iter(lambda: stream.read(8 << 20), b""):
                digest.update(block)
        print(digest.hexdigest() + "  " + name, flush=True)
    except OSError as error:
        print(error, file=sys.stderr)
"""
# In order of liking: the command that prints sums, and how it is asked whether it can.
_TOOLS = {
    "xxhsum": "xxhsum -H3",
    "xxh3sum": "xxh3sum",
    "python3": f"python3 -c {shlex.quote(_PYTHON)}",
}
# Files a command: short enough a line, and few enough commands.
_AT_ONCE = 200
# "XXH3 (name) = sum" up to xxHash 0.8.1, "XXH3_sum  name" or "sum  name" since
_SUM = re.compile(r"XXH3 \((?P<a>.+)\) = (?P<b>[0-9a-f]{16})|(?:XXH3_)?(?P<c>[0-9a-f]{16})  (?P<d>.+)")


def verify(source: Path, place: Place, manifest: Manifest, crew: Crew) -> tuple[dict[str, str], str]:
    """Compare every file at ``place`` with the manifest.

    There it is done by ``xxhsum``, ``xxh3sum`` or a Python with xxhash, whatever the host has; where it has none,
    rsync compares it with ``source``, which is itself compared with the manifest.

    Returns:
        What is wrong with each file that differs, by name, and which tool said so.

    Raises:
        RecipeError: the host cannot be reached any more.
    """
    if place.host is None:
        return differences(Path(place.path), manifest, crew), HERE
    tool = find_tool(place)
    if tool == NOTHING:
        found = dict.fromkeys(rsync(source, place, list(manifest.outputs), ["--checksum"], listing=True), "differs")
        found.update({name: f"{problem} (here)" for name, problem in differences(source, manifest, crew).items()})
        return {name: problem if name in problem else f"{name} {problem}" for name, problem in found.items()}, tool
    sums = remote_sums(place, tool, manifest.outputs)
    found = {}
    for name, output in manifest.outputs.items():
        if name not in sums:
            found[name] = f"{name} is missing or cannot be read"
        elif sums[name] != output.xxh3:
            found[name] = f"{name} differs: xxh3 {sums[name]}, {output.xxh3} in the manifest"
    return found, tool


def find_tool(place: Place) -> str:
    """Return which program at ``place`` can make xxh3 sums; :data:`NOTHING` when none can."""
    asked = [
        f"if {_TOOLS['xxhsum']} </dev/null 2>/dev/null | grep -q {_EMPTY}; then echo xxhsum; exit; fi",
        f"if {_TOOLS['xxh3sum']} </dev/null 2>/dev/null | grep -q {_EMPTY}; then echo xxh3sum; exit; fi",
        "if python3 -c 'import xxhash' </dev/null 2>/dev/null; then echo python3; exit; fi",
    ]
    lines = place.run("\n".join(asked)).lines
    return lines[-1] if lines and lines[-1] in _TOOLS else NOTHING


def remote_sums(place: Place, tool: str, outputs: Mapping[str, Output]) -> dict[str, str]:
    """Return the xxh3 of each file that can be read, made at ``place`` by ``tool`` of :func:`find_tool`."""
    sums: dict[str, str] = {}
    with progress(what=f"sums at {place.host}", total=sum(item.bytes for item in outputs.values()), unit="B") as bar:

        def take(line: str) -> None:
            if (found := _SUM.fullmatch(line)) is not None:
                name = found["a"] or found["d"]
                sums[name] = found["b"] or found["c"]
                bar.update(outputs[name].bytes if name in outputs else 0)

        commands = [f"{_TOOLS[tool]} {shlex.join(names)} </dev/null" for names in _batches(list(outputs))]
        answer = place.run("\n".join(commands), take)
    if not sums:
        raise RecipeError(
            f"{tool} made no sums at {place} ({answer.reason or f'status {answer.status}'}); run it again"
        )
    return sums


def _batches(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE)]
