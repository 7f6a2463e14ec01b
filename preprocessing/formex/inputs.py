"""From the paths a person gives to the folders to read: on disk, in archives, in archives inside archives.

Listing looks at names and sizes only, a few microseconds a file, so that one process can feed many. What lies in one
folder is handed on together: which of its files make one document is found out where it is read
(:mod:`preprocessing.formex.grouping`).
"""
# strings: a Path for each of a million files would cost more than all the rest
# ruff: noqa: PTH112, PTH116, PTH118, PTH119, PTH120, PTH113, PTH123

from __future__ import annotations

import gc
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from preprocessing.formex.notices import NOTICE_NAME
from preprocessing.formex.stores import member_source, printable
from preprocessing.formex.xml import UnreadableError
from preprocessing.formex.zips import MAX_MEMBERS, Archive, Member, is_unsafe, overlapping

# Above this many files a folder is read in parts: those of one issue of the Official Journal, which share the
# beginning of their names ("L_2016119EN"), stay together.
_MAX_TOGETHER = 200

_NUMBERED_NAME = re.compile(r"^DOC_\d+\.xml$", re.IGNORECASE)
_UUID = re.compile(r"(?:^|[/\\])([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=[/\\]|$)", re.IGNORECASE)
_NOTHING = "nothing to read: no .xml or .zip file in it"
# The metadata archive of the data dump, as it is published: LEG_MTD_<date>_01_00.zip
_METADATA_NAME = "LEG_MTD*"


@dataclass(frozen=True)
class Rejected:
    """An input that is not in the output, and why; the reason begins with its kind, up to a colon."""

    source: str
    reason: str


@dataclass
class Folder:
    """What is read at once: XML files that lie together, or (``nested``) one archive inside ``archive``."""

    files: tuple[Member, ...]
    archive: str | None = None
    nested: bool = False
    only: str | None = None  # of the documents, just the one that this file belongs to
    notice: tuple[str | None, Member] | None = None  # the archive (None: on disk) and the metadata file of this work

    @property
    def size(self) -> int:
        """Bytes, for the progress bar and for sharing out the work."""
        return sum(file.size for file in self.files)


@dataclass
class Listing:
    """All that is to be read, in the order it comes out."""

    items: list[Folder | Rejected] = field(default_factory=list)
    size: int = 0
    fingerprint: str = ""  # of all paths, sizes and times of change

    @property
    def files(self) -> int:
        """How many there are; an archive inside an archive is one."""
        return sum(len(item.files) for item in self.items if isinstance(item, Folder))


def list_inputs(paths: Sequence[Path]) -> Listing:
    """List what lies under ``paths``, in their order and that of the names in them."""
    collecting = gc.isenabled()
    gc.disable()  # it would walk through all that is listed again and again
    try:
        return _Lister().list(paths)
    finally:
        if collecting:
            gc.enable()


def folders_of_archive(archive: Archive, label: str, path: str, limit: int) -> Iterator[Folder | Rejected]:
    """Yield the folders of an open archive and the archives in it, which are read after them.

    Raises:
        UnreadableError: it cannot be read as an archive.
    """
    members = archive.members(limit)
    if not members:
        yield Rejected(printable(label), _NOTHING)
    shared = overlapping(members)
    folders: dict[str, list[Member]] = defaultdict(list)
    nested = []
    last = ""
    for member in members:
        name = member.name
        if is_unsafe(name):
            yield Rejected(member_source(label, name), "unsafe name: it leads out of the archive")
        elif shared and member in shared:
            yield Rejected(member_source(label, name), "zip bomb: its bytes are also another member's")
        elif name == last:
            yield Rejected(member_source(label, name), "name used twice: the archive has another member of this name")
        elif name.lower().endswith(".zip"):
            nested.append(member)
        elif name.lower().endswith(".xml"):
            folders[name.rpartition("/")[0]].append(member)
        last = name
    for files in folders.values():
        for part in _together(files):
            yield Folder(tuple(part), path)
    for member in nested:
        yield Folder((member,), path, nested=True)


def issue_of(name: str) -> str:
    """Return what the names of the files of one issue begin with."""
    return "DOC_" if _NUMBERED_NAME.match(name) else name.split(".")[0]


class _Lister:
    def __init__(self) -> None:
        self.items: list[Folder | Rejected] = []
        self.digest = xxhash.xxh3_128()
        self.places: dict[tuple[int, int], str] = {}  # folders and archives seen, by device and number
        self.notices: dict[str, tuple[str | None, Member]] = {}

    def list(self, paths: Sequence[Path]) -> Listing:
        for path in paths:
            self._add(str(path))
        works = [(work, item) for item in self.items if isinstance(item, Folder) and (work := work_of(item))]
        if any(work not in self.notices for work, _ in works):
            self._look_beside(paths)
        for work, item in works:
            item.notice = self.notices.get(work)
        size = sum(item.size for item in self.items if isinstance(item, Folder))
        return Listing(self.items, size, self.digest.hexdigest())

    def _add(self, path: str) -> None:
        if os.path.isdir(path):
            before = len(self.items), len(self.notices)
            self._walk(path)
            if before == (len(self.items), len(self.notices)):
                self.items.append(Rejected(printable(path), _NOTHING))
        elif path.lower().endswith(".zip") or _begins_like_a_zip(path):
            self._archive(path)
        else:
            name = os.path.basename(path)
            beside = {path}
            for near in os.scandir(os.path.dirname(path) or "."):
                if near.name.lower().endswith(".xml") and issue_of(near.name) == issue_of(name):
                    beside.add(os.path.join(os.path.dirname(path), near.name))
            self.items.append(Folder(tuple(self._file(near) for near in sorted(beside)), only=path))

    def _walk(self, top: str) -> None:
        """List a folder tree; links are followed, each folder is read once."""
        failures: list[OSError] = []
        for folder, folders, names in os.walk(top, followlinks=True, onerror=failures.append):
            while failures:
                self._unreadable(failures.pop())
            folders.sort()
            if self._known(folder):
                folders.clear()
                continue
            names.sort()
            files = [self._file(os.path.join(folder, name)) for name in names if name.lower().endswith(".xml")]
            for part in _together(files):
                self.items.append(Folder(tuple(part)))
            for name in names:
                if name.lower().endswith(".zip"):
                    self._archive(os.path.join(folder, name))
                elif name == NOTICE_NAME:
                    self._notice(None, self._file(os.path.join(folder, name)))
        while failures:
            self._unreadable(failures.pop())

    def _archive(self, path: str, documents: bool = True) -> None:
        if self._known(path, report=documents):
            return
        self._file(path)
        try:
            archive = Archive.open(path)
            notices = [member for member in archive.members() if member.name.endswith(NOTICE_NAME)]
            if documents:
                self.items += folders_of_archive(archive, path, path, MAX_MEMBERS)
        except UnreadableError as error:
            self.items.append(Rejected(printable(path), str(error)))
            return
        for member in notices:
            self._notice(path, member)

    def _look_beside(self, paths: Sequence[Path]) -> None:
        """Find the dump's metadata next to what was given: an archive, or the folder it was unpacked into."""
        for place in dict.fromkeys(path.parent for path in paths):
            for near in sorted(place.glob(_METADATA_NAME)):
                if near.suffix.lower() == ".zip":
                    self._archive(str(near), documents=False)
                elif near.is_dir():
                    for work in sorted(near.iterdir()):
                        if (work / NOTICE_NAME).is_file():
                            self._notice(None, self._file(str(work / NOTICE_NAME)))

    def _notice(self, archive: str | None, member: Member) -> None:
        if work := _work_of_path(member.name):
            self.notices.setdefault(work, (archive, member))

    def _known(self, path: str, report: bool = True) -> bool:
        """Tell whether a folder or an archive was listed before; ``report`` it as rejected if it was."""
        try:
            status = os.stat(path)
        except OSError:
            return False  # reading it will say why
        place = (status.st_dev, status.st_ino)
        if place in self.places:
            if report:
                reason = f"given twice: the same as {printable(self.places[place])}"
                self.items.append(Rejected(printable(path), reason))
            return True
        self.places[place] = path
        return False

    def _file(self, path: str) -> Member:
        try:
            status = os.stat(path)
            size, changed = status.st_size, status.st_mtime_ns
        except OSError:
            size = changed = 0  # reading it will say why
        self.digest.update(f"{path}\0{size}\0{changed}\n".encode("utf-8", "surrogateescape"))
        return Member(path, size)

    def _unreadable(self, error: OSError) -> None:
        self.items.append(Rejected(printable(str(error.filename)), f"cannot be read: {error.strerror or error}"))


def _together(files: list[Member]) -> list[list[Member]]:
    """Return the files of one folder whole, or by issue where they are very many."""
    if len(files) <= _MAX_TOGETHER:
        return [files] if files else []
    issues: dict[str, list[Member]] = defaultdict(list)
    for file in files:
        issues[issue_of(re.split(r"[/\\]", file.name)[-1])].append(file)
    return list(issues.values())


def work_of(folder: Folder) -> str:
    """Return the identifier of the work whose folder this is, in the layout of the data dump; else nothing."""
    return _work_of_path(folder.files[0].name)


def _work_of_path(path: str) -> str:
    found = _UUID.findall(path, 0, path.rfind("/") + 1)
    return found[-1].lower() if found else ""


def _begins_like_a_zip(path: str) -> bool:
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as stream:
            return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False
