"""Which code made an output: after a change in a rule, what an older one made is not what this one would make."""

from __future__ import annotations

import functools
from pathlib import Path

import xxhash

import preprocessing


@functools.cache
def code_version(*without: str) -> str:
    """Return a hash of the sources of this package, leaving out the sub-packages ``without``."""
    digest = xxhash.xxh3_64()
    root = Path(preprocessing.__file__).parent
    left_out = {file for name in without for file in (root / name).rglob("*.py")}
    for file in sorted(set(root.rglob("*.py")) - left_out):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
