"""The Slurm engine: real scripts of NeMo-Run, and a stand-in for Slurm that runs them on this machine."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import launch
from preprocessing.corpus import pipeline
from preprocessing.corpus.settings import Settings
from preprocessing.errors import UsageError
from tests.preprocessing.corpus.conftest import contents, make_tokenizer, write_act
from tools.commands import corpus
from tools.corpus_on_slurm import DEFAULT, ROOT, load_slurm_settings, options_of, submit

# As sbatch: the script's own options count, an element of an array gets its number, a job whose predecessor failed
# never starts. It runs the job at once and ends when the job has.
SBATCH = """#!/usr/bin/env bash
echo "$*" >> "$FAKE/submitted"
script=${@: -1}
number=$(( $(wc -l < "$FAKE/submitted") + 100 ))
for argument in "$@"; do
    case $argument in --dependency=afterok:*)
        [[ -e $FAKE/ended.${argument##*:} ]] || { echo "$number"; exit 0; } ;;
    esac
done
if [[ -e $FAKE/refuse ]]; then echo "sbatch: error: invalid account or partition" >&2; exit 1; fi
elements=$(sed -n 's/^#SBATCH --array=0-//p' "$script")
failed=0
for element in $(seq "${elements:-0}" -1 0); do
    export SLURM_JOB_ID=$((number * 1000 + element)) SLURM_JOB_NODELIST=here
    if [[ -n $elements ]]; then export SLURM_ARRAY_TASK_ID=$element; else unset SLURM_ARRAY_TASK_ID; fi
    bash "$script" > "$FAKE/job.$number.$element" 2>&1 || failed=1
done
((failed)) || touch "$FAKE/ended.$number"
echo "$number"
"""
SRUN = """#!/usr/bin/env bash
while [[ $1 == -* ]]; do
    case $1 in
        --chdir) cd "$2" || exit 1; shift 2 ;;
        --output) output=$2; shift 2 ;;
        -w) shift 2 ;;
        *) shift ;;
    esac
done
[[ $1 == hostname ]] && { echo 192.0.2.1; exit 0; }
"$@" > "${output//%j/$SLURM_JOB_ID}" 2>&1
"""
SCONTROL = """#!/usr/bin/env bash
echo here
"""


def executor(tmp_path: Path, **changes: Any) -> Path:
    values = {**yaml.safe_load(DEFAULT.read_text(encoding="utf-8")), "account": "law", "cpus_per_task": 1, **changes}
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
    for name, text in {"sbatch": SBATCH, "srun": SRUN, "scontrol": SCONTROL}.items():
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    python = Path(sys.executable).parent  # what `setup` would put in front
    return {"PATH": f"{folder / 'bin'}:{python}:{os.environ['PATH']}", "FAKE": str(folder)}


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


@pytest.fixture
def nemorun_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    from nemo_run.config import get_nemorun_home, set_nemorun_home

    before = get_nemorun_home()
    monkeypatch.setattr("sys.stdin", io.StringIO())  # NeMo-Run's shell commands read it
    set_nemorun_home(str(tmp_path / "jobs"))
    yield tmp_path / "jobs"
    set_nemorun_home(before)


def test_a_folder_that_nemo_run_would_take_for_its_own_is_refused(nemorun_home: Path, tmp_path: Path):
    slurm = load_slurm_settings(executor(tmp_path))
    assert submit(["--output", "nemo_runs/out"], slurm, dry_run=True).scripts
    with pytest.raises(UsageError, match="begins with nemo_run"):
        submit(["--output", "/data/nemo_runs/out"], slurm, dry_run=True)


def test_from_another_machine_paths_are_those_of_the_cluster(nemorun_home: Path, tmp_path: Path):
    far = {"ssh_host": "cluster", "ssh_user": "me", "ssh_job_dir": "/scratch/me/jobs", "repository": "/scratch/me/repo"}
    made = submit(["--output", "out"], load_slurm_settings(executor(tmp_path, **far)), dry_run=True)
    assert "#SBATCH --output=/scratch/me/jobs/eurlex-corpus/" in made.scripts["read"]
    assert "bash /scratch/me/jobs/eurlex-corpus/" in made.scripts["read"]
    lines = made.commands["read"].splitlines()
    assert lines[1] == lines[3] == "cd /scratch/me/repo" and "/scratch/me/repo/launch.py" in lines[4]


def test_in_a_container_the_shared_folders_are_mounted(nemorun_home: Path, tmp_path: Path):
    chosen = executor(tmp_path, container_image="base.sqsh", container_mounts=["/lustre:/lustre"])
    script = submit(["--output", "out"], load_slurm_settings(chosen), dry_run=True).scripts["read"]
    assert "--container-image base.sqsh --container-mounts /lustre:/lustre," in script


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
        monkeypatch.setattr(corpus, "print_result", lambda *_: None)
        given = ([Path("a b"), Path("c")], Path("out"), Path("tokenizer"), settings)
        ended = CliRunner().invoke(launch.app, ["preprocess", *options_of(*given, overwrite)])
        assert ended.exit_code == 0, ended.output
        assert seen[0][0] == given and seen[0][1]["overwrite"] == overwrite


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"account": None}, "set account"),
        ({"parition": "cpu"}, "unknown key 'parition'. Did you mean 'partition'"),
        ({"time": 14400}, "time can't be 14400"),
        ({"parts": 0}, "must be at least 1"),
        ({"container_mounts": "/a:/a"}, "container_mounts can't be"),
        ({"ssh_host": "cluster"}, "with ssh_host, set ssh_user, ssh_job_dir and repository"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, changes: dict[str, Any], message: str):
    with pytest.raises(UsageError, match=message):
        load_slurm_settings(executor(tmp_path, **changes))
