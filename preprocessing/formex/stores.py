"""Where files come from: a folder on disk or an archive, read with the same limits and the same plain reasons."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from preprocessing.formex.xml import MAX_XML_BYTES, UnreadableError
from preprocessing.formex.zips import Archive, Member

# Enough of a file to see its root element and the description it refers to.
_HEAD_BYTES = 4096


class Store(Protocol):
    """Files that lie together, by name."""

    sizes: dict[str, int]

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raises UnreadableError with the reason."""

    def head(self, name: str) -> bytes:
        """Return how the file begins (empty where it cannot be read)."""

    def source(self, name: str) -> str:
        """Return how the file is called in the output."""


class DiskStore:
    """Files on disk, by their path."""

    def __init__(self, files: Iterable[Member]) -> None:
        self.sizes = {file.name: file.size for file in files}

    def read(self, name: str) -> bytes:
        """Return the bytes of the regular file ``name``."""
        try:
            if not stat.S_ISREG(Path(name).stat().st_mode):  # opening a pipe would wait for its other end
                raise UnreadableError("not a regular file")
            with Path(name).open("rb") as stream:
                data = stream.read(MAX_XML_BYTES + 1)
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror or error}") from error
        if len(data) > MAX_XML_BYTES:
            raise UnreadableError(f"larger than {MAX_XML_BYTES >> 20} MiB")
        return data

    def head(self, name: str) -> bytes:
        """Return the first bytes of the file ``name``."""
        try:
            if not Path(name).is_file():
                return b""
            with Path(name).open("rb") as stream:
                return stream.read(_HEAD_BYTES)
        except OSError:
            return b""

    def source(self, name: str) -> str:
        """Return the path as it was given."""
        return printable(name)


class ZipStore:
    """Members of one archive; ``label`` is how the archive itself is called."""

    def __init__(self, archive: Archive, members: Iterable[Member], label: str) -> None:
        self.label = label
        self._archive = archive
        self._members = {member.name: member for member in members}
        self.sizes = {member.name: member.size for member in self._members.values()}

    def read(self, name: str) -> bytes:
        """Return the bytes of the member ``name``."""
        return self._archive.read(self._members[name], MAX_XML_BYTES)

    def head(self, name: str) -> bytes:
        """Return the first bytes of the member ``name``."""
        return self._archive.head(self._members[name], _HEAD_BYTES)

    def source(self, name: str) -> str:
        """Return ``archive!/member``."""
        return member_source(self.label, name)


def member_source(archive: str, member: str) -> str:
    """Return what a member of an archive is called in the output."""
    return f"{printable(archive)}!/{printable(member)}"


def printable(name: str) -> str:
    """Return a file's name as text that can be written as UTF-8: bytes that are none appear as ``\\xe9``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace") if not name.isascii() else name
