"""Cores, memory, disk, torchrun, accounts and real input files."""

from __future__ import annotations

import importlib.util
import netrc
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from preprocessing.processors import processors
from tools.doctor.packages import setup_command
from tools.doctor.report import Check

GIB = 2**30
# what the quickstart may take; the environment itself is 2.7 GB with the CPU build of torch
MEMORY_NEEDED = 6 * GIB
DISK_NEEDED = 5 * GIB


@dataclass(frozen=True)
class Machine:
    """The lines about the machine, and whether torchrun is there to start several processes."""

    checks: tuple[Check, ...]
    torchrun: bool


def machine_checks(root: Path) -> Machine:
    """Look at the machine around the repository ``root``. Of logins only the presence is looked at."""
    torchrun = _torchrun()
    checks = (_cores(), _memory(), _disk(root), torchrun, _executors(), _hugging_face(), _wandb(), _formex(root))
    return Machine(checks, torchrun=torchrun.state != "missing")


def _cores() -> Check:
    cores = processors()
    if cores > 1:
        return Check("cores", "ok", str(cores))
    return Check("cores", "missing", "1", "the rehearsal's two processes share it", "a machine of 2 cores or more")


def memory_bytes() -> int:
    """The memory this process may use: the machine's, or the container's limit where that is lower."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file():
        value = limit.read_text().strip()
        if value.isdigit():
            memory = min(memory, int(value))
    return memory


def _memory() -> Check:
    memory = memory_bytes()
    found = f"{memory / GIB:.1f} GiB"
    if memory >= MEMORY_NEEDED:
        return Check("memory", "ok", found)
    return Check(
        "memory",
        "missing",
        found,
        f"make quickstart may need {MEMORY_NEEDED // GIB} GiB",
        "a larger machine; the data side works on this one",
    )


def _disk(root: Path) -> Check:
    free = shutil.disk_usage(root).free
    found = f"{free / GIB:.1f} GiB free at {root}"
    if free >= DISK_NEEDED:
        return Check("disk", "ok", found)
    return Check(
        "disk",
        "missing",
        found,
        f"the environment and the quickstart want {DISK_NEEDED // GIB} GiB",
        "free some, or give the commands an --output on another disk",
    )


def _torchrun() -> Check:
    on_path = shutil.which("torchrun")
    if on_path:
        return Check("torchrun", "ok", on_path)
    beside = Path(sys.executable).with_name("torchrun")
    if beside.is_file():
        return Check(
            "torchrun",
            "differs",
            f"{beside}, not on PATH",
            "`nemo llm` cannot start several processes",
            f'export PATH="{beside.parent}:$PATH"',
        )
    return Check("torchrun", "missing", "not there", "no training on more than one process", setup_command("cpu"))


def _executors() -> Check:
    """Where runs can be sent from here; programs are looked for, none is started."""
    if importlib.util.find_spec("nemo_run") is None:
        install = "pip install nemo-run leptonai -c requirements/constraints.txt"
        return Check("executors", "missing", "none", "jobs can't be sent to other machines", install)
    found = ["local"]
    if shutil.which("sbatch"):
        found.append("slurm")
    elif shutil.which("ssh") and shutil.which("rsync"):
        found.append("slurm over ssh")
    if shutil.which("docker"):
        found.append("docker")
    if importlib.util.find_spec("sky"):
        found.append("skypilot")
    return Check("executors", "ok", ", ".join(found))


def _hugging_face() -> Check:
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    if os.environ.get("HF_TOKEN") or (home / "token").is_file():
        return Check("Hugging Face login", "ok", "there")
    return Check(
        "Hugging Face login",
        "missing",
        "none",
        "gated checkpoints such as Llama 3.3 70B cannot be downloaded; the sample model needs none",
        "hf auth login",
    )


def _wandb() -> Check:
    if os.environ.get("WANDB_API_KEY") or _readable(_has_wandb_entry):
        return Check("Weights & Biases login", "ok", "there")
    return Check(
        "Weights & Biases login", "missing", "none", "curves stay in TensorBoard and offline W&B files", "wandb login"
    )


def _has_wandb_entry() -> bool:
    """Is there an entry for W&B in ~/.netrc? The key itself goes nowhere."""
    return "api.wandb.ai" in netrc.netrc().hosts


def _readable(question: Callable[[], bool]) -> bool:
    """The answer, or no where the file it is about is absent, unreadable or malformed."""
    try:
        return question()
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return False


def _formex(root: Path) -> Check:
    folder = root.parent / "shared" / "formex"
    if folder.is_dir():
        return Check("real FORMEX files", "ok", str(folder))
    return Check(
        "real FORMEX files",
        "missing",
        f"none at {folder}",
        "quickstart writes its own sample; the tests on real files are skipped",
        "FORMEX=PATH make quickstart takes yours",
    )
