"""A real sshd on a loopback port, a stand-in for Slurm here and behind it, NeMo-Run's own folder out of the way."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tools.slurm import install

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True)
class Sshd:
    """Where it listens on 127.0.0.1, and the private key that it takes."""

    port: int
    identity: Path


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A real sshd with throw-away keys."""
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
            yield Sshd(port, tmp_path / "own")
        finally:
            server.terminate()
            server.wait()
            if made:
                privileges.rmdir()


@pytest.fixture
def ssh_options(sshd: Sshd) -> list[str]:
    """The options with which ssh reaches ``sshd`` as ``localhost``."""
    return [
        f"Port={sshd.port}",
        f"IdentityFile={sshd.identity}",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "BatchMode=yes",
    ]


@pytest.fixture
def nemorun_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """NeMo-Run's folder for one test; its shell commands get an empty standard input."""
    from nemo_run.config import get_nemorun_home, set_nemorun_home
    from nemo_run.run.torchx_backend.schedulers import slurm

    before = get_nemorun_home()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    set_nemorun_home(str(tmp_path / "jobs"))
    monkeypatch.setattr(slurm, "SLURM_JOB_DIRS", str(tmp_path / "jobs" / ".slurm_jobs"))  # fixed when it is imported
    yield tmp_path / "jobs"
    set_nemorun_home(before)


@pytest.fixture
def cluster(tmp_path: Path, nemorun_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This machine has the stand-in; the folder with what it did."""
    for name, value in install(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def far(cluster: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The stand-in behind ssh: here are no programs of Slurm, there (in another folder) they are."""
    here = cluster / "here"
    here.mkdir()
    # rsync calls ssh by name, and does not know the host yet
    (here / "ssh").write_text(
        '#!/bin/sh\nexec /usr/bin/ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$@"\n'
    )
    (here / "ssh").chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "FAKE": os.environ["FAKE"]}
    without = os.environ["PATH"].removeprefix(f"{cluster / 'bin'}:")
    monkeypatch.setenv("PATH", f"{here}:{without}")
    (cluster / "there").mkdir()
    (cluster / "there" / "launch.py").touch()
    return {
        "ssh_host": "127.0.0.1",
        "ssh_port": sshd.port,
        "ssh_user": os.environ.get("USER") or "root",
        "ssh_identity": str(sshd.identity),
        "ssh_job_dir": str(cluster / "there" / "jobs"),
        "ssh_pre_command": "export " + " ".join(f"{name}={value}" for name, value in environment.items()),
        "repository": str(cluster / "there"),
    }


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    pytest.skip("sshd does not start here")
