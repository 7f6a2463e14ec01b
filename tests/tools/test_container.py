"""A job in a container, with a stand-in for the Docker daemon: its output, its end, Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from preprocessing.errors import RecipeError, StoppedError
from recipes.executors.build import docker_executor
from recipes.executors.jobs import Job, Submission, submit
from recipes.executors.settings import Docker
from tests.tools.docker_daemon import Daemon, docker_daemon
from tests.tools.test_job_paths import in_docker


@pytest.fixture
def daemon(nemorun_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    from nemo_run.core.execution import docker

    monkeypatch.setattr(docker, "DOCKER_JOB_DIRS", str(nemorun_home / ".docker_jobs.json"))  # fixed at its import
    with docker_daemon() as (made, host):
        monkeypatch.setenv("DOCKER_HOST", host)
        yield made


def run(docker: Docker, script: str) -> Submission:
    return submit("eurlex-cpt", [Job("cpt", script, docker_executor(docker))], docker)


def test_the_output_of_a_container_is_shown_and_its_status_counts(
    daemon: Daemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docker = in_docker(tmp_path)
    made = run(docker, "echo trained; sleep 1\n")
    shown = capsys.readouterr()
    assert "trained" in shown.err and not shown.out  # the result alone goes to standard output
    assert list(made.jobs) == ["cpt"]
    with pytest.raises(RecipeError, match="the container of cpt ended with status 3; its log is in "):
        run(docker, "exit 3\n")
    with pytest.raises(StoppedError, match="cpt was stopped early"):
        run(docker, "exit 75\n")


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, StoppedError)])
def test_a_signal_ends_the_container(
    daemon: Daemon, tmp_path: Path, number: signal.Signals, error: type[BaseException]
) -> None:
    def send() -> None:
        while daemon.state != "running":
            time.sleep(0.1)
        time.sleep(1)  # NeMo-Run writes down what it has started
        os.kill(os.getpid(), number)

    threading.Thread(target=send, daemon=True).start()
    before = signal.getsignal(number)
    began = time.monotonic()
    with pytest.raises(error):
        run(in_docker(tmp_path), "echo trained; sleep 120\n")
    assert daemon.removed and time.monotonic() - began < 60
    assert signal.getsignal(number) is before
