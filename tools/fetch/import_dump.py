"""Archives of the data dump, downloaded by hand: checked from end to end and put where the rest is.

    python launch.py fetch --import LEG_EN_FMX_20240101_01_00.zip LEG_MTD_20240101_01_00.zip --output data/formex

Nothing is unpacked: ``parse`` and ``preprocess`` read the folder with the archives in it. On one file system an archive
is put in place by a hard link, which takes no room.
"""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file
from preprocessing.formex.notices import NOTICE_NAME
from preprocessing.formex.xml import UnreadableError
from preprocessing.formex.zips import Archive, Member
from preprocessing.progress import progress
from tools.fetch.store import add_to_manifest, checksum, file_hash, open_store

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TEXT = re.compile(rf"(?:^|/)({_UUID})/fmx4/[^/]+\.xml$", re.IGNORECASE)
_NOTICE = re.compile(rf"(?:^|/)({_UUID})/{re.escape(NOTICE_NAME)}$", re.IGNORECASE)
_THREADS = 4  # zlib lets go of Python's lock
_TAKEN_AT_ONCE = 256
#: Larger members than the reader takes are its to refuse, by name; here only the checksum counts.
_MAX_MEMBER_BYTES = 4 << 30


@dataclass
class Imported:
    """One archive: the works it holds by what of them it holds."""

    name: str
    bytes: int
    xxh3: str = ""
    how: str = "checked"  # then "linked", "copied" or "was there"
    texts: set[str] = field(default_factory=set)
    notices: set[str] = field(default_factory=set)


@dataclass
class ImportSummary:
    """What was put in place."""

    output: str
    archives: list[Imported]

    @property
    def works(self) -> int:
        """Works with text."""
        return len(set().union(*(archive.texts for archive in self.archives)))

    @property
    def with_notice(self) -> int:
        """Works with text and metadata."""
        notices: set[str] = set().union(*(archive.notices for archive in self.archives))
        return len(set().union(*(archive.texts for archive in self.archives)) & notices)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "output": self.output,
            "works": self.works,
            "with_notice": self.with_notice,
            "archives": [
                {"name": archive.name, "bytes": archive.bytes, "xxh3": archive.xxh3, "how": archive.how}
                for archive in self.archives
            ],
        }

    def text(self) -> str:
        """Return the summary as a person reads it."""
        lines = [
            f"{len(self.archives)} archives in {self.output}: {self.works:,} works, {self.with_notice:,} with notice"
        ]
        for archive in self.archives:
            hashed = f"  xxh3 {archive.xxh3}" if archive.xxh3 else ""
            lines.append(f"  {archive.how:<9} {archive.name}  {archive.bytes / 1e9:,.2f} GB{hashed}")
        if self.with_notice < self.works:
            lines.append(
                f"  without notice {self.works - self.with_notice:,}: their CELEX numbers come from the texts alone"
                " (import the LEG_MTD archive of the same date)"
            )
        return "\n".join(lines)


def import_dump(archives: Sequence[Path], output: Path, dry_run: bool = False) -> ImportSummary:
    """Check ``archives`` (texts and metadata of the data dump) and put them into the folder ``output``.

    With ``dry_run`` they are checked and left where they are.

    Raises:
        UsageError: a path is no archive of the dump, or another file of its name is in ``output``.
        RecipeError: an archive is damaged, texts and metadata are not of the same works, or the copy came out wrong.
    """
    names = Counter(path.name for path in archives)
    for name, count in names.items():
        if count > 1:
            raise UsageError(f"{name} is given {count} times; archives are told apart by name")
    found = [_look_into(path) for path in archives]
    summary = ImportSummary(str(output), found)
    if not summary.with_notice and summary.works and any(archive.notices for archive in found):
        raise RecipeError("texts and metadata are of different works; take archives of the same date")
    for path in archives:
        _test(path)
    if dry_run:
        return summary
    with open_store(output):
        for path, archive in zip(archives, found, strict=True):
            _place(path, output / path.name, archive)
            add_to_manifest(output, {archive.name: checksum(archive.bytes, archive.xxh3)})
    return summary


def _look_into(path: Path) -> Imported:
    """Read the directory of an archive and tell what of the dump's layout is in it."""
    if not path.is_file():
        raise UsageError(f"no file {path}; give archives of the data dump (LEG_EN_FMX_..., LEG_MTD_...)")
    found = Imported(path.name, path.stat().st_size)
    for member in _members(path):
        if text := _TEXT.search(member.name):
            found.texts.add(text[1].lower())
        elif notice := _NOTICE.search(member.name):
            found.notices.add(notice[1].lower())
    if not found.texts and not found.notices:
        raise UsageError(
            f"{path} is no archive of the data dump: neither {{work}}/fmx4/*.xml nor {{work}}/{NOTICE_NAME} is in it;"
            " other archives need no import, give them to parse or preprocess"
        )
    return found


def _members(path: Path) -> list[Member]:
    try:
        return Archive.open(str(path)).members()
    except UnreadableError as error:
        raise RecipeError(f"{path}: {error}; download it again") from error


def _test(path: Path) -> None:
    """Unpack every text and notice and compare its checksum; images are not looked at, as the reader does not."""
    archive = Archive.open(str(path))
    members = iter(sorted(_members(path), key=lambda member: member.offset))

    def damage(member: Member) -> str:
        try:
            archive.read(member, _MAX_MEMBER_BYTES)
        except (UnreadableError, zlib.error) as error:
            return f"{member.name}: {error}"
        return ""

    damaged: list[str] = []
    size = sum(member.packed for member in _members(path))
    with progress(what=f"checking {path.name}", total=size, unit="B") as bar, ThreadPoolExecutor(_THREADS) as pool:
        for part in _parts(members):
            damaged += filter(None, pool.map(damage, part))
            bar.update(sum(member.packed for member in part))
    if damaged:
        raise RecipeError(f"{path}: {len(damaged):,} members are damaged, as {damaged[0]}; download it again")


def _parts(members: Iterator[Member]) -> Iterator[list[Member]]:
    while part := list(islice(members, _TAKEN_AT_ONCE)):
        yield part


def _place(source: Path, target: Path, archive: Imported) -> None:
    """Link or copy ``source`` to ``target`` and note its checksum, as read at ``target``."""
    if target.exists() and source.samefile(target):
        archive.how, archive.xxh3 = "was there", file_hash(target)
        return
    wanted = file_hash(source)
    if target.exists():
        if file_hash(target) != wanted:
            raise UsageError(f"another {target.name} is in {target.parent}; remove it or give another --output")
        archive.how = "was there"
    else:
        archive.how = _link_or_copy(source, target)
        if archive.how == "copied" and file_hash(target) != wanted:
            target.unlink()
            raise RecipeError(f"{target} came out different from {source}: check the disk")
    archive.xxh3 = wanted


def _link_or_copy(source: Path, target: Path) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        with atomic_file(target, "wb") as stream, source.open("rb") as original:
            shutil.copyfileobj(original, stream, 8 << 20)
        return "copied"
    return "linked"
