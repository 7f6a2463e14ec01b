"""The set-up scripts and the pins: one run installs, the second does nothing, a killed one never looks whole."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ("setup.sh", "setup_gpu.sh", "setup_mac.sh", ".ci/run")
SETS = ("base", "cpu", "gpu", "mac", "dev")

EXACT = re.compile(r"[A-Za-z0-9._-]+(\[[a-z0-9_,]+\])?==[0-9][A-Za-z0-9.]*( ; sys_platform == \"linux\")?")


def lines(name: str) -> list[str]:
    """The requirements in requirements/``name``, without comments and included files."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in text if line.strip() and not line.lstrip().startswith(("#", "-r"))]


def normal(requirement: str) -> str:
    """The package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[=; ]", requirement, maxsplit=1)[0]).lower()


def shell(script: Path | str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script with ``variables`` on top of this environment, less the ones that steer set-up."""
    environment = {name: value for name, value in os.environ.items() if name not in ("VENV", "PROFILE", "PYTHON")}
    return subprocess.run(
        ["bash", str(script), *arguments],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """setup.sh and the pins in a folder of their own, where the mac set installs nothing but notes that it ran."""
    shutil.copy(ROOT / "setup.sh", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    installer(tmp_path, "echo ran >> installs.log")
    return tmp_path


def installer(copy: Path, commands: str) -> None:
    """Replace what the mac set does; the environment, the lock and the stamps around it stay the real ones."""
    script = copy / "setup_mac.sh"
    script.write_text(f"#!/usr/bin/env bash\nset -e\ncd '{copy}'\n{commands}\n")
    script.chmod(0o755)


def installs(copy: Path) -> int:
    log = copy / "installs.log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def setup(copy: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return shell(copy / "setup.sh", *arguments, PROFILE="mac", **({"PYTHON": sys.executable} | variables))


@pytest.mark.parametrize("script", SCRIPTS)
def test_bash_reads_every_script(script: str) -> None:
    assert subprocess.run(["bash", "-n", str(ROOT / script)], check=False).returncode == 0
    assert os.access(ROOT / script, os.X_OK), f"{script} is not executable"


def test_the_second_run_does_nothing_and_is_quick(copy: Path) -> None:
    first = setup(copy)
    assert first.returncode == 0, first.stderr
    started = time.monotonic()
    second = setup(copy)
    assert second.returncode == 0
    assert "nothing to do" in second.stderr
    # 0.2 s alone on two cores
    assert time.monotonic() - started < 2
    assert installs(copy) == 1


def test_a_changed_pin_installs_again(copy: Path) -> None:
    setup(copy)
    with (copy / "requirements" / "constraints.txt").open("a") as constraints:
        constraints.write("# one more line\n")
    assert setup(copy).returncode == 0
    assert installs(copy) == 2


def test_an_installation_that_fails_is_told_and_tried_again(copy: Path) -> None:
    installer(copy, "exit 3")
    failed = setup(copy)
    assert failed.returncode == 1
    assert "the mac set did not install (exit status 3)" in failed.stderr
    installer(copy, "echo ran >> installs.log")
    assert setup(copy).returncode == 0
    assert installs(copy) == 1


def test_a_killed_installation_does_not_look_whole_and_is_started_afresh(copy: Path) -> None:
    installer(copy, "touch .venv/half-written started; sleep 60")
    environment = os.environ | {"PROFILE": "mac", "PYTHON": sys.executable}
    environment.pop("VENV", None)
    running = subprocess.Popen(
        ["bash", "setup.sh"], cwd=copy, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        while not (copy / "started").exists():
            assert time.monotonic() < deadline and running.poll() is None, "set-up never came to the installation"
            time.sleep(0.05)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    installer(copy, "echo ran >> installs.log")
    again = setup(copy)
    assert again.returncode == 0, again.stderr
    assert "killed in the middle" in again.stderr
    assert not (copy / ".venv" / "half-written").exists()
    assert installs(copy) == 1


def test_two_runs_at_once_install_once(copy: Path) -> None:
    installer(copy, "sleep 1; echo ran >> installs.log")
    environment = os.environ | {"PROFILE": "mac", "PYTHON": sys.executable}
    environment.pop("VENV", None)
    both = [
        subprocess.Popen(["bash", "setup.sh"], cwd=copy, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert installs(copy) == 1
    assert sum("the other run did it" in text or "nothing to do" in text for text in told) == 1


def test_a_folder_that_is_no_environment_is_left_alone(copy: Path) -> None:
    precious = copy / "thesis"
    precious.mkdir()
    (precious / "chapter1.txt").write_text("words")
    refused = setup(copy, VENV=str(precious))
    assert refused.returncode == 1
    assert "choose another with VENV=PATH" in refused.stderr
    assert (precious / "chapter1.txt").read_text() == "words"


def test_an_interpreter_that_does_not_run_is_refused_by_name(copy: Path) -> None:
    refused = setup(copy, PYTHON="/no/such/python")
    assert refused.returncode == 1
    assert "PYTHON='/no/such/python'" in refused.stderr
    assert not (copy / ".venv").exists()


def test_an_interpreter_that_only_pretends_is_passed_over(copy: Path) -> None:
    shims = copy / "shims"
    shims.mkdir()
    for name in ("python3.11", "python3.12", "python3.10"):
        (shims / name).write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
        (shims / name).chmod(0o755)
    (shims / "python3").symlink_to(sys.executable)
    done = setup(copy, PYTHON="", PATH=f"{shims}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert (copy / ".venv" / "bin" / "python").exists()


@pytest.mark.parametrize(
    ("arguments", "profile", "said"),
    [
        (["--devv"], "cpu", "unknown option '--devv'"),
        ([], "tpu", "PROFILE='tpu' does not exist"),
        (["--with-apex"], "cpu", "--with-apex needs the gpu profile"),
    ],
)
def test_wrong_usage_is_exit_status_2(arguments: list[str], profile: str, said: str) -> None:
    refused = shell(ROOT / "setup.sh", *arguments, PROFILE=profile)
    assert refused.returncode == 2
    assert said in refused.stderr


@pytest.mark.parametrize("script", ["setup.sh", "setup_gpu.sh"])
def test_help_is_there(script: str) -> None:
    done = shell(ROOT / script, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: ./{script}")


def commands(text: str) -> list[str]:
    """What a dry run says it would run."""
    return [line[2:] for line in text.splitlines() if line.startswith("+ ")]


def test_what_is_added_to_the_container_is_pinned_and_the_same_in_the_guide() -> None:
    (line,) = re.findall(r"^ +(python -m pip install -c .*)$", (ROOT / "setup_gpu.sh").read_text(), re.MULTILINE)
    assert f"\n{line}\n" in (ROOT / "docs" / "setup.md").read_text()
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "requirements" / "base.txt").read_text(), re.MULTILINE)
    names = line.split("constraints.txt ")[1].split()
    assert set(names) <= set(pinned)
    # every import of the data side is added, or among what NeMo itself needs
    brought = {"pyarrow", "numpy", "tokenizers", "typer", "rich", "tqdm", "PyYAML", "matplotlib", "scipy", "sacrebleu"}
    assert set(pinned) - set(names) == brought


def test_the_gpu_dry_run_shows_each_command_and_runs_none(tmp_path: Path) -> None:
    venv = tmp_path / "environment"
    done = shell(ROOT / "setup_gpu.sh", "--with-apex", "--dev", "--dry-run", VENV=str(venv))
    assert done.returncode == 0, done.stderr
    assert "NVIDIA NeMo Framework container 25.09 to 25.11 from NGC" in done.stderr
    create, stack, nvcc, engine, apex, nccl, dev = commands(done.stderr)
    pip = f"{venv}/bin/python -m pip install"
    lock = "-c requirements/constraints.txt"
    assert create.endswith(f"-m venv {venv}")
    assert stack == f"{pip} -r requirements/cpu.txt wheel {lock}"
    assert nvcc == "nvcc --version"
    assert engine == f"env NVTE_FRAMEWORK=pytorch {pip} --no-build-isolation -r requirements/gpu.txt {lock}"
    assert re.fullmatch(
        rf"env APEX_CPP_EXT=1 APEX_CUDA_EXT=1 {re.escape(pip)} --no-build-isolation --no-deps "
        r"git\+https://github\.com/NVIDIA/apex@[0-9a-f]{40}",
        apex,
    )
    assert "NCCL" in nccl
    assert dev == f"{pip} -r requirements/dev.txt {lock}"
    assert not venv.exists()


def test_the_mac_dry_run_installs_the_data_side_only(tmp_path: Path) -> None:
    done = shell(ROOT / "setup_mac.sh", "--dry-run", VENV=str(tmp_path / "environment"))
    assert done.returncode == 0, done.stderr
    assert [command.partition("install ")[2] for command in commands(done.stderr)[1:]] == [
        "-r requirements/mac.txt -c requirements/constraints.txt"
    ]


@pytest.mark.parametrize("name", SETS)
def test_every_direct_requirement_is_pinned_exactly_and_names_no_host(name: str) -> None:
    for line in lines(f"{name}.txt"):
        assert EXACT.fullmatch(line), f"requirements/{name}.txt: {line}"


def test_the_lock_names_no_host_and_no_path() -> None:
    for line in lines("constraints.txt"):
        requirement, _, _ = line.partition(" ; ")
        assert EXACT.fullmatch(requirement), line


def test_the_lock_covers_every_direct_pin_with_the_same_version() -> None:
    locked = {normal(line): line.partition(" ; ")[0].partition("==")[2] for line in lines("constraints.txt")}
    for name in SETS:
        for line in lines(f"{name}.txt"):
            version = line.partition(" ; ")[0].partition("==")[2]
            assert locked.get(normal(line)) == version, f"requirements/{name}.txt: {line}: run make lock"


def test_the_lock_has_one_version_of_each_package_for_every_python() -> None:
    names = [normal(line) for line in lines("constraints.txt")]
    assert len(names) == len(set(names))


def test_the_data_side_has_neither_torch_nor_nemo_nor_megatron() -> None:
    names = {normal(line) for name in ("base", "mac") for line in lines(f"{name}.txt")}
    assert not names & {"torch", "nemo-toolkit", "megatron-core", "nemo-run", "lightning", "transformers"}
