"""``manifest.json`` of a checkpoint: what its files looked like when it was written, to tell damage before a resume.

A 70B checkpoint with optimizer states is near a terabyte: of each file the size is kept, and the xxh3 of sixteen blocks
of 64 KiB spread over it. That finds a file that was cut, emptied, or overwritten in larger parts, in a second; a single
bit that turned over between two blocks it does not find.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import xxhash

from preprocessing.files import write_json

FILE = "manifest.json"
_BLOCK = 1 << 16
_BLOCKS = 16


def write_manifest(checkpoint: Path) -> None:
    """Describe all files below ``checkpoint`` in its manifest."""
    files = {
        path.relative_to(checkpoint).as_posix(): _description(path)
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and path != checkpoint / FILE
    }
    write_json(checkpoint / FILE, {"files": files})


def damage(checkpoint: Path) -> str | None:
    """Say what is no longer as the manifest of ``checkpoint`` has it; None where all is, or where there is none."""
    path = checkpoint / FILE
    if not path.is_file():
        return None
    try:
        files: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["files"]
        expected = {name: (entry["bytes"], entry["sample"]) for name, entry in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"its {FILE} can't be read"
    for name, (size, sample) in expected.items():
        file = checkpoint / name
        if not file.is_file():
            return f"{name} is missing"
        found = file.stat().st_size
        if found != size:
            return f"{name} has {found:,} bytes of {size:,}"
        if _sample(file, size) != sample:
            return f"{name} is not what was written"
    return None


def _description(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    return {"bytes": size, "sample": _sample(path, size)}


def _sample(path: Path, size: int) -> str:
    digest = xxhash.xxh3_64()
    with path.open("rb") as stream:
        if size <= _BLOCK * _BLOCKS:
            digest.update(stream.read())
        else:
            for block in range(_BLOCKS):
                stream.seek((size - _BLOCK) * block // (_BLOCKS - 1))
                digest.update(stream.read(_BLOCK))
    return digest.hexdigest()
