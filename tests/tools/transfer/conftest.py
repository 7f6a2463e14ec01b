"""A made-up corpus to send, and remote shells that stay on this machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.tools.check.conftest import reseal

needs_rsync = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Folders and names as ``preprocess`` makes them, 8 MB of tokens, and what is not to be sent."""
    folder = tmp_path / "corpus"
    random = np.random.default_rng(7)
    for name, size in (("cpt/en/train.bin", 8_000_000), ("cpt/en/train.idx", 500), ("documents/shard.parquet", 9000)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(random.bytes(size))
    (folder / "cpt" / "en" / "best.bin").symlink_to("train.bin")
    (folder / "manifest.json").write_text('{"settings": {}, "outputs": {}}')
    reseal(folder)
    (folder / "work").mkdir()
    (folder / "work" / "00001.arrow").write_bytes(b"staged")
    (folder / "half.partial").write_bytes(b"half")
    return folder


@pytest.fixture
def make_rsh(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes a remote shell: it runs the command here, after the lines ``before``.

    With ``tools`` the command finds these programs alone, as on a host that has no others.
    """

    def make(before: str = "", tools: tuple[str, ...] | None = None) -> str:
        if tools is not None:
            there = tmp_path / "bin"
            there.mkdir()
            for name in ("sh", "rsync", "find", "head", "rm", "mkdir", "grep", *tools):
                target = shutil.which(name)
                assert target is not None, name
                (there / name).write_text(f'#!/bin/sh\nexec {sys.executable if name == "python3" else target} "$@"\n')
                (there / name).chmod(0o755)
            before += f"\nPATH={there}; export PATH"
        script = tmp_path / "rsh"
        script.write_text(f'#!/bin/sh\nshift\n{before}\nexec /bin/sh -c "$*"\n')
        script.chmod(0o755)
        return str(script)

    return make
