"""One quickstart a session; its data and checkpoints serve every other end-to-end test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test comes first makes the quickstart; each program that is started has a limit of its own."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))


@dataclass(frozen=True)
class Finished:
    """A command that has run: its exit status, what it printed, and how long it took in seconds."""

    status: int
    stdout: str
    stderr: str
    seconds: float


def run(*arguments: str | Path, cwd: Path = ROOT, timeout: float = 1500, **variables: str) -> Finished:
    """Run a program of this environment, with these variables on top, and wait for it."""
    started = time.monotonic()
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr, time.monotonic() - started)


def environment() -> dict[str, str]:
    """This process's environment with this interpreter's programs (torchrun, nemo) found first."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def launch(*arguments: str | Path, timeout: float = 1500, **variables: str) -> Finished:
    """Run ``python launch.py ...``."""
    return run(sys.executable, "launch.py", *arguments, timeout=timeout, **variables)


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """The finished quickstart's folder, and how the command ended.

    QUICKSTART=DIR takes (and, where it is missing, makes) one that outlives the session: for work on these tests.
    """
    kept = os.environ.get("QUICKSTART")
    output = Path(kept).resolve() if kept else tmp_path_factory.mktemp("end-to-end") / "quickstart"
    with socket.socket() as another:
        # as from a shell or a job where another run goes on: the port that the environment names is taken
        another.bind(("127.0.0.1", 0))
        another.listen()
        port = str(another.getsockname()[1])
        done = launch("quickstart", "--output", output, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    assert done.status == 0, done.stderr[-4000:]
    return output, done


@pytest.fixture(scope="session")
def made(quickstart: tuple[Path, Finished]) -> Path:
    """The folder of a finished quickstart."""
    return quickstart[0]


@pytest.fixture(scope="session")
def train_command(made: Path) -> Callable[..., list[str]]:
    """Arguments of a short training run from the quickstart's base checkpoint; overrides are appended."""

    def arguments(stage: str, output: Path, *overrides: str) -> list[str]:
        data = made / "corpus" / "cpt" / "blend.yaml" if stage == "cpt" else made / "sft"
        return [
            stage,
            *("--model", "tiny", "--checkpoint", str(made / "base"), "--data", str(data), "--output", str(output)),
            *("trainer.max_steps=15", "log.ckpt.every_n_train_steps=5", "trainer.val_check_interval=10", *overrides),
        ]

    return arguments
