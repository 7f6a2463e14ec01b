"""The Slurm engine: real scripts of NeMo-Run, and a stand-in for Slurm that runs them on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import launch
from preprocessing.corpus import pipeline
from preprocessing.corpus.settings import Settings
from preprocessing.errors import UsageError
from recipes.executors.script import ROOT
from recipes.executors.settings import FOLDER, load_slurm
from tests.preprocessing.corpus.conftest import contents, make_tokenizer, write_act
from tests.tools.slurm import install
from tools.corpus_on_slurm import options_of, submit


def executor(tmp_path: Path, **changes: Any) -> Path:
    """Write a copy of slurm.yaml with ``changes``, in the section that has the key."""
    values = {**yaml.safe_load((FOLDER / "slurm.yaml").read_text(encoding="utf-8")), "account": "law"}
    values["corpus"]["cpus_per_task"] = 1
    for key, value in changes.items():
        (values["corpus"] if key in values["corpus"] else values)[key] = value
    path = tmp_path / "slurm.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def command(folder: Path, *options: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``preprocess`` in ``folder`` over its ``in``, with a tokenizer beside it."""
    given = ("--input", "in", "--tokenizer", "tokenizer", "--shards", "4", "--near-duplicates", "0", *options)
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), "preprocess", *map(str, given)],
        cwd=folder,
        env={**os.environ, "NEMORUN_HOME": str(folder / "jobs"), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for language in ("en", "fr"):
        for number in range(1, 5):
            write_act(tmp_path / "in" / language, number, language)
    make_tokenizer(tmp_path / "tokenizer")
    return tmp_path


@pytest.fixture
def slurm(folder: Path) -> dict[str, str]:
    """The environment of a machine with the stand-in."""
    return install(folder)


def test_a_dry_run_prints_the_scripts_that_nemo_run_would_submit(folder: Path):
    chosen = executor(folder, parts=64, at_once=16, cpus_per_task=8, partition="cpu", sbatch={"reservation": "eurlex"})
    done = command(folder, "--output", "out", "--engine", "slurm", "--executor", chosen, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    scripts, commands = made["scripts"], made["commands"]
    assert list(scripts) == list(commands) == ["read", "plan", "write", "finish"] and not made["jobs"]
    for name, script in scripts.items():
        assert {"#SBATCH --account=law", "#SBATCH --partition=cpu", "#SBATCH --reservation=eurlex"} <= set(
            script.splitlines()
        )
        assert ("#SBATCH --array=0-63%16" in script) == (name in ("read", "write"))
        assert f"--cpus-per-task=8 bash {folder}/jobs/experiments/" in script and f"/scripts/{name}.sh" in script
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
        lines = commands[name].splitlines()
        assert lines[:4] == ["set -e", f"cd {ROOT}", ". .venv/bin/activate", f"cd {folder}"]
        assert f"{ROOT}/launch.py preprocess --input in --output out --tokenizer tokenizer" in lines[4]
    ends = {name: text.strip().rpartition("--near-duplicates 0.0")[2] for name, text in commands.items()}
    assert ends == {
        "read": ' --only read --part "$SLURM_ARRAY_TASK_ID/64" --workers 8',
        "plan": " --only plan --workers 8",
        "write": ' --only write --part "$SLURM_ARRAY_TASK_ID/64" --workers 8',
        "finish": " --workers 8",
    }
    assert not list((folder / "jobs").rglob("*_sbatch.sh")) and not (folder / "out").exists()


@pytest.mark.slow  # half a minute: every element starts a Python
def test_the_jobs_make_the_bytes_of_a_local_run(folder: Path, slurm: dict[str, str]):
    chosen = executor(folder, parts=3, setup="")
    done = command(folder, "--output", "out", "--engine", "slurm", "--executor", chosen, **slurm)
    assert done.returncode == 0, done.stderr
    assert "submitted  read 101, plan 102, write 103, finish 104" in done.stdout
    submitted = [line.rpartition("/")[2] for line in (folder / "submitted").read_text().splitlines()]
    assert submitted == [f"{name}_sbatch.sh" for name in ("read", "plan", "write", "finish")]
    waits = [line for line in (folder / "submitted").read_text().splitlines() if "--dependency=afterok:10" in line]
    assert len(waits) == 3
    logs = "\n".join(path.read_text() for path in (folder / "jobs").rglob("log-*"))
    assert "read 2/3: 0 of 2 tasks are done in out" in logs and "plan 0/1: 2 of 2" in logs and "write 0/3" in logs
    assert command(folder, "--output", "here").returncode == 0
    assert contents(folder / "out") == contents(folder / "here")


@pytest.mark.slow
def test_a_job_that_fails_lets_the_next_not_start(folder: Path, slurm: dict[str, str]):
    (folder / "tokenizer" / "tokenizer.json").write_text("{}")
    chosen = executor(folder, parts=1, setup="", retries=0)
    assert command(folder, "--output", "out", "--engine", "slurm", "--executor", chosen, **slurm).returncode == 0
    assert not list(folder.glob("ended.*"))
    assert {path.name for path in folder.glob("job.*")} == {"job.101.0"}


def test_what_sbatch_says_is_what_a_person_reads(folder: Path, slurm: dict[str, str]):
    (folder / "refuse").touch()
    done = command(folder, "--output", "out", "--engine", "slurm", "--executor", executor(folder), **slurm)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("Slurm did not take the jobs: sbatch: error: invalid account or partition")


def test_a_folder_that_nemo_run_would_take_for_its_own_is_refused(nemorun_home: Path, tmp_path: Path):
    slurm = load_slurm(executor(tmp_path))
    assert submit(["--output", "nemo_runs/out"], slurm, dry_run=True).scripts
    with pytest.raises(UsageError, match="begins with nemo_run"):
        submit(["--output", "/data/nemo_runs/out"], slurm, dry_run=True)


def test_from_another_machine_paths_are_those_of_the_cluster(nemorun_home: Path, tmp_path: Path):
    far = {"ssh_host": "cluster", "ssh_user": "me", "ssh_job_dir": "/scratch/me/jobs", "repository": "/scratch/me/repo"}
    made = submit(["--output", "out"], load_slurm(executor(tmp_path, **far)), dry_run=True)
    assert "#SBATCH --output=/scratch/me/jobs/eurlex-corpus/" in made.scripts["read"]
    assert "bash /scratch/me/jobs/eurlex-corpus/" in made.scripts["read"]
    lines = made.commands["read"].splitlines()
    assert lines[1] == lines[3] == "cd /scratch/me/repo" and "/scratch/me/repo/launch.py" in lines[4]


def test_in_a_container_the_shared_folders_are_mounted(nemorun_home: Path, tmp_path: Path):
    mounts = ["/lustre:/lustre", f"{ROOT}:{ROOT}", f"{Path.cwd()}:{Path.cwd()}"]
    chosen = executor(tmp_path, container_image="base.sqsh", container_mounts=mounts)
    script = submit(["--output", "out"], load_slurm(chosen), dry_run=True).scripts["read"]
    assert "--container-image base.sqsh --container-mounts /lustre:/lustre," in script
    given = ["preprocess", "--tokenizer", "/lustre/t", "--engine", "slurm", "--executor", str(chosen), "--dry-run"]
    for more, message in (
        (["--input", "/lustre/in", "--output", "/scratch/out"], "no container_mounts holds /scratch/out"),
        (["--input", "/scratch/in", "--output", "/lustre/out"], "no container_mounts brings /scratch/in"),
        (["--input", "in", "--output", "out", "--replay", "/scratch/old=0.1"], "brings /scratch/old.idx into"),
    ):
        ended = CliRunner().invoke(launch.app, [*given, *more])
        assert isinstance(ended.exception, UsageError) and message in str(ended.exception), ended.output


def test_the_options_of_the_jobs_mean_the_settings_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    chosen = Settings(
        languages=("fr", "de"),
        shares={"fr": 60.5, "de": 39.5},
        replay=(Path("old text.en"), 0.05),
        shards=7,
        seq_length=8192,
        validation_share=0.02,
        seed=7,
        best_share=0.3,
        min_characters=99,
        max_warnings=3,
        corrigenda=False,
        annexes=False,
        versions="all",
        near_duplicates=0.9,
    )
    default = Settings()
    assert all(value != getattr(default, name) for name, value in vars(chosen).items())
    for settings, overwrite in ((chosen, True), (default, False)):
        seen: list[Any] = []
        monkeypatch.setattr(pipeline, "preprocess", lambda *given, **more: seen.append((given, more)))  # noqa: B023
        monkeypatch.setattr("tools.commands.corpus.print_result", lambda *_: None)
        given = ([Path("a b"), Path("c")], Path("out"), Path("tokenizer"), settings)
        ended = CliRunner().invoke(launch.app, ["preprocess", *options_of(*given, overwrite)])
        assert ended.exit_code == 0, ended.output
        assert seen[0][0] == given and seen[0][1]["overwrite"] == overwrite
