"""torch, the GPUs and the precisions they train in, Transformer Engine, Apex, NCCL and gloo."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sysconfig
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from tools.doctor.packages import SETS, setup_command
from tools.doctor.report import Check


@dataclass(frozen=True)
class Gpu:
    """The lines about accelerators; how many GPUs torch sees, which precisions train, and the collectives there are."""

    checks: tuple[Check, ...]
    devices: int = 0
    precisions: tuple[str, ...] = ()
    gloo: bool = False
    nccl: bool = False


def gpu_checks() -> Gpu:
    """Look at torch and what it sees; without torch, say so."""
    engine, apex = _transformer_engine(), _apex()
    try:
        with warnings.catch_warnings():
            # torch imports pynvml, whose deprecation notice is for torch's makers
            warnings.filterwarnings("ignore", message="The pynvml package", category=FutureWarning)
            import torch
            import torch.distributed as distributed
    except (ImportError, OSError) as error:  # OSError: a CUDA library that torch is linked against does not load
        absent = isinstance(error, ModuleNotFoundError) and error.name == "torch"
        found = "not installed" if absent else f"does not load: {error}"
        check = Check("torch", "missing", found, SETS["cpu"][1], setup_command("cpu"))
        return Gpu((check,))

    fuses = engine.state == "ok"
    devices = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    nccl = distributed.is_available() and distributed.is_nccl_available()
    gloo = distributed.is_available() and distributed.is_gloo_available()
    checks = [Check("torch", "ok", f"{torch.__version__}, {_build(torch)}"), *_device_checks(torch, devices)]
    checks += [engine, apex]
    version = f" {'.'.join(map(str, torch.cuda.nccl.version()))}" if nccl and devices else ""
    checks.append(_collective("NCCL", nccl, version, "GPUs cannot train together", "install the CUDA build of torch"))
    checks.append(_collective("gloo", gloo, "", "no rehearsal on the CPU", "install torch from its own wheel"))
    # GPUs of several generations: what all of them can
    able = [precisions(device.major, device.minor, fuses) for device in devices] or [("fp32", "bf16")]
    common = tuple(name for name in able[0] if all(name in others for others in able))
    return Gpu(tuple(checks), len(devices), common, gloo=gloo, nccl=nccl)


def precisions(major: int, minor: int, transformer_engine: bool) -> tuple[str, ...]:
    """What a GPU of compute capability ``major.minor`` trains in, the narrowest format first.

    NVFP4 and MXFP8 need the tensor cores of data-centre Blackwell (10.x; Transformer Engine has no MXFP8 for 12.x), FP8
    those of Ada (8.9), Hopper (9.0) or later, BF16 those of Ampere (8.0). FP8 and narrower run only through
    Transformer Engine.
    """
    names = ["fp32"]
    if (major, minor) >= (8, 0):
        names.insert(0, "bf16")
    if transformer_engine and (major, minor) >= (8, 9):
        names.insert(0, "fp8")
    if transformer_engine and major == 10:
        names[:0] = ["nvfp4", "mxfp8"]
    return tuple(names)


def _build(torch: Any) -> str:
    return f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"


def _device_checks(torch: Any, devices: list[Any]) -> list[Check]:
    if devices:
        return [
            Check(
                f"GPU {number}",
                "ok",
                f"{device.name}, {device.total_memory / 2**30:.0f} GiB, "
                f"compute capability {device.major}.{device.minor}, "
                f"with Transformer Engine: {', '.join(precisions(device.major, device.minor, True))}",
            )
            for number, device in enumerate(devices)
        ]
    cost = "training on the CPU only, small and slow (fp32, bf16)"
    if not _nvidia_smi_sees_one():
        return [Check("GPU", "missing", "none", cost, "a machine with NVIDIA GPUs; the rehearsal needs none")]
    fix = "PROFILE=gpu ./setup.sh with pip pointed at the CUDA build of torch"
    if torch.version.cuda:
        fix = f"a driver for CUDA {torch.version.cuda} (nvidia-smi shows yours); CUDA_VISIBLE_DEVICES must not be empty"
    return [Check("GPU", "missing", "nvidia-smi sees one, torch does not", cost, fix)]


def _nvidia_smi_sees_one() -> bool:
    command = shutil.which("nvidia-smi")
    if command is None:
        return False
    try:
        done = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.startswith("GPU ")


def _transformer_engine() -> Check:
    """Installed, and with the compiled PyTorch extension that Megatron calls (a separate file, built at install)."""
    cost = "no FP8, MXFP8 or NVFP4, and slower attention and norms: Megatron uses its local layers"
    fix = "./setup_gpu.sh on a GPU machine with nvcc, or the NeMo container"
    name = "Transformer Engine"
    try:
        version = metadata.version("transformer-engine")
    except metadata.PackageNotFoundError:
        return Check(name, "missing", "not installed", cost, fix)
    # pip puts the extension into site-packages, a build from source into the package
    extensions = [*Path(sysconfig.get_paths()["purelib"]).glob("transformer_engine_torch*.so")]
    package = importlib.util.find_spec("transformer_engine")
    if package and package.origin:
        extensions += Path(package.origin).parent.glob("**/transformer_engine_torch*.so")
    if extensions:
        return Check(name, "ok", f"{version}, with its PyTorch extension")
    return Check(name, "missing", f"{version}, without its PyTorch extension", cost, fix)


def _apex() -> Check:
    """NVIDIA's Apex, not the web toolkit that package indexes know by the same name."""
    name = "Apex"
    # NeMo switches the fusion on by Apex's extension alone (gpt/model/base.py), also for Transformer Engine's layers
    cost = "weight gradients are not added up inside their product: about 4 % of a layer's time (docs/gpu.md)"
    fix = "./setup_gpu.sh --with-apex"
    spec = importlib.util.find_spec("apex")
    if spec is None or not spec.submodule_search_locations:
        return Check(name, "missing", "not installed", cost, fix)
    # NVIDIA's has this subpackage; the other has none of that name
    if not any((Path(folder) / "multi_tensor_apply").is_dir() for folder in spec.submodule_search_locations):
        return Check(name, "missing", "another program of that name", cost, f"pip uninstall apex; then {fix}")
    if importlib.util.find_spec("fused_weight_gradient_mlp_cuda") is None:
        return Check(name, "missing", "NVIDIA's, built without its CUDA extensions", cost, fix)
    return Check(name, "ok", "NVIDIA's, with fused gradient accumulation")


def _collective(name: str, there: bool, version: str, cost: str, fix: str) -> Check:
    if there:
        return Check(name, "ok", f"in torch{version}")
    return Check(name, "missing", "not in this torch", cost, fix)
