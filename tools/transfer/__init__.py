"""A corpus on another machine, whole and proved to be: rsync, then xxh3 sums where it arrived.

    python launch.py transfer data/corpus node1:/data/corpus

The manifest goes last, after everything else was found to be as it says: a corpus that came over in part has none.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from preprocessing.corpus.output import MANIFEST
from preprocessing.errors import RecipeError, UsageError
from tools.check.files import differences
from tools.check.manifest import Manifest, corpus_folder, hash_file, not_part, read_manifest
from tools.check.work import Crew
from tools.transfer.place import NO_FOLDER, Place, one_connection, parse_place
from tools.transfer.rsync import need_rsync, rsync
from tools.transfer.verify import verify

__all__ = ["transfer"]

SHOWN = 5
# Enough to see that a folder is not a corpus.
MOST_FILES = 100_000


@dataclass(frozen=True)
class TransferSummary:
    """What was sent where, and what differs there (sentences, empty when all is well).

    ``sent`` counts the files that were not there yet; ``verified_with`` names the program that made the sums at the
    destination. With ``dry_run`` nothing was sent and nothing verified.
    """

    destination: str
    files: int
    bytes: int
    sent: int
    dry_run: bool
    verified_with: str = ""
    differing: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def exit_status(self) -> int:
        return int(bool(self.differing))

    def text(self) -> str:
        whole = f"{self.files:,} files, {self.bytes:,} bytes"
        if self.dry_run:
            return f"{self.sent:,} of {whole} would go to {self.destination}; nothing was sent"
        if not self.differing:
            return (
                f"{self.destination} holds the corpus: {whole}, xxh3 as in the manifest (by {self.verified_with}); "
                f"{self.sent:,} sent, {self.seconds:.1f} s"
            )
        lines = [f"{self.destination} differs from the manifest (by {self.verified_with}):"]
        lines += [f"  {problem}" for problem in self.differing[:SHOWN]]
        if len(self.differing) > SHOWN:
            lines.append(f"  and {len(self.differing) - SHOWN:,} more")
        lines.append("No manifest was put there. Files that differ are sent again with --rsync-option=--checksum")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "differing": [*self.differing], "exit_status": self.exit_status}


def transfer(
    folder: Path,
    destination: str,
    *,
    rsh: str | None = None,
    ssh_options: Sequence[str] = (),
    rsync_options: Sequence[str] = (),
    dry_run: bool = False,
    workers: int = 1,
) -> TransferSummary:
    """Copy the corpus ``folder`` to ``destination`` (``HOST:DIR`` or a local path) and verify it there.

    A transfer that was stopped goes on where it was. ``work/`` and unfinished files are not part of it.

    Raises:
        UsageError: no such corpus, or the destination is no place for one.
        RecipeError: the corpus here is not whole, rsync or ssh failed, or the disk there is full.
    """
    started = time.monotonic()
    corpus_folder(folder)
    place = parse_place(destination, rsh, ssh_options)
    need_rsync()
    manifest = read_manifest(folder)
    _whole(folder, manifest)
    if place.host is None and (same := Path(place.path)) and folder.resolve() in (same, *same.parents):
        raise UsageError(f"{destination} lies inside {folder}; give a folder outside it")
    summary = TransferSummary(
        destination=str(place),
        files=len(manifest.outputs) + 1,
        bytes=manifest.bytes + (folder / MANIFEST).stat().st_size,
        sent=0,
        dry_run=dry_run,
    )
    with one_connection(place) as connected, Crew(workers) as crew:
        there = _prepare(connected, manifest, dry_run)
        names = list(manifest.outputs)
        missing = rsync(folder, connected, names, rsync_options, listing=True) if there else names
        if dry_run:
            return replace(summary, sent=len(missing))
        differing, tool = _send(folder, connected, manifest, rsync_options, crew)
    return replace(
        summary,
        sent=len(missing),
        verified_with=tool,
        differing=tuple(differing.values()),
        seconds=round(time.monotonic() - started, 2),
    )


def _send(
    folder: Path, place: Place, manifest: Manifest, rsync_options: Sequence[str], crew: Crew
) -> tuple[dict[str, str], str]:
    """Copy all files, verify them, and only then the manifest; return what differs, and which tool said so."""
    rsync(folder, place, list(manifest.outputs), rsync_options)
    differing, tool = verify(folder, place, manifest, crew)
    if differing:
        part = {name: manifest.outputs[name] for name in differing}
        here = differences(folder, Manifest(manifest.settings, part), crew)
        return {name: text + (" (and here)" if name in here else "") for name, text in differing.items()}, tool
    own = Manifest(manifest.settings, {MANIFEST: hash_file(folder / MANIFEST)})
    rsync(folder, place, [MANIFEST], rsync_options)
    differing, tool = verify(folder, place, own, crew)
    if differing:
        place.run(f"rm -f -- {MANIFEST}")
    return differing, tool


def _whole(folder: Path, manifest: Manifest) -> None:
    """Raise RecipeError when a file is missing here or has another size; the rest is found at the destination."""
    for name, output in manifest.outputs.items():
        if not (folder / name).is_file() or (folder / name).stat().st_size != output.bytes:
            raise RecipeError(f"{folder / name} is missing or changed; `launch.py check {folder}` says more")


def _prepare(place: Place, manifest: Manifest, dry_run: bool) -> bool:
    """Make the folder and take away its manifest, which would vouch for a mix of old and new; return if it was there.

    Raises:
        UsageError: it holds files that are not of this corpus; readers of ``documents/*.parquet`` would take them in.
        RecipeError: it cannot be made.
    """
    answer = place.run(f"find . ! -type d | head -n {MOST_FILES}")
    there = answer.status != NO_FOLDER
    names = (Path(line) for line in answer.lines if there)
    known = {Path(name) for name in (*manifest.outputs, MANIFEST)}
    foreign = sorted(str(name) for name in names if name not in known and not any(map(not_part, _above(name))))
    if foreign:
        more = f" and {len(foreign) - SHOWN:,} more" if len(foreign) > SHOWN else ""
        raise UsageError(
            f"{place} holds files that are not of this corpus ({', '.join(foreign[:SHOWN])}{more}); give another "
            "folder or remove them"
        )
    if not dry_run:
        made = place.run(f"rm -f -- {MANIFEST}", create=True)
        if made.status:
            raise RecipeError(f"{place} cannot be written ({made.reason}); give a folder of yours")
    return there


def _above(path: Path) -> list[Path]:
    return [path, *path.parents]
