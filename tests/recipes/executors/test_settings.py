"""The executors' YAML files: what is read, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from preprocessing.errors import UsageError
from recipes.executors.settings import FOLDER, KINDS, Local, load_executor, load_slurm


def written(tmp_path: Path, name: str = "slurm", **changes: Any) -> Path:
    """A copy of one of our files with changes; ``section__key`` is a key of a section."""
    values = {**yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))}
    if name == "slurm":
        values["account"] = "law"
    for key, value in changes.items():
        section, _, inner = key.rpartition("__")
        (values[section] if section else values)[inner] = value
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_of_ours_is_read_and_sets_every_key_that_there_is(path: Path, tmp_path: Path) -> None:
    settings = load_executor(written(tmp_path, path.stem))
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert type(settings) is KINDS[given.pop("kind")]
    assert set(given) == set(vars(settings))
    for name, value in given.items():
        if name in ("training", "corpus"):
            assert value == vars(getattr(settings, name))


def test_an_executor_has_a_name_or_is_a_file(tmp_path: Path) -> None:
    assert load_executor("local") == Local()
    assert load_executor(written(tmp_path, "local", env={"NCCL_DEBUG": "INFO"})) == Local({"NCCL_DEBUG": "INFO"})
    with pytest.raises(UsageError, match=r"unknown executor 'slrum'\. Did you mean 'slurm'"):
        load_executor("slrum")
    with pytest.raises(UsageError, match=r"no configuration file at my_cluster\.yaml"):
        load_executor("my_cluster.yaml")
    with pytest.raises(UsageError, match="local is no Slurm cluster"):
        load_slurm("local")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"account": None}, "set account"),
        ({"kind": "slrum"}, "kind must be one of local, slurm, docker, skypilot.* Did you mean 'slurm'"),
        ({"parition": "gpu"}, "unknown key 'parition'"),
        ({"training__parition": "gpu"}, "training: unknown key 'parition'. Did you mean 'partition'"),
        ({"corpus": 4}, "corpus must hold 'key: value' lines"),
        ({"training__time": 86400}, "training: time can't be 86400"),
        ({"training__time": "a day"}, "training: time must be HH:MM:SS or DAYS-HH:MM:SS, not 'a day'"),
        ({"training__time": "00:05:00"}, "checkpoint_before, 600 s, must be less than time, 300 s"),
        ({"training__gpus": "gpu-per-node"}, "unknown gpus 'gpu-per-node'. Did you mean 'gpus-per-node'"),
        ({"training__exclusive": "yes"}, "training: exclusive can't be 'yes'"),
        ({"corpus__parts": 0}, "corpus: parts and cpus_per_task must be at least 1"),
        ({"code": "comit"}, "unknown code 'comit'"),
        ({"container_mounts": "/a:/a"}, "container_mounts can't be"),
        ({"container_mounts": ["/a"]}, "'/a' must be FROM:TO"),
        ({"container_mounts": ["/a:b"]}, "'/a:b' must be FROM:TO, and TO an absolute path"),
        ({"kind": ["slurm"]}, "kind must be one of local, slurm, docker, skypilot"),
        ({"env": "NCCL_DEBUG=INFO"}, "env can't be 'NCCL_DEBUG=INFO'"),
        ({"sbatch": "--reservation=eurlex"}, "sbatch can't be '--reservation=eurlex'"),
        ({"sbatch": {"reservation": ["eurlex"]}}, r"sbatch: reservation can't be \['eurlex'\]"),
        ({"corpus": []}, "corpus must hold 'key: value' lines"),
        ({"corpus__at_once": 0}, "corpus: at_once must be at least 1, or null"),
        ({"corpus__retries": -1}, "corpus: retries can't be negative"),
        ({"repository": "eurlex"}, "repository must be an absolute path there, not 'eurlex'"),
        ({"ssh_job_dir": "~/jobs"}, "ssh_job_dir must be an absolute path there, not '~/jobs'"),
        ({"env": {"nccl_debug": "INFO"}}, "env: 'nccl_debug' must be in capitals"),
        ({"env": {"NCCL_DEBUG": True}}, "env: NCCL_DEBUG can't be True; put it in quotes"),
        ({"ssh_host": "cluster"}, "with ssh_host, set ssh_user, ssh_job_dir and repository"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_executor(written(tmp_path, **changes))
    assert "mine.yaml: " in str(caught.value)
    assert str(caught.value).count("mine.yaml") == 1


def test_a_container_needs_mounts_and_a_repository_with_absolute_paths(tmp_path: Path) -> None:
    for changes, message in (
        ({"volumes": "/data:/data"}, "volumes can't be '/data:/data'"),
        ({"volumes": ["/data"]}, "volumes: '/data' must be FROM:TO"),
        ({"repository": "eurlex"}, "repository must be an absolute path there, not 'eurlex'"),
    ):
        with pytest.raises(UsageError, match=message):
            load_executor(written(tmp_path, "docker", **changes))


def test_what_skypilot_is_to_send_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing at no/such to be sent to /data"):
        load_executor(written(tmp_path, "skypilot", file_mounts={"/data": "no/such"}))
    with pytest.raises(UsageError, match="folder must be an absolute path there, not 'data'"):
        load_executor(written(tmp_path, "skypilot", folder="data"))
    with pytest.raises(UsageError, match="file_mounts can't be '/data:data'"):
        load_executor(written(tmp_path, "skypilot", file_mounts="/data:data"))
