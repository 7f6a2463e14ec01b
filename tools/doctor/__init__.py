"""What is on this machine, what that switches on, and how to get what is missing.

    python launch.py doctor

Answers in a few seconds, with or without torch: versions are read from the packages' metadata, NeMo and Megatron are
never imported.
"""

from __future__ import annotations

from pathlib import Path

from tools.doctor.gpu import gpu_checks
from tools.doctor.machine import machine_checks
from tools.doctor.packages import package_checks, python_check
from tools.doctor.report import Ability, Check, DoctorReport

__all__ = ["Ability", "Check", "DoctorReport", "doctor"]

ROOT = Path(__file__).parents[2]


def doctor(root: Path = ROOT) -> DoctorReport:
    """Look at the machine and at the repository in ``root``; install, write and send nothing."""
    python = python_check()
    packages = package_checks(root / "requirements")
    gpu = gpu_checks()
    machine = machine_checks(root)
    checks = (python, *packages.checks, *gpu.checks, *machine.checks)

    data = [] if python.state == "ok" else ["Python 3.10 to 3.12"]
    data += packages.absent("base")
    rehearsal = data + packages.absent("cpu")
    rehearsal += [need for need, there in (("gloo", gpu.gloo), ("torchrun", machine.torchrun)) if not there]
    training = data + packages.absent("cpu")
    needs = (("a GPU that torch sees", gpu.devices > 0), ("NCCL", gpu.nccl), ("torchrun", machine.torchrun))
    training += [need for need, there in needs if not there]
    return DoctorReport(
        checks=checks,
        abilities=(
            Ability("data side", "parse, preprocess, sft-data, test-set", tuple(data)),
            Ability("CPU rehearsal", "the whole job, small, on this CPU: make quickstart", tuple(rehearsal)),
            Ability("GPU training", "cpt and sft on this machine's GPUs", tuple(training)),
        ),
        precisions=gpu.precisions,
    )
