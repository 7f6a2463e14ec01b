"""Zip archives: the members worth reading, and the bytes of one member, under stated limits.

The standard library's ``zipfile`` has to list an archive in every process that reads from it: a second and 150 MB for
200,000 members. Here a :class:`Member` says by itself where it lies, so that one process lists an archive and any
number of others read from it; images are left out before anything is made of their entries.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from preprocessing.formex.xml import UnreadableError

#: Members of one archive; of an archive inside an archive.
MAX_MEMBERS = 4_000_000
MAX_NESTED_MEMBERS = 100_000
#: How many times its packed size a member may unpack to (genuine FORMEX: 16 at most); small ones may do as they like.
MAX_RATIO = 200
_RATIO_FREE_BYTES = 1 << 20

WANTED = (b".xml", b".zip", b".rdf")

_STORED, _DEFLATED = 0, 8
_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}
_ENCRYPTED, _UTF8 = 0x1, 0x800
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_PLACE = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s4xHH4xLLLHHH8xL")
_LOCAL = struct.Struct("<4s22xHH")
_MAX_COMMENT = 1 << 16
_PIECE = 1 << 20
_OFFSET = itemgetter(2)  # of a Member


class Member(NamedTuple):
    """A file by its name and size in bytes; in an archive also where it lies and how it is packed."""

    name: str
    size: int
    offset: int = 0
    packed: int = 0
    crc: int = 0
    method: int = 0
    flags: int = 0


class Archive:
    """An open zip archive, by a function that returns ``size`` bytes at ``offset`` (fewer where it ends)."""

    def __init__(self, read_at: Callable[[int, int], bytes], length: int) -> None:
        self._read_at = read_at
        self._length = length

    @classmethod
    def open(cls, path: str) -> Archive:
        """Open a regular file; raises UnreadableError with the reason."""
        try:
            status = Path(path).stat()
            if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its other end
                raise UnreadableError("not a regular file")
            file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - closed when the archive is dropped
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror or error}") from error

        def read_at(offset: int, size: int) -> bytes:
            return os.pread(file.fileno(), size, offset)

        return cls(read_at, status.st_size)

    def members(self, limit: int = MAX_MEMBERS) -> list[Member]:
        """Return the members with a name in ``WANTED``, sorted by name.

        Raises:
            UnreadableError: it is no zip archive, a damaged one, or one of more than ``limit`` members.
        """
        found = sorted(_entries(*self._directory()))
        if len(found) > limit:
            raise UnreadableError(f"too many members: {len(found):,}, the limit is {limit:,}")
        return found

    def read(self, member: Member, limit: int) -> bytes:
        """Return the unpacked bytes of ``member``, never more than ``limit``, checked by their CRC.

        Raises:
            UnreadableError: encrypted, damaged, cut off, packed in another way, or beyond a limit.
        """
        return bytes(self._read(member, limit))

    def _read(self, member: Member, limit: int) -> bytearray:
        data = bytearray()
        for piece in self._unpack(member, limit):
            data += piece
        if len(data) != member.size or zlib.crc32(data) != member.crc:
            raise UnreadableError("damaged archive member: its checksum or size is wrong")
        return data

    def head(self, member: Member, size: int) -> bytes:
        """Return at least the first ``size`` bytes of ``member`` if it has them; empty where it cannot be read."""
        try:
            data = b""
            for piece in self._unpack(member, max(member.size, 1), first=4 * size):
                data += piece
                if len(data) >= size:
                    break
            return data[:size]
        except UnreadableError:
            return b""

    def nested(self, member: Member, limit: int) -> Archive:
        """Open an archive inside this one: unpacked into memory, or in its place where it is stored unpacked."""
        check_limits(member, limit)
        if member.method == _STORED and not member.flags & _ENCRYPTED:
            start = self._data_at(member)
            return Archive(
                lambda offset, size: self._read_at(start + offset, max(0, min(size, member.size - offset))), member.size
            )
        data = memoryview(self._read(member, limit))
        return Archive(lambda offset, size: bytes(data[offset : offset + size]), len(data))

    def _unpack(self, member: Member, limit: int, first: int = _PIECE) -> Iterator[bytes]:
        check_limits(member, limit)
        position, left = self._data_at(member), member.packed
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == _DEFLATED else None
        room = member.size + 1  # one byte too many is enough to know
        while left > 0 and room > 0:
            piece = self._read_at(position, min(left, first))
            if not piece:
                raise UnreadableError("damaged archive member: cut off")
            position += len(piece)
            left -= len(piece)
            if unpacker:
                try:
                    piece = unpacker.decompress(piece, room)
                except zlib.error as error:
                    raise UnreadableError(f"damaged archive member: {error}") from error
            room -= len(piece)
            yield piece

    def _data_at(self, member: Member) -> int:
        header = self._read_at(member.offset, _LOCAL.size)
        if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
            raise UnreadableError("damaged archive member: its header is not where the directory says")
        _, name, extra = _LOCAL.unpack(header)
        return member.offset + _LOCAL.size + int(name) + int(extra)

    def _directory(self) -> tuple[bytes, int]:
        """Return the bytes of the directory, and where the archive begins: something may stand before it."""
        tail_at = max(0, self._length - _END.size - _MAX_COMMENT)
        tail = self._read_at(tail_at, self._length - tail_at)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or at + _END.size > len(tail):
            raise UnreadableError(f"not a readable zip archive: {'no directory at its end' if tail else 'empty file'}")
        _, disk, _, _, _, size, declared, _ = _END.unpack_from(tail, at)
        end = tail_at + at
        place = self._read_at(end - _END64_PLACE.size, _END64_PLACE.size) if end >= _END64_PLACE.size else b""
        if place.startswith(b"PK\x06\x07"):
            end = end - _END64_PLACE.size - _END64.size
            record = self._read_at(end, _END64.size) if end >= 0 else b""
            if len(record) < _END64.size or not record.startswith(b"PK\x06\x06"):
                raise UnreadableError("not a readable zip archive: its 64-bit directory is damaged")
            _, _, _, _, disk, _, _, _, size, declared = _END64.unpack(record)
        if disk:
            raise UnreadableError("not a readable zip archive: one part of an archive in several files")
        if end - size < declared:
            raise UnreadableError("not a readable zip archive: its directory is damaged")
        return self._read_at(end - size, size), end - size - declared


def check_limits(member: Member, limit: int) -> None:
    """Raise UnreadableError for a member that must not be unpacked."""
    if member.flags & _ENCRYPTED:
        raise UnreadableError("encrypted archive member")
    if member.method not in (_STORED, _DEFLATED):
        raise UnreadableError(f"packed by {_METHODS.get(member.method, f'method {member.method}')}: not supported")
    if member.size > limit:
        raise UnreadableError(f"larger than {limit >> 20} MiB")
    if member.size > _RATIO_FREE_BYTES and member.size > MAX_RATIO * member.packed:
        raise UnreadableError(f"zip bomb: unpacks to more than {MAX_RATIO} times its packed size")


def is_unsafe(name: str) -> bool:
    """Tell whether a member's name would lead out of the folder that an archive is unpacked into."""
    if name[:1] in "/\\" or name[1:2] == ":" or "\0" in name:
        return True
    return ".." in name and ".." in re.split(r"[/\\]", name)


def overlapping(members: list[Member]) -> set[Member]:
    """Return the members whose bytes are also another's: so a few bytes are made to unpack to any amount."""
    found = set()
    in_place = sorted(members, key=_OFFSET)
    for one, other in pairwise(in_place):
        if one.offset + one.packed + _LOCAL.size > other.offset:
            found |= {one, other}
    return found


def _entries(directory: bytes, start: int) -> Iterator[Member]:
    at, end = 0, len(directory)
    unpack = _ENTRY.unpack_from
    while at < end:
        if directory[at : at + 4] != b"PK\x01\x02" or at + _ENTRY.size > end:
            raise UnreadableError("not a readable zip archive: its directory is damaged")
        _, flags, method, crc, packed, size, named, extra, comment, offset = unpack(directory, at)
        at += _ENTRY.size
        name = directory[at : at + named]
        at += named + extra + comment
        if name[-4:].lower() not in WANTED:
            continue  # images and the like
        if 0xFFFFFFFF in (size, packed, offset):
            size, packed, offset = _wide(directory[at - extra - comment : at - comment], size, packed, offset)
        text = name.decode("utf-8", "backslashreplace") if flags & _UTF8 or name.isascii() else name.decode("cp437")
        yield Member(text, size, start + offset, packed, crc, method, flags)


def _wide(extra: bytes, *values: int) -> list[int]:
    """Return ``values`` with those that do not fit in 32 bits taken from the zip64 field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            wide = iter(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            return [next(wide, value) if value == 0xFFFFFFFF else value for value in values]
        at += 4 + length
    return list(values)
