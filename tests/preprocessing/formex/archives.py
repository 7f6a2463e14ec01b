"""Zip archives for tests, good ones and damaged ones."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of ``members``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def patched(archive: bytes, name: str, **fields: int) -> bytes:
    """The archive with fields of one member's directory entry changed: flags, method, crc, packed, size, offset."""
    data = bytearray(archive)
    at = -1
    while (at := data.index(b"PK\x01\x02", at + 1)) >= 0:
        values = list(_CENTRAL.unpack_from(data, at))
        if data[at + 46 : at + 46 + values[10]] == name.encode():
            break
    places = {"flags": 3, "method": 4, "crc": 7, "packed": 8, "size": 9, "offset": 16}
    for field, value in fields.items():
        values[places[field]] = value
    _CENTRAL.pack_into(data, at, *values)
    return bytes(data)


def offset_of(archive: bytes, name: str) -> int:
    """Where a member's own header begins."""
    return zipfile.ZipFile(io.BytesIO(archive)).getinfo(name).header_offset


def raw_names(members: Mapping[bytes, bytes], flags: int = 0x800) -> bytes:
    """An archive written by hand: any bytes as names, data stored, sizes in descriptors behind them."""
    body, directory = b"", b""
    for name, data in members.items():
        crc, size = _crc(data), len(data)
        offset = len(body)
        body += _LOCAL.pack(b"PK\x03\x04", 20, flags | 8, 0, 0, 0, 0, 0, 0, len(name), 0) + name + data
        body += struct.pack("<4s3L", b"PK\x07\x08", crc, size, size)
        directory += _CENTRAL.pack(
            b"PK\x01\x02", 20, 20, flags | 8, 0, 0, 0, crc, size, size, len(name), 0, 0, 0, 0, 0, offset
        )  # fmt: skip
        directory += name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + end


def zip64(members: Mapping[str, bytes]) -> bytes:
    """An archive whose every size stands in 64-bit fields."""
    body, directory = b"", b""
    for text, data in members.items():
        name, offset, size = text.encode(), len(body), len(data)
        body += _LOCAL.pack(b"PK\x03\x04", 45, 0, 0, 0, 0, _crc(data), size, size, len(name), 0) + name + data
        extra = struct.pack("<2H3Q", 1, 24, size, size, offset)
        directory += _CENTRAL.pack(
            *(b"PK\x01\x02", 45, 45, 0, 0, 0, 0, _crc(data), *[0xFFFFFFFF] * 2),
            *(len(name), len(extra), 0, 0, 0, 0, 0xFFFFFFFF),
        )
        directory += name + extra
    at, count = len(body), len(members)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), at)
    place = struct.pack("<4sLQL", b"PK\x06\x07", 0, at + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return body + directory + end64 + place + end


def _crc(data: bytes) -> int:
    import zlib

    return zlib.crc32(data)
