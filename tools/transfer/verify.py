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
# In order of liking: how each is asked whether it can, and the command that prints sums.
_TOOLS = {
    "xxhsum": (f"xxhsum -H3 </dev/null 2>/dev/null | grep -q {_EMPTY}", "xxhsum -H3"),
    "xxh3sum": (f"xxh3sum </dev/null 2>/dev/null | grep -q {_EMPTY}", "xxh3sum"),
    "python3": ("python3 -c 'import xxhash' </dev/null 2>/dev/null", f"python3 -c {shlex.quote(_PYTHON)}"),
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
    tool, sums = remote_sums(place, manifest.outputs)
    if tool == NOTHING:
        names = rsync(source, place, list(manifest.outputs), ["--checksum"], listing=True)
        found = {name: f"{name} differs" for name in names}
        return {**found, **differences(source, manifest, crew)}, tool
    found = {}
    for name, output in manifest.outputs.items():
        if name not in sums:
            found[name] = f"{name} is missing or cannot be read"
        elif sums[name] != output.xxh3:
            found[name] = f"{name} differs: xxh3 {sums[name]}, {output.xxh3} in the manifest"
    return found, tool


def remote_sums(place: Place, outputs: Mapping[str, Output]) -> tuple[str, dict[str, str]]:
    """Return which program at ``place`` made sums (:data:`NOTHING`: none can), and the xxh3 of each file it could read.

    Raises:
        RecipeError: it made none at all.
    """
    sums: dict[str, str] = {}
    tools = [f'if {able}; then echo {name}; sums() {{ {command} "$@"; }}' for name, (able, command) in _TOOLS.items()]
    choice = "\nel".join(tools) + "\nelse exit; fi"
    commands = [f"sums {shlex.join(names)} </dev/null" for names in _batches(list(outputs))]
    with progress(what=f"sums at {place.host}", total=sum(item.bytes for item in outputs.values()), unit="B") as bar:

        def take(line: str) -> None:
            if (found := _SUM.fullmatch(line)) is not None:
                name = found["a"] or found["d"]
                sums[name] = found["b"] or found["c"]
                bar.update(outputs[name].bytes if name in outputs else 0)

        answer = place.run("\n".join([choice, *commands]), take)
    tool = answer.lines[0] if answer.lines and answer.lines[0] in _TOOLS else NOTHING
    if tool != NOTHING and not sums:
        raise RecipeError(f"{tool} made no sums at {place} ({answer.reason}); run it again")
    return tool, sums


def _batches(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE)]
