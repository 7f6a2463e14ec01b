"""Where files come from: a folder on disk or a zip archive, read with the same limits and the same plain reasons."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from preprocessing.formex.xml import MAX_XML_BYTES, UnreadableError

#: Bytes of one archive inside an archive: it is read into memory whole.
MAX_NESTED_ARCHIVE_BYTES = 1 << 30

# Enough of a file to see its root element and the description it refers to.
_HEAD_BYTES = 4096
# What zipfile raises over damaged, encrypted or strangely packed members.
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, KeyError)


class Store(Protocol):
    """Files by name."""

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raises UnreadableError with the reason."""

    def head(self, name: str) -> bytes:
        """Return how the file begins (empty where it cannot be read)."""

    def source(self, name: str) -> str:
        """Return how the file is called in the output."""


class DiskStore:
    """Files on disk, by their path."""

    def read(self, name: str) -> bytes:
        """Return the bytes of the regular file ``name``."""
        try:
            status = Path(name).stat()
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError("not a regular file")
            if status.st_size > MAX_XML_BYTES:
                raise UnreadableError(f"larger than {MAX_XML_BYTES >> 20} MiB")
            return Path(name).read_bytes()
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror or error}") from error

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
        return name


class ZipStore:
    """Members of one archive; ``label`` is how the archive itself is called.

    Raises:
        UnreadableError: it is no zip archive, or a damaged one.
    """

    def __init__(self, file: str | IO[bytes], label: str) -> None:
        self.label = label
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError, ValueError) as error:
            raise UnreadableError(f"not a readable zip archive: {_reason(error)}") from error
        self.sizes = {info.filename: info.file_size for info in self._zip.infolist() if not info.is_dir()}

    def read(self, name: str, limit: int = MAX_XML_BYTES) -> bytes:
        """Return the bytes of the member ``name``, never more than ``limit``."""
        try:
            info = self._zip.getinfo(name)
            if info.flag_bits & 1:
                raise UnreadableError("encrypted archive member")
            if info.file_size > limit:
                raise UnreadableError(f"larger than {limit >> 20} MiB")
            with self._zip.open(info) as stream:
                # reading stops at the size the archive declares, so a member cannot grow beyond the limit
                return stream.read()
        except _ZIP_ERRORS as error:
            raise UnreadableError(f"damaged archive member: {_reason(error)}") from error

    def head(self, name: str) -> bytes:
        """Return the first bytes of the member ``name``."""
        try:
            with self._zip.open(name) as stream:
                return stream.read(_HEAD_BYTES)
        except _ZIP_ERRORS:
            return b""

    def source(self, name: str) -> str:
        """Return ``archive!/member``."""
        return f"{self.label}!/{name}"


def is_unsafe(member: str) -> bool:
    """Tell whether a member's name would lead out of the folder that an archive is unpacked into."""
    path = PurePosixPath(member.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or member[1:2] == ":"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
