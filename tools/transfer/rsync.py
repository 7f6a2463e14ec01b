"""rsync, started with what a corpus needs, its failures as sentences."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from preprocessing.errors import RecipeError
from preprocessing.files import PARTIAL_SUFFIX
from tools.transfer.place import UNREACHABLE, Place, last_line, unreachable

# Where a file waits that came over in part; `check` passes over what ends so.
PARTIAL_FOLDER = ".rsync" + PARTIAL_SUFFIX
# Of 2013; the first with a progress line for the whole transfer. macOS brings an older one.
OLDEST = (3, 1)
_STANDARD_ERROR = 2
# `>f+++++++++ name`; a change that begins with "." is one of time or rights alone.
_ITEM = re.compile(r"[<>ch][fL]\S{9,} (.+)")
_FULL = re.compile(r"No space left on device|Disk quota exceeded|File too large", re.IGNORECASE)
_NO_RSYNC = re.compile(r"rsync\S*:.*not found", re.IGNORECASE)


def need_rsync() -> None:
    """Raise RecipeError unless rsync is installed here and new enough."""
    install = "install rsync 3.1 or newer (Debian: apt-get install rsync; macOS: brew install rsync)"
    if shutil.which("rsync") is None:
        raise RecipeError(f"rsync is not installed here; {install}")
    said = subprocess.run(["rsync", "--version"], capture_output=True, text=True).stdout
    version = re.search(r"\bversion (\d+)\.(\d+)", said.replace("protocol version", ""))
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        found = f"rsync {version[1]}.{version[2]}" if version else "this rsync, of unknown version,"
        raise RecipeError(f"{found} is too old; {install}")


def rsync(
    source: Path, place: Place, names: Sequence[str], options: Sequence[str] = (), listing: bool = False
) -> list[str]:
    """Copy the files ``names`` of ``source``, what is there already aside; links stay links.

    With ``listing`` nothing is copied: the files that would be are returned.

    Raises:
        RecipeError: it failed; the sentence says where and how to go on.
    """
    with (
        tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted,
        tempfile.TemporaryFile("w+", errors="replace") as output,
    ):
        wanted.write("".join(f"{name}\n" for name in names))
        wanted.flush()
        command = ["rsync", "--links", "--times", "-s", f"--partial-dir={PARTIAL_FOLDER}"]
        command += [f"--files-from={wanted.name}", *(["--rsh", shlex.join(place.shell)] if place.host else [])]
        if listing:
            command += ["--dry-run", "--out-format=%i %n"]
        else:
            command.append("--info=progress2" if sys.stderr.isatty() else "--info=name")
        command += [*options, f"{source}/", f"{place}/"]
        # a file, not a pipe: an ssh that stays for the next connection would hold the pipe's end
        shown = output if listing else _STANDARD_ERROR
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=shown, stderr=output) as process:
            try:
                status = process.wait()
            except BaseException:
                process.terminate()  # after Ctrl-C; it keeps what came over
                raise
        output.seek(0)
        said = output.read()
    if status:
        raise RecipeError(_failure(status, said, place))
    return [item[1] for line in said.splitlines() if (item := _ITEM.fullmatch(line))]


def _failure(status: int, said: str, place: Place) -> str:
    first = next((line.strip() for line in said.splitlines() if line.startswith("rsync:")), last_line(said))
    again = "what came over is kept, and the same command goes on from there"
    if _FULL.search(said):
        return f"the disk at {place} is full, or takes no file so large ({first}); free some space: {again}"
    if place.host and _NO_RSYNC.search(said):
        return f"{place.host} has no rsync; install it there"
    if place.host and status == UNREACHABLE:
        return unreachable(place.host, place.rsh, last_line(said.split("rsync:")[0]))
    return f"rsync to {place} ended with status {status} ({first}); {again}"
