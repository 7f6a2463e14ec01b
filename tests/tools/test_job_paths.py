"""What a job needs is looked for before it is sent; what it writes must outlive its container."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from nemo_run.config import set_nemorun_home
from typer.testing import CliRunner

import launch
from preprocessing.errors import RecipeError, UsageError
from recipes.executors.build import docker_executor
from recipes.executors.jobs import Job, submit
from recipes.executors.look import needs
from recipes.executors.script import ROOT
from recipes.executors.settings import Docker, load_executor
from tests.recipes.executors.test_settings import written
from tests.tools.test_submit import job, settings


def test_what_is_not_there_is_refused_before_it_waits_in_a_queue(cluster: Path) -> None:
    slurm = settings(cluster)
    with pytest.raises(UsageError, match=r"not there: .*/no data"):
        submit("eurlex-cpt", [job(slurm, "true\n")], slurm, paths=[str(cluster), str(cluster / "no data")])
    assert not (cluster / "submitted").exists()
    (cluster / "bin" / "sbatch").unlink()
    with pytest.raises(RecipeError, match="there is no sbatch"):
        submit("eurlex-cpt", [job(slurm, "true\n")], slurm)


def test_what_no_mount_brings_into_the_container_is_refused(cluster: Path) -> None:
    (cluster / "lustre" / "data").mkdir(parents=True)
    mounts = [f"{cluster}/lustre:/lustre", f"{ROOT}:{ROOT}"]
    slurm = settings(cluster, container_image="base.sqsh", container_mounts=mounts)
    jobs = [job(slurm, "true\n")]
    with pytest.raises(UsageError, match="no container_mounts brings /scratch/data into the container"):
        submit("eurlex-cpt", jobs, slurm, paths=["/lustre/data", "/scratch/data"])
    with pytest.raises(UsageError, match=r"not there: .*/lustre/other"):
        submit("eurlex-cpt", jobs, slurm, paths=["/lustre/data", "/lustre/other"])
    made = submit("eurlex-cpt", jobs, slurm, paths=["/lustre/data"], written=["/lustre/run"], dry_run=True)
    assert f"--container-image base.sqsh --container-mounts {cluster}/lustre:/lustre," in made.scripts["cpt"]
    for run in ("/scratch/run", "/lustre/../run", "/lustre2/run"):
        with pytest.raises(UsageError, match=r"holds /.*run: what the job writes there would be lost with its"):
            submit("eurlex-cpt", jobs, slurm, written=[run], dry_run=True)
    slurm = settings(cluster, container_image="base.sqsh", container_mounts=mounts[:1])
    with pytest.raises(UsageError, match=f"no container_mounts brings {Path.cwd()} into the container"):
        submit("eurlex-cpt", [job(slurm, "true\n")], slurm, dry_run=True)


def test_of_nested_mounts_the_inner_one_counts(cluster: Path) -> None:
    (cluster / "b" / "cpt").mkdir(parents=True)
    mounts = [f"{cluster}/a:/data", f"{cluster}/b:/data/corpus", f"{ROOT}:{ROOT}"]
    for given in (mounts, mounts[::-1]):
        slurm = settings(cluster, container_image="base.sqsh", container_mounts=given)
        assert f"{cluster}/b/cpt" in needs(slurm, ["/data/corpus/cpt"], ["/data/run"])


def test_a_repository_that_is_not_there_is_refused_before_it_waits_in_a_queue(cluster: Path) -> None:
    slurm = settings(cluster, repository=str(cluster / "no repository"))
    with pytest.raises(UsageError, match=r"not there: .*/no repository, .*/no repository/launch\.py"):
        submit("eurlex-cpt", [job(slurm, "true\n")], slurm)
    (cluster / "no repository").mkdir()
    with pytest.raises(UsageError, match=r"not there: [^,]*/no repository/launch\.py"):
        submit("eurlex-cpt", [job(slurm, "true\n")], slurm)


@pytest.mark.parametrize("name", ["my jobs", "jobs;x", "jobs$x"])
def test_a_folder_that_nemo_run_would_not_quote_is_refused(cluster: Path, name: str) -> None:
    slurm = settings(cluster)
    set_nemorun_home(str(cluster / name))
    with pytest.raises(UsageError, match=re.escape(f"$NEMORUN_HOME is '{cluster / name}'")):
        submit("eurlex-cpt", [job(slurm, "true\n")], slurm, dry_run=True)
    set_nemorun_home(str(cluster / "jobs"))
    slurm = dataclasses.replace(slurm, ssh_job_dir=f"/scratch/{name}")
    with pytest.raises(UsageError, match="ssh_job_dir is '/scratch/"):
        submit("eurlex-cpt", [job(slurm, "true\n")], slurm, dry_run=True)


def in_docker(tmp_path: Path, **changes: Any) -> Docker:
    docker = load_executor(written(tmp_path, "docker", **changes))
    assert isinstance(docker, Docker)
    return docker


def test_no_folder_of_a_container_is_mounted_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = f"{tmp_path}:{tmp_path}"
    assert docker_executor(in_docker(tmp_path)).volumes == sorted([mine, f"{ROOT}:{ROOT}"])
    for volumes in (["/home/me/eurlex:/workspace/eurlex"], []):  # mounted there, or in the image
        docker = in_docker(tmp_path, repository="/workspace/eurlex", volumes=volumes)
        assert docker_executor(docker).volumes == [*volumes, mine]
        assert needs(docker, [], [f"{tmp_path}/run"]) == [str(tmp_path)]
    assert docker_executor(in_docker(tmp_path, volumes=[f"/there:{tmp_path}/"], repository="/w")).volumes == [
        f"/there:{tmp_path}/"
    ]


def test_what_a_container_writes_must_outlive_it(nemorun_home: Path, tmp_path: Path) -> None:
    chosen = written(tmp_path, "docker", volumes=["/ckpt:/ckpt", "named:/named"])
    given = ["cpt", "--model", "tiny", "--hardware", "1xcpu", "--executor", str(chosen), "--dry-run"]
    for more, message in (
        (["--checkpoint", "/ckpt/base", "--output", "/scratch/run"], "no volumes holds /scratch/run: what the job"),
        (["--checkpoint", "/ckpt/base", "--output", "../run"], "no volumes holds .*/run: what the job writes"),
        (["--checkpoint", "/scratch/base"], "no volumes brings /scratch/base into the container"),
        (["--checkpoint", "/ckpt/base", "--data", "/x/blend.yaml"], "no volumes brings /x/blend.yaml"),
        (["--checkpoint", "/ckpt/base", "--resume-from", "/x/run/1"], "no volumes brings /x/run/1"),
    ):
        ended = CliRunner().invoke(launch.app, [*given, *more])
        assert isinstance(ended.exception, UsageError), ended.output
        assert re.search(message, str(ended.exception))
    named = ["--checkpoint", "/named/base", "--output", "/named/run", "--resume-from", "best"]
    ended = CliRunner().invoke(launch.app, [*given, *named])
    assert ended.exit_code == 0, ended.output
    docker = in_docker(tmp_path, volumes=["/ckpt:/ckpt", "named:/named"])
    with pytest.raises(UsageError, match=r"not there: /ckpt/base$"):  # Docker would make an empty folder
        made = [Job("cpt", "true\n", docker_executor(docker))]
        submit("eurlex-cpt", made, docker, paths=["/ckpt/base", "/named/base"])
