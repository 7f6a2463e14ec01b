"""The GPUs that recipes and plans know: what each computes, holds and sends.

Imports neither torch nor NeMo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    ``capability`` is CUDA's compute capability. ``peaks`` are dense TFLOP/s by the type of a product's inputs
    (``bf16``, ``fp8``, ``nvfp4``); a type that is missing has no tensor cores. ``memory`` is in bytes what nvidia-smi
    shows: a B200 that is sold as one of 180 GB has 192.3e9. Rates are in bytes a second: ``bandwidth`` of its memory,
    ``nvlink`` to GPUs of its node and ``network`` to others, each in one direction.
    """

    name: str
    capability: tuple[int, int]
    peaks: Mapping[str, float]
    memory: float
    bandwidth: float
    nvlink: float
    network: float


def _gpu(
    name: str,
    capability: tuple[int, int],
    peaks: Mapping[str, float],
    memory_mib: int,
    bandwidth: float,
    nvlink: float,
    network: float,
) -> Gpu:
    return Gpu(name, capability, peaks, memory_mib * 2.0**20, bandwidth * 1e9, nvlink * 1e9, network * 1e9)


#: By name. Peaks, memory bandwidth and links (of which half go each way): NVIDIA's data sheets, peaks being half of
#: those "with sparsity"; memory in MiB as nvidia-smi shows it; network as in NVIDIA's reference systems, 200 to 800
#: Gbit/s a GPU.
GPUS = {
    gpu.name: gpu
    for gpu in (
        _gpu("a100", (8, 0), {"bf16": 312}, 81920, 2039, 300, 25),
        _gpu("l40s", (8, 9), {"bf16": 362, "fp8": 733}, 46068, 864, 32, 25),  # no NVLink: PCIe 4.0
        _gpu("h100", (9, 0), {"bf16": 989, "fp8": 1979}, 81559, 3350, 450, 50),
        _gpu("h200", (9, 0), {"bf16": 989, "fp8": 1979}, 143771, 4800, 450, 50),
        _gpu("b200", (10, 0), {"bf16": 2250, "fp8": 4500, "nvfp4": 9000}, 183359, 8000, 900, 50),
        _gpu("gb200", (10, 0), {"bf16": 2450, "fp8": 4900, "nvfp4": 9800}, 189471, 8000, 900, 50),
        _gpu("b300", (10, 3), {"bf16": 2250, "fp8": 4500, "nvfp4": 13500}, 275040, 8000, 900, 100),
        _gpu("gb300", (10, 3), {"bf16": 2500, "fp8": 5000, "nvfp4": 15000}, 284208, 8000, 900, 100),
    )
}
