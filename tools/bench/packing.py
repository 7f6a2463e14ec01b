"""A large input made from a small one: FORMEX packed again and again into an archive like the data dump's."""

from __future__ import annotations

import os
import re
import uuid
import zipfile
from pathlib import Path

_IMAGE_BYTES = 60_000
_OWN_NUMBERS = re.compile(rb"(<NO\.CELEX>\d{5}[A-Z]{1,2})(\d{4})|(<NO\.CURRENT>)(\d+)")
# Frequent words of some languages: with others in their place a copy is no near duplicate.
_WORDS = (b" the ", b" of ", b" de ", b" la ", b" der ", b" que ", b" a ", b" et ")


def pack(folder: Path, archive: Path, size: int, *, vary: bool = False) -> int:
    """Write about ``size`` bytes of XML in the layout of the data dump; no file is the same twice.

    Each document lies in a folder of its own, with an image. To ``vary`` is to give every copy other numbers and some
    other words. Return the bytes of XML written.
    """
    image = os.urandom(_IMAGE_BYTES)
    folders = sorted({path.parent for path in folder.rglob("*.xml")})
    written = copies = 0
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        while written < size:
            for source in folders:
                work = f"{uuid.uuid4()}/fmx4"
                for path in sorted(source.glob("*.xml")):
                    data = path.read_bytes()
                    data = _varied(data, copies) if vary and copies else data + b"\n" * copies
                    target.writestr(f"{work}/{path.name}", data)
                    written += len(data)
                target.writestr(zipfile.ZipInfo(f"{work}/image.tif"), image)
                if written >= size:
                    break
            copies += 1
    return written


def _varied(data: bytes, copy: int) -> bytes:
    def other(match: re.Match[bytes]) -> bytes:
        before, digits = (match[1], match[2]) if match[1] else (match[3], match[4])
        return before + b"%0*d" % (len(digits), (int(digits) + 613 * copy) % 10 ** len(digits))

    data = _OWN_NUMBERS.sub(other, data)
    for word in _WORDS:
        data = data.replace(word, word[:-1] + b"%d " % copy)
    return data
