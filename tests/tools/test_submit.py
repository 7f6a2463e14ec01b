"""Jobs on other machines: real scripts of NeMo-Run, a stand-in for Slurm that runs them, a real sshd."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from nemo_run import SSHTunnel
from typer.testing import CliRunner

import launch
from preprocessing.errors import RecipeError, UsageError
from recipes.executors import script as script_module
from recipes.executors.build import docker_executor, skypilot_executor, slurm_executor, tunnel
from recipes.executors.jobs import Job, Submission, submit
from recipes.executors.script import ROOT, shell_script
from recipes.executors.settings import Docker, Skypilot, Slurm, SlurmTraining, load_executor
from tests.recipes.executors.test_settings import written
from tests.tools.conftest import Sshd
from tools.job import look_at_job


def settings(tmp_path: Path, **changes: Any) -> Slurm:
    made = load_executor(written(tmp_path, **{"setup": "", **changes}))
    assert isinstance(made, Slurm)
    return made


def job(slurm: Slurm, text: str, **more: Any) -> Job:
    return Job("cpt", text, slurm_executor(slurm, slurm.training, **more))


def lines_of(submission: Submission) -> set[str]:
    return set(submission.scripts["cpt"].splitlines())


def test_the_job_asks_for_the_nodes_and_gpus_of_the_hardware(nemorun_home: Path, tmp_path: Path) -> None:
    slurm = settings(tmp_path, qos="high", training__partition="gpu")
    made = submit("eurlex-cpt", [job(slurm, "true\n", nodes=4, gpus=8)], slurm, dry_run=True)
    assert {
        "#SBATCH --nodes=4",
        "#SBATCH --gpus-per-node=8",
        "#SBATCH --ntasks-per-node=1",
        "#SBATCH --partition=gpu",
        "#SBATCH --qos=high",
        "#SBATCH --time=24:00:00",
        "#SBATCH --signal=TERM@600",
        "#SBATCH --exclusive",
        "#SBATCH --mem=0",
    } <= lines_of(made)
    script = made.scripts["cpt"]
    assert 'MASTER_ADDR="${head_node_ip%% *}"' in script and "TORCHX_MAX_RETRIES=10" in script
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert not list(nemorun_home.rglob("*_sbatch.sh")) and not made.jobs


def test_gpus_are_asked_for_as_the_cluster_wants_it(nemorun_home: Path, tmp_path: Path) -> None:
    for option, line in (("gres", "#SBATCH --gres=gpu:4"), ("none", None)):
        slurm = settings(tmp_path, training__gpus=option, training__exclusive=False, training__checkpoint_before=0)
        lines = lines_of(submit("eurlex-cpt", [job(slurm, "true\n", gpus=4)], slurm, dry_run=True))
        assert line is None or line in lines
        assert not [text for text in lines if "gpus-per-node" in text or "exclusive" in text or "signal" in text]
        assert not [text for text in lines if "MASTER_ADDR" in text]  # one node needs no rendezvous


def test_the_script_is_the_command_as_it_was_given(nemorun_home: Path, tmp_path: Path) -> None:
    chosen = written(tmp_path, setup="module load cuda", env={"NCCL_DEBUG": "a b", "OMP_NUM_THREADS": 4})
    command = ["cpt", "--model", "tiny", "--checkpoint", "my base", "--peft", "lora", "--hardware", "1xcpu"]
    ended = CliRunner().invoke(
        launch.app, [*command, "--executor", str(chosen), "--dry-run", "trainer.max_steps=3", "optim.config.lr=1e-5"]
    )
    assert ended.exit_code == 0, ended.output
    _, _, ran = ended.stdout.partition("# --- cpt.sh: what it runs\n")
    assert ran.split("\n")[:7] == [
        "set -e",
        f"cd {ROOT}",
        "export NCCL_DEBUG='a b'",
        "export OMP_NUM_THREADS=4",
        "module load cuda",
        f"cd {Path.cwd()}",
        f"exec python {ROOT}/launch.py cpt --model tiny --checkpoint 'my base' --hardware 1xcpu --peft lora "
        "trainer.max_steps=3 optim.config.lr=1e-5",
    ]


def test_a_job_that_goes_back_to_a_checkpoint_is_not_put_back(nemorun_home: Path, tmp_path: Path) -> None:
    command = ["cpt", "--model", "tiny", "--checkpoint", "my base", "--executor", str(written(tmp_path)), "--dry-run"]
    for more, retries in (([], 10), (["--resume-from", "5"], 0)):
        ended = CliRunner().invoke(launch.app, [*command, *more])
        assert f"export TORCHX_MAX_RETRIES={retries}\n" in ended.stdout, ended.output


def test_a_submitted_job_runs_and_is_looked_at(cluster: Path) -> None:
    slurm = settings(cluster, training__retries=0)
    made = submit("eurlex-cpt", [job(slurm, "echo trained\n")], slurm, notes=["run:       there"])
    assert made.jobs == {"cpt": "101"}
    assert made.text().splitlines()[:3] == [
        "submitted  cpt 101",
        "run:       there",
        f"state:     python launch.py job {made.experiment}  (or: squeue -j 101)",
    ]
    states = look_at_job(made.experiment, lines=1)
    assert (states.states, states.logs, states.exit_status) == ({"cpt": "COMPLETED"}, {"cpt": "trained"}, 0)
    look_at_job(made.experiment, cancel=True)
    assert (cluster / "cancelled").read_text() == "101\n"
    with pytest.raises(UsageError, match="nothing was submitted as 'eurlex-ctp_1' from here"):
        look_at_job("eurlex-ctp_1")


def test_a_failed_job_is_put_back_as_often_as_allowed_and_then_has_failed(cluster: Path) -> None:
    slurm = settings(cluster, training__retries=2)
    made = submit("eurlex-cpt", [job(slurm, f"echo once more >> {cluster}/tries; exit 1\n")], slurm)
    assert (cluster / "tries").read_text().count("once more") == 3
    ended = CliRunner().invoke(launch.app, ["job", made.experiment, "--wait"])
    assert (ended.exit_code, ended.stdout) == (1, "cpt  101  FAILED\n")


def test_a_command_that_was_refused_is_not_put_back(cluster: Path) -> None:
    slurm = settings(cluster, training__retries=2)
    made = submit("eurlex-cpt", [job(slurm, f"echo once more >> {cluster}/tries; exit 2\n")], slurm)
    assert (cluster / "tries").read_text().count("once more") == 1
    assert look_at_job(made.experiment).exit_status == 1


def test_a_job_that_may_start_once_ends_when_slurm_itself_puts_it_back(cluster: Path) -> None:
    slurm = settings(cluster, training__retries=0)  # also: with --resume-from
    failing_node = f"[ -e {cluster}/tries ] || touch {cluster}/requeue.101; echo once more >> {cluster}/tries\n"
    made = submit("eurlex-cpt", [job(slurm, failing_node)], slurm)
    assert (cluster / "tries").read_text().count("once more") == 1
    assert look_at_job(made.experiment).exit_status == 1


def test_what_was_taken_before_a_refusal_is_named(cluster: Path, nemorun_home: Path) -> None:
    slurm = settings(cluster)
    second = Job("more", "true\n", slurm_executor(slurm, slurm.training), after="cpt")
    (cluster / "refuse").write_text("102")
    with pytest.raises(RecipeError, match=r"invalid account or partition; it has taken: cpt 101$"):
        submit("eurlex-cpt", [job(slurm, "true\n"), second], slurm)
    (cluster / "refuse").write_text("")
    with pytest.raises(RecipeError, match=r"invalid account or partition$"):
        submit("eurlex-sft", [job(slurm, "true\n")], slurm)
    assert not list(nemorun_home.glob("experiments/eurlex-sft/*"))


def test_options_of_sbatch_may_be_bare_or_taken_back(nemorun_home: Path, tmp_path: Path) -> None:
    further = {"reservation": "eurlex", "requeue": False, "comment": None, "reboot": True, "kill-on-invalid-dep": "no"}
    slurm = settings(tmp_path, sbatch=further)
    lines = lines_of(submit("eurlex-cpt", [job(slurm, "true\n")], slurm, dry_run=True))
    assert {"#SBATCH --reservation=eurlex", "#SBATCH --reboot", "#SBATCH --kill-on-invalid-dep=no"} <= lines
    assert not [line for line in lines if line.startswith(("#SBATCH --requeue", "#SBATCH --comment"))]
    assert "#SBATCH --kill-on-invalid-dep=yes" not in lines


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository in the place of this one, with a commit and a change after it."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in script_module.FILES:
        (folder / name).write_text("committed\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        identity = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)
    (folder / "launch.py").write_text("changed\n")
    for module in ("script", "build", "jobs"):
        monkeypatch.setattr(f"recipes.executors.{module}.ROOT", folder)
    return folder


@pytest.mark.parametrize(("code", "sent"), [("git", "committed"), ("files", "changed")])
def test_the_code_of_this_machine_is_sent_along(
    cluster: Path, repository: Path, capsys: pytest.CaptureFixture[str], code: str, sent: str
) -> None:
    slurm = settings(cluster, code=code)
    text = shell_script(slurm, ["cpt"]).replace("exec python", "cat")  # not the program: what it would be
    made = submit("eurlex-cpt", [job(slurm, text.replace("launch.py cpt", "launch.py"))], slurm)
    assert look_at_job(made.experiment, lines=1).logs == {"cpt": sent}
    noted = (
        "note: not sent, because not committed: launch.py; commit them, or set code: files" in capsys.readouterr().err
    )
    assert noted == (code == "git")


def test_a_commit_can_only_be_sent_from_a_repository(
    cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.setattr(script_module, "ROOT", tmp_path / "plain")
    slurm = settings(cluster, code="git")
    with pytest.raises(UsageError, match="is no git repository; set code: files"):
        submit("eurlex-cpt", [job(slurm, "true\n")], slurm)


def test_docker_gets_the_repository_the_current_folder_and_the_gpus(nemorun_home: Path, tmp_path: Path) -> None:
    docker = load_executor(written(tmp_path, "docker", volumes=["/data:/data"]))
    assert isinstance(docker, Docker)
    made = submit("eurlex-cpt", [Job("cpt", "true\n", docker_executor(docker))], docker, dry_run=True)
    request = made.scripts["cpt"]
    for text in ("container_image: nvcr.io/nvidia/nemo", "num_gpus: -1", "shm_size: 64g", "- /data:/data", str(ROOT)):
        assert text in request
    if not Path("/var/run/docker.sock").exists():
        with pytest.raises(RecipeError, match="Docker did not take the jobs: "):
            submit("eurlex-cpt", [Job("cpt", "true\n", docker_executor(docker))], docker)


def test_skypilot_rents_the_machines_of_the_hardware(
    nemorun_home: Path, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sky", reason="SkyPilot is not installed")
    (tmp_path / "corpus").mkdir()
    sky = load_executor(written(tmp_path, "skypilot", file_mounts={"/data/corpus": str(tmp_path / "corpus")}))
    assert isinstance(sky, Skypilot)
    text = shell_script(sky, ["cpt"])
    executor = skypilot_executor(sky, nodes=2, gpus=4, chip="b200")
    task = yaml.safe_load(submit("eurlex-cpt", [Job("cpt", text, executor)], sky, dry_run=True).scripts["cpt"])
    assert (task["num_nodes"], task["resources"]["accelerators"]) == (2, {"B200": 4})
    assert task["file_mounts"]["/data/corpus"] == str(tmp_path / "corpus")
    assert "bash /nemo_run/scripts/cpt.sh" in task["run"]
    assert "not committed: launch.py; commit them\n" in capsys.readouterr().err


def test_skypilots_machines_learn_where_they_meet_and_where_paths_begin(tmp_path: Path) -> None:
    sky = load_executor(written(tmp_path, "skypilot"))
    assert isinstance(sky, Skypilot)
    script = shell_script(sky, ["cpt"])
    assert script.endswith("cd /data\nexec python /nemo_run/code/launch.py cpt\n")
    shown = script.replace("exec python /nemo_run/code/launch.py cpt", 'echo "$MASTER_ADDR $NODE_RANK"')
    done = subprocess.run(
        ["bash"],
        input=shown.replace("cd /data\n", "").replace("cd /nemo_run/code\n", ""),
        env={**os.environ, "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2", "SKYPILOT_NODE_RANK": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "10.0.0.1 1\n"


def test_skypilot_is_asked_for_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sky", None)  # as if it were not installed
    sky = load_executor(written(tmp_path, "skypilot"))
    assert isinstance(sky, Skypilot)
    with pytest.raises(UsageError, match="SkyPilot is not installed; pip install"):
        skypilot_executor(sky, nodes=1, gpus=4, chip="b200")


def test_a_container_is_one_machine(tmp_path: Path) -> None:
    chosen = written(tmp_path, "docker")
    ended = CliRunner().invoke(
        launch.app,
        [
            *("cpt", "--model", "tiny", "--hardware", "2x1xcpu", "--executor", str(chosen), "--dry-run"),
            "data.micro_batch_size=4",  # two copies share a batch, where there is a quickstart to resolve the recipe by
        ],
    )
    assert isinstance(ended.exception, UsageError) and "docker is one machine" in str(ended.exception)


def test_over_ssh_the_scripts_and_the_code_go_there_and_the_job_runs_there(
    cluster: Path, far: dict[str, Any], repository: Path, nemorun_home: Path
) -> None:
    far["ssh_pre_command"] += "; echo Welcome"  # as modules do
    slurm = settings(cluster, code="files", **far)
    text = shell_script(slurm, ["cpt"]).replace("exec python", "pwd; cat").replace("launch.py cpt", "launch.py")
    (cluster / "there" / "data").touch()
    made = submit("eurlex-cpt", [job(slurm, text)], slurm, paths=[f"{far['repository']}/data"])
    assert made.place == f"{far['ssh_user']}@127.0.0.1" and made.jobs == {"cpt": "101"}
    assert f"state:     python launch.py job {made.experiment}  (or: ssh {made.place} squeue -j 101)" in made.text()
    found = look_at_job(made.experiment, lines=2)
    assert (found.states, found.exit_status) == ({"cpt": "COMPLETED"}, 0)
    assert found.logs == {"cpt": f"{far['repository']}\nchanged"}
    assert list((cluster / "there" / "jobs").rglob("cpt_sbatch.sh"))
    with pytest.raises(UsageError, match=rf"not there on {made.place}: .*/there/none"):
        submit("eurlex-cpt", [job(slurm, text)], slurm, paths=[f"{far['repository']}/none"])


def test_a_cluster_out_of_reach_is_named_with_what_must_work_first(
    cluster: Path, far: dict[str, Any], sshd: Sshd
) -> None:
    for changes, reason in (({"ssh_port": 1}, "Unable to connect"), ({"ssh_identity": None}, "takes no key of yours")):
        slurm = settings(cluster, **{**far, **changes})
        with pytest.raises(RecipeError, match=f"cannot be reached .*{reason}.* must work first"):
            submit("eurlex-cpt", [job(slurm, "true\n")], slurm)


def test_a_private_key_may_lie_in_the_home_folder(tmp_path: Path) -> None:
    there = {"ssh_host": "cluster", "ssh_user": "me", "ssh_job_dir": "/jobs", "repository": "/eurlex"}
    made = tunnel(settings(tmp_path, ssh_identity="~/.ssh/cluster", **there))
    assert isinstance(made, SSHTunnel) and made.identity == str(Path.home() / ".ssh" / "cluster")


def test_the_time_before_the_end_is_less_than_the_time() -> None:
    assert SlurmTraining(time="1-00:00:00", checkpoint_before=86399).checkpoint_before == 86399
    with pytest.raises(UsageError, match="must be less than time, 86400 s"):
        SlurmTraining(time="1-00:00:00", checkpoint_before=86400)
