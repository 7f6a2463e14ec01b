"""From the paths a person gives to the documents to read: folders, files, archives and archives in archives.

Finding is cheap (names and the small ``.doc.xml`` files); reading the text is left to whoever takes the units, so
that it can be spread over processes.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from preprocessing.formex.metadata import Description, read_description
from preprocessing.formex.stores import DiskStore, Store, ZipStore, is_unsafe
from preprocessing.formex.xml import UnreadableError

_DESCRIPTION_NAME = re.compile(r"\.doc(?:\.fmx)?\.xml$", re.IGNORECASE)
_CONTENTS_NAME = re.compile(r"\.toc(?:\.fmx)?\.xml$", re.IGNORECASE)
# Direct downloads lose their names: DOC_1.xml describes, DOC_2.xml is the act, DOC_3.xml and on its annexes.
_NUMBERED_NAME = re.compile(r"^DOC_(\d+)\.xml$", re.IGNORECASE)
_ROOT = re.compile(rb"<([A-Za-z][\w.:-]*)")
_REFERENCE = re.compile(rb'<DOCUMENT\.REF\s+FILE="([^"]+)"')


@dataclass(frozen=True)
class Rejected:
    """An input that is not in the output, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Unit:
    """One document: the act's file and its annex files in order; or, ``nested``, an archive inside ``archive``."""

    files: tuple[str, ...]
    size: int  # bytes, for the progress bar
    archive: str | None = None
    description: Description | None = None
    missing: tuple[str, ...] = ()  # files that the description names and that are not there
    nested: bool = False


def discover(path: Path) -> Iterator[Unit | Rejected]:
    """Yield the documents under ``path``, in the order of their names."""
    if path.is_dir():
        yield from _walk(path)
    elif path.suffix.lower() == ".zip":
        yield from discover_zip(str(path))
    else:
        yield _one_file(path)


def discover_zip(path: str) -> Iterator[Unit | Rejected]:
    """Yield the documents of the archive at ``path``."""
    try:
        store = ZipStore(path, path)
    except UnreadableError as error:
        yield Rejected(path, str(error))
        return
    yield from units_of_zip(store, archive=path)


def units_of_zip(store: ZipStore, archive: str | None) -> Iterator[Unit | Rejected]:
    """Yield the documents and the nested archives of an open archive."""
    folders: dict[str, dict[str, int]] = defaultdict(dict)
    nested = []
    for name, size in sorted(store.sizes.items()):
        lower = name.lower()
        if not lower.endswith((".xml", ".zip")):
            continue  # images and the like: never read
        if is_unsafe(name):
            yield Rejected(store.source(name), "the member's name leads out of the archive")
        elif lower.endswith(".zip"):
            nested.append((name, size))
        else:
            folders[name.rpartition("/")[0]][name] = size
    for sizes in folders.values():
        yield from _group(store, sizes, archive)
    for name, size in nested:
        yield Unit((name,), size, archive, nested=True)


def _walk(top: Path) -> Iterator[Unit | Rejected]:
    """Yield the documents of a folder tree; links are followed, each folder is read once."""
    seen: set[str] = set()
    failures: list[OSError] = []
    for folder, folders, names in os.walk(top, followlinks=True, onerror=failures.append):
        real = os.path.realpath(folder)
        if real in seen:  # a link back up, or a second way to the same folder
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        paths = [str(Path(folder, name)) for name in sorted(names)]
        yield from _group(DiskStore(), {path: _size(path) for path in paths if path.lower().endswith(".xml")}, None)
        for path in paths:
            if path.lower().endswith(".zip"):
                yield from discover_zip(path)
        while failures:
            failure = failures.pop()
            yield Rejected(str(failure.filename), f"cannot be read: {failure.strerror}")
    for failure in failures:
        yield Rejected(str(failure.filename), f"cannot be read: {failure.strerror}")


def _one_file(path: Path) -> Unit | Rejected:
    """Return the document that a single file is, describes or belongs to."""
    name = str(path)
    described: Description | None = None
    if _is_description(DiskStore(), name):
        try:
            described = read_description(DiskStore().read(name))
        except UnreadableError as error:
            return Rejected(name, str(error))
    # files of one document share the name of their issue, "L_2016119EN", or stand in the description that is given
    issue = "DOC_" if _NUMBERED_NAME.match(path.name) else path.name.split(".")[0]
    beside = {str(near) for near in path.parent.glob("*.xml") if near.name.startswith(issue)}
    if described:
        beside.update(str(path.parent / file) for file in described.files if (path.parent / file).is_file())
    for unit in _group(DiskStore(), {near: _size(near) for near in sorted(beside | {name})}, None):
        if isinstance(unit, Unit) and (name in unit.files or (described and unit.description == described)):
            return unit
    return Unit((name,), _size(name))


def _group(store: Store, sizes: dict[str, int], archive: str | None) -> Iterator[Unit | Rejected]:
    """Tie the XML files of one folder together: what a description names is one document, the others one each."""
    names = [name for name in sorted(sizes, key=_natural_key) if not _CONTENTS_NAME.search(name)]
    taken: set[str] = set()
    units: list[Unit] = []
    for name in names:
        if not _is_description(store, name):
            continue
        taken.add(name)
        try:
            description = read_description(store.read(name))
        except UnreadableError as error:
            yield Rejected(store.source(name), str(error))
            continue
        files, missing = _files_of(description, name, names)
        same_name = _DESCRIPTION_NAME.sub(".xml", name)
        if not files and same_name in sizes:  # it names another file, but stands beside the one it is named after
            files, missing = [same_name], description.files[1:]
        files = [file for file in files if file not in taken]
        taken.update(files)
        if files and not (missing and missing[0] == description.files[0]):
            size = sum(sizes[file] for file in files) + sizes[name]
            units.append(Unit(tuple(files), size, archive, description, tuple(missing)))
        else:
            taken.difference_update(files)
            yield Rejected(store.source(name), f"describes {description.files[0]}, which is not beside it")
    loose = [name for name in names if name not in taken]
    if len(units) + len(loose) > 1:
        _tie(store, units, loose, sizes, archive)
    tied = {file for unit in units for file in unit.files}
    units += [Unit((name,), sizes[name], archive) for name in loose if name not in tied]
    yield from sorted(units, key=lambda unit: _natural_key(unit.files[0]))


def _tie(store: Store, units: list[Unit], loose: list[str], sizes: dict[str, int], archive: str | None) -> None:
    """Add annex files that no description names to the act that refers to the same description as they do.

    ``units`` is changed in place; acts without a description of their own join it where an annex belongs to them.
    """
    annexes: dict[str, list[str]] = defaultdict(list)
    acts: dict[str, str] = {}
    for name in loose:
        root, reference = _sniff(store.head(name))
        if reference and root == "ANNEX":
            annexes[reference].append(name)
        elif reference:
            acts.setdefault(reference, name)
    if not annexes:
        return
    described = {_sniff(store.head(unit.files[0]))[1]: position for position, unit in enumerate(units)}
    for reference, names in annexes.items():
        size = sum(sizes[name] for name in names)
        if reference in described:
            unit = units[described[reference]]
            units[described[reference]] = replace(unit, files=(*unit.files, *names), size=unit.size + size)
        elif reference in acts:
            act = acts[reference]
            units.append(Unit((act, *names), sizes[act] + size, archive))


def _sniff(head: bytes) -> tuple[str, str]:
    """Return a file's root element and the description it refers to, from how it begins; empty where not found."""
    root = _ROOT.search(head)
    reference = _REFERENCE.search(head)
    return (root[1].decode() if root else "", reference[1].decode("utf-8", "replace") if reference else "")


def _is_description(store: Store, name: str) -> bool:
    if _DESCRIPTION_NAME.search(name):
        return True
    if not _NUMBERED_NAME.match(_base(name)):
        return False
    return _sniff(store.head(name))[0] == "DOC"


def _files_of(description: Description, name: str, names: list[str]) -> tuple[list[str], list[str]]:
    """Return the described files that are there, by name or, for numbered downloads, by position; and those missing."""
    folder = name[: len(name) - len(_base(name))]
    present = set(names)
    there = [folder + file for file in description.files if folder + file in present]
    number = _NUMBERED_NAME.match(_base(name))
    if there or not number:
        return there, [file for file in description.files if folder + file not in present]
    first = int(number[1]) + 1
    numbered = {int(match[1]): other for other in names if (match := _NUMBERED_NAME.match(_base(other)))}
    found = {file: numbered.get(first + position) for position, file in enumerate(description.files)}
    return [other for other in found.values() if other], [file for file, other in found.items() if not other]


def _natural_key(name: str) -> list[tuple[int, str]]:
    """Sort DOC_10 after DOC_9."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _base(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0  # reading it will say why


def distinct_units(units: Iterable[Unit | Rejected]) -> Iterator[Unit | Rejected]:
    """Pass each document on once, even where the given paths overlap."""
    seen: set[tuple[str | None, str]] = set()
    for unit in units:
        if isinstance(unit, Unit):
            key = (unit.archive, unit.files[0] if unit.archive else os.path.realpath(unit.files[0]))
            if key in seen:
                continue
            seen.add(key)
        yield unit
