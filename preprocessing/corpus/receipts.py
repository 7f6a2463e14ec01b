"""Receipts of finished tasks: a task whose receipt is there, and true, is not done again.

A receipt names what the result depends on (``key``, a hash), the files that the task wrote with their sizes and
checksums, and what it found. It is written last, when the files are safely on the disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from preprocessing.files import write_json

_BLOCK = 8 << 20


@dataclass(frozen=True)
class Receipt:
    """What a finished task wrote (by path relative to the receipt's folder: ``bytes``, ``xxh3``) and found."""

    key: str
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)


def key_of(*parts: Any) -> str:
    """Return a hash of everything a result depends on."""
    return xxhash.xxh3_128_hexdigest(json.dumps(parts, sort_keys=True, default=str).encode("utf-8", "surrogateescape"))


def write_receipt(path: Path, key: str, outputs: Iterable[Path], result: dict[str, Any]) -> Receipt:
    """Write the receipt of a task that is done; ``outputs`` lie in the receipt's folder or below."""
    sums = {str(output.relative_to(path.parent)): checksum(output) for output in outputs}
    receipt = Receipt(key, sums, result)
    write_json(path, {"key": key, "outputs": sums, "result": result})
    return receipt


def read_receipt(path: Path, key: str) -> Receipt | None:
    """Return the receipt if it is there, for this key, and its files are there in their sizes; else None."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        receipt = Receipt(value["key"], value["outputs"], value["result"])
        sizes = {name: (path.parent / name).stat().st_size for name in receipt.outputs}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    same = receipt.key == key and all(sizes[name] == entry["bytes"] for name, entry in receipt.outputs.items())
    return receipt if same else None


def true_receipt(path: Path, key: str) -> Receipt | None:
    """Return what :func:`read_receipt` does, if the files still hold what it says: they may have been damaged since."""
    receipt = read_receipt(path, key)
    if receipt and all(checksum(path.parent / name, sync=False) == sums for name, sums in receipt.outputs.items()):
        return receipt
    return None


def checksum(path: Path, sync: bool = True) -> dict[str, Any]:
    """Return the size and the xxh3 of a file; ``sync`` first makes sure that it is on the disk."""
    digest = xxhash.xxh3_64()
    size = 0
    with path.open("rb") as stream:
        if sync:
            os.fsync(stream.fileno())
        while block := stream.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return {"bytes": size, "xxh3": digest.hexdigest()}
