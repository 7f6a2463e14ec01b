"""Which XML files of one folder make one document: the act and its annexes, tied by their description."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from preprocessing.formex.descriptions import Description, read_description
from preprocessing.formex.inputs import Rejected
from preprocessing.formex.stores import DiskStore, Store
from preprocessing.formex.xml import UnreadableError
from preprocessing.formex.zips import Member

_DESCRIPTION_NAME = re.compile(r"\.doc(?:\.fmx)?\.xml$", re.IGNORECASE)
_CONTENTS_NAME = re.compile(r"\.toc(?:\.fmx)?\.xml$", re.IGNORECASE)
# Direct downloads lose their names: DOC_1.xml describes, DOC_2.xml is the act, DOC_3.xml and on its annexes.
_NUMBERED_NAME = re.compile(r"^DOC_(\d{1,9})\.xml$", re.IGNORECASE)
_ROOT = re.compile(rb"<([A-Za-z][\w.:-]*)")
_REFERENCE = re.compile(rb'<DOCUMENT\.REF\s+FILE="([^"]+)"')


@dataclass(frozen=True)
class Unit:
    """One document: the act's file and its annex files in order."""

    files: tuple[str, ...]
    description: Description | None = None
    missing: tuple[str, ...] = ()  # files that the description names and that are not there


def units_of(store: Store) -> Iterator[Unit | Rejected]:
    """Tie the files of one folder together: what a description names is one document, the others one each."""
    names = [name for name in sorted(store.sizes, key=_natural_key) if not _CONTENTS_NAME.search(name)]
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
        if not files and same_name in store.sizes:  # it names another file, but stands beside the one of its own name
            files, missing = [same_name], description.files[1:]
        files = [file for file in files if file not in taken]
        taken.update(files)
        if files and not (missing and missing[0] == description.files[0]):
            units.append(Unit(tuple(files), description, tuple(missing)))
        else:
            taken.difference_update(files)
            reason = f"described file missing: {description.files[0]} is named but not beside it"
            yield Rejected(store.source(name), reason)
    loose = [name for name in names if name not in taken]
    if len(units) + len(loose) > 1:
        _tie(store, units, loose)
    tied = {file for unit in units for file in unit.files}
    units += [Unit((name,)) for name in loose if name not in tied]
    yield from sorted(units, key=lambda unit: _natural_key(unit.files[0]))


def unit_of_file(store: DiskStore, name: str) -> Unit | Rejected:
    """Return the one document that the file ``name`` is, describes or belongs to."""
    described: Description | None = None
    if _is_description(store, name):
        try:
            described = read_description(store.read(name))
        except UnreadableError as error:
            return Rejected(store.source(name), str(error))
        # a name is looked up in the folder, never followed out of it
        others = {str(path): 0 for path in Path(name).parent.iterdir() if path.name in described.files}
        store = DiskStore(Member(other, size) for other, size in {**others, **store.sizes}.items())
    for unit in units_of(store):
        if isinstance(unit, Unit) and (name in unit.files or (described and unit.description == described)):
            return unit
    return Unit((name,))


def _tie(store: Store, units: list[Unit], loose: list[str]) -> None:
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
        if reference in described:
            unit = units[described[reference]]
            units[described[reference]] = replace(unit, files=(*unit.files, *names))
        elif reference in acts:
            units.append(Unit((acts[reference], *names)))


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
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d{1,18})", name)]


def _base(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]
