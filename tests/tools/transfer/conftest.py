"""A made-up corpus to send, remote shells that stay on this machine, and a real sshd on a loopback port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.tools.check.conftest import reseal

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
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


@pytest.fixture
def ssh_options(tmp_path: Path) -> Iterator[list[str]]:
    """A real sshd with throw-away keys; the options with which ssh reaches it as ``localhost``."""
    if not (SSHD and shutil.which("ssh") and shutil.which("ssh-keygen")):
        pytest.skip("ssh, sshd and ssh-keygen are not all installed")
    for name in ("host", "own"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path / 'host'}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {tmp_path / 'own.pub'}\nPasswordAuthentication no\nPermitRootLogin yes\n"
    )
    privileges = Path("/run/sshd")  # as root it insists on this empty folder, which its service would make
    made = os.geteuid() == 0 and not privileges.exists()
    if made:
        privileges.mkdir(mode=0o755)
    log = (tmp_path / "sshd.log").open("w")
    with log, subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=log) as server:
        try:
            wait_for(port)
            yield [
                f"Port={port}",
                f"IdentityFile={tmp_path / 'own'}",
                "StrictHostKeyChecking=no",
                "UserKnownHostsFile=/dev/null",
                "BatchMode=yes",
            ]
        finally:
            server.terminate()
            server.wait()
            if made:
                privileges.rmdir()


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    pytest.skip("sshd does not start here")
