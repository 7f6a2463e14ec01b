"""Training as a job, to its end: real NeMo, real NeMo-Run, a real sshd; only Slurm is a stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recipes.checkpoints import newest_checkpoint, step_of
from recipes.executors.script import ROOT
from recipes.metrics import read_metrics
from tests.recipes.executors.test_settings import written
from tests.recipes.tiny import Tiny, shared

# NeMo is imported several times in each
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return shared(tmp_path_factory.getbasetemp())


def launch(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "NEMORUN_HOME": str(folder / "jobs"), "CUDA_VISIBLE_DEVICES": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


def cpt(tiny: Tiny, *more: object) -> tuple[object, ...]:
    given = ("cpt", "--model", "tiny", "--checkpoint", tiny.nemo, "--data", tiny.blend, "--output", "run")
    return (*given, *more, "trainer.limit_val_batches=1")


def test_two_nodes_behind_ssh_train_together(tiny: Tiny, cluster: Path, far: dict[str, Any]) -> None:
    executor = written(cluster, setup="", code="files", **far)
    command = cpt(
        tiny,
        "--hardware",
        "2x1xcpu",
        "--executor",
        executor,
        "--json",
        "trainer.max_steps=2",
        "data.micro_batch_size=4",
    )
    sent = launch(cluster, *command)
    assert sent.returncode == 0, sent.stderr
    submitted = json.loads(sent.stdout)
    looked = launch(cluster, "job", submitted["experiment"], "--log", 50)
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert "cpt  101  COMPLETED" in looked.stdout and "cpt: 2 steps in run" in looked.stdout
    run = cluster / "there" / "run"  # relative paths begin in the repository there
    assert step_of(newest_checkpoint(run)) == 2
    assert "1 x" not in (run / "recipe.txt").read_text() and (run / "logs" / "nemo_run" / "node1").is_dir()


def test_before_its_time_is_over_a_job_stops_well_is_put_back_and_goes_on(tiny: Tiny, cluster: Path) -> None:
    (cluster / "signal_when").write_text(str(cluster / "run" / "metrics.jsonl"))  # SIGTERM after the first step
    executor = written(cluster, setup="", training__retries=1)
    steps = ("trainer.max_steps=60", "log.ckpt.every_n_train_steps=20", "trainer.val_check_interval=60")
    sent = launch(cluster, *cpt(tiny, "--hardware", "1xcpu", "--executor", executor, "--json", *steps))
    assert sent.returncode == 0, sent.stderr
    looked = launch(cluster, "job", json.loads(sent.stdout)["experiment"])
    logs = "\n".join(path.read_text() for path in (cluster / "jobs").rglob("log-*"))
    assert looked.returncode == 0, logs
    assert "job exited with code 75" in (cluster / "job.101.0").read_text()  # the first time
    assert "the same command goes on" in logs
    run = cluster / "run"
    assert step_of(newest_checkpoint(run)) == 60
    assert [record["step"] for record in read_metrics(run) if "loss" in record] == list(range(1, 61))
