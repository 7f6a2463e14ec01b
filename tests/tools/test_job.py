"""`launch.py job`: what Slurm says of a job, and what is told when it says nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nemo_run import Experiment, Script

from preprocessing.errors import RecipeError, UsageError
from recipes.executors.build import docker_executor
from recipes.executors.jobs import submit
from recipes.executors.settings import Docker, load_executor
from tests.recipes.executors.test_settings import written
from tests.tools.test_submit import job, settings
from tools.job import look_at_job


def test_jobs_of_others_are_not_asked_about(nemorun_home: Path, tmp_path: Path) -> None:
    docker = load_executor(written(tmp_path, "docker"))
    assert isinstance(docker, Docker)
    with Experiment("eurlex-cpt", executor=docker_executor(docker), log_level="ERROR") as experiment:
        experiment.add(Script(inline="true"), executor=docker_executor(docker), name="cpt")
        experiment._prepare()
    with pytest.raises(UsageError, match=r"was not sent to Slurm; SkyPilot is asked by `sky queue`"):
        look_at_job(experiment._id)


@pytest.mark.parametrize(
    ("elements", "queue", "state", "status"),
    [
        (["COMPLETED", "FAILED", "RUNNING"], "", "FAILED", 1),
        (["COMPLETED", "RUNNING", "PENDING"], "", "RUNNING", 0),
        (["CANCELLED by 1000"], "", "CANCELLED", 1),
        (["TIMEOUT"], "", "TIMEOUT", 1),
        ([], "PENDING", "PENDING", 0),
        ([], "SIGNALING", "SIGNALING", 0),
        (["COMPLETED"], "REQUEUE_HOLD", "COMPLETED", 0),
        ([], "", "UNKNOWN", 1),
    ],
)
def test_the_state_is_slurms_own(cluster: Path, elements: list[str], queue: str, state: str, status: int) -> None:
    slurm = settings(cluster)
    made = submit("eurlex-cpt", [job(slurm, "true\n")], slurm)
    (cluster / "states").write_text("".join(f"101|{element}\n" for element in elements))
    (cluster / "queue").write_text(queue)
    found = look_at_job(made.experiment)
    assert (found.states, found.exit_status) == ({"cpt": state}, status)


OFF = "Slurm accounting storage is disabled"
GONE = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"


def test_a_slurm_that_does_not_answer_is_no_failure_of_the_job(cluster: Path) -> None:
    slurm = settings(cluster)
    made = submit("eurlex-cpt", [job(slurm, "true\n")], slurm)
    (cluster / "states").unlink()
    for accounting, controller, message in (
        (OFF, GONE, "Slurm does not say what became of job 101: .*Unable to contact slurm controller"),
        ("sacct: error: Connection refused", "slurm_load_jobs error: Invalid job id specified", "Connection refused"),
    ):
        (cluster / "no_accounting").write_text(accounting)
        (cluster / "no_controller").write_text(controller)
        with pytest.raises(RecipeError, match=message):
            look_at_job(made.experiment)
    (cluster / "no_accounting").write_text(OFF)
    assert look_at_job(made.experiment).states == {"cpt": "UNKNOWN"}


def test_waiting_goes_on_when_slurm_answers_again(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slurm = settings(cluster)
    made = submit("eurlex-cpt", [job(slurm, "true\n")], slurm)
    (cluster / "states").unlink()
    (cluster / "queue").write_text("RUNNING")
    looks = 0

    def next_look(period: float) -> None:  # a controller that is away for three looks, then the job's end
        nonlocal looks
        looks += 1
        if looks == 1:
            (cluster / "no_controller").write_text(GONE)
        elif looks == 4:
            (cluster / "no_controller").unlink()
            (cluster / "states").write_text("101|COMPLETED\n")

    monkeypatch.setattr("tools.job.time", SimpleNamespace(sleep=next_look))
    found = look_at_job(made.experiment, wait=True)
    assert (looks, found.states, found.exit_status) == (4, {"cpt": "COMPLETED"}, 0)
    (cluster / "states").unlink()
    looks = 0
    monkeypatch.setattr("tools.job._LOOKS", 2)
    with pytest.raises(RecipeError, match="Unable to contact slurm controller"):
        look_at_job(made.experiment, wait=True)
    assert looks == 2


def test_a_job_that_slurm_does_not_cancel_is_not_said_to_be(cluster: Path) -> None:
    slurm = settings(cluster)
    made = submit("eurlex-cpt", [job(slurm, "true\n")], slurm)
    (cluster / "states").write_text("101|RUNNING\n")
    (cluster / "no_cancel").write_text("scancel: error: Kill job error on job id 101: Access/permission denied\n")
    with pytest.raises(RecipeError, match=r"scancel did not end cpt: .*Access/permission denied"):
        look_at_job(made.experiment, cancel=True)
    (cluster / "states").write_text("101|COMPLETED\n")
    (cluster / "no_cancel").write_text("scancel: error: Kill job error: Job/step already completing or completed\n")
    assert look_at_job(made.experiment, cancel=True).states == {"cpt": "COMPLETED"}


def test_waiting_connects_again_when_the_connection_was_lost(
    cluster: Path, far: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slurm = settings(cluster, **far)
    made = submit("eurlex-cpt", [job(slurm, "true\n")], slurm)
    (cluster / "drop").touch()
    with pytest.raises(RecipeError, match=r"the connection to .* was lost"):
        look_at_job(made.experiment)
    assert look_at_job(made.experiment).states == {"cpt": "COMPLETED"}
    (cluster / "states").write_text("101|RUNNING\n")

    def next_look(period: float) -> None:
        if "RUNNING" in (cluster / "states").read_text():
            (cluster / "drop").touch()
            (cluster / "states").write_text("101|COMPLETED\n")

    monkeypatch.setattr("tools.job.time", SimpleNamespace(sleep=next_look))
    assert look_at_job(made.experiment, wait=True).states == {"cpt": "COMPLETED"}
    assert not (cluster / "drop").exists()
    assert "Connecting" not in capsys.readouterr().out  # what a program reads is JSON
