"""Numeric formats of training by name: which GPUs compute in them, and which layers of a model they leave in BF16.

Imports neither torch nor NeMo: what a GPU can do is also asked where none is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from preprocessing.errors import UsageError, did_you_mean
from recipes.gpus import GPUS

#: Compute capability of the GPUs that a hardware profile may name.
CHIPS = {name: gpu.capability for name, gpu in GPUS.items()}
CPU = "cpu"
#: Stands for the best format that the hardware has.
AUTO = "auto"

_HOPPER, _BLACKWELL = (9,), (10,)


@dataclass(frozen=True)
class Format:
    """One numeric format.

    ``capability`` is the lowest CUDA compute capability that has it, ``generations`` the only major versions that do
    (empty: all from there on). ``needs_gpu``: there is no such arithmetic on a CPU. ``emulated``: computed in BF16 and
    FP32 on values rounded to the format (recipes/nvfp4), to see what it does to a loss. ``plugin``: arguments of NeMo's
    MegatronMixedPrecision, None for plain FP32. ``bf16_at_start`` layers stay BF16 at the model's start; at its end
    ``bf16_at_end`` do, below 1 a share of all.
    """

    name: str
    about: str
    capability: tuple[int, int] = (8, 0)
    generations: tuple[int, ...] = ()
    needs_gpu: bool = True
    emulated: bool = False
    plugin: dict[str, Any] | None = field(default_factory=dict)
    bf16_at_start: int = 0
    bf16_at_end: float = 0.0

    @property
    def nvfp4(self) -> bool:
        """Whether products are in NVFP4, or in its emulation."""
        return self.emulated or "fp4" in (self.plugin or {})

    @property
    def scaling(self) -> str | None:
        """``nvfp4``, also for its emulation, or Transformer Engine's name of an FP8 recipe; None in 16 and 32 bits."""
        return "nvfp4" if self.nvfp4 else (self.plugin or {}).get("fp8_recipe")

    def runs_on(self, capability: tuple[int, int] | None) -> bool:
        """Whether a GPU of this compute capability computes in it (None: a CPU)."""
        if capability is None:
            return not self.needs_gpu
        return capability >= self.capability and (not self.generations or capability[0] in self.generations)

    def layers_in_bf16(self, layers: int) -> tuple[int, int]:
        """Return how many of a model's ``layers`` stay BF16 at its start and at its end.

        Raises:
            UsageError: none would be left.
        """
        end = math.ceil(self.bf16_at_end * layers) if self.bf16_at_end < 1 else int(self.bf16_at_end)
        if (self.bf16_at_start or end) and self.bf16_at_start + end >= layers:
            raise UsageError(
                f"{self.name} keeps {self.bf16_at_start} + {end} layers in BF16, and the model has only {layers}; "
                "use bf16"
            )
        return self.bf16_at_start, end


_LAST_LAYERS = 0.15  # arXiv 2509.25149: about 15 % of the linear layers, the last ones, which matter most

FORMATS = {
    item.name: item
    for item in (
        Format("fp32", "plain FP32", capability=(0, 0), needs_gpu=False, plugin=None),
        Format("bf16", "BF16 compute and weights", needs_gpu=False),
        Format(
            "fp8-delayed",
            "8 bits, one scale a tensor from the largest value of the last 1024 steps",
            capability=(8, 9),
            plugin={
                "fp8": "hybrid",  # E4M3 forward, E5M2 for gradients
                "fp8_recipe": "delayed",
                "fp8_amax_history_len": 1024,
                "fp8_amax_compute_algo": "max",
            },
        ),
        # NeMo's own recipe of that name leaves the first and the last layer in BF16 as well
        Format(
            "fp8-current",
            "8 bits, one scale a tensor from the tensor itself; first and last layer BF16",
            capability=(8, 9),
            plugin={"fp8": "hybrid", "fp8_recipe": "tensorwise"},
            bf16_at_start=1,
            bf16_at_end=1,
        ),
        Format(
            "fp8-blockwise",
            "8 bits, a scale for 128 values (128 x 128 for weights)",
            capability=(9, 0),
            generations=_HOPPER,
            plugin={"fp8": "e4m3", "fp8_recipe": "blockwise"},
        ),
        Format(
            "mxfp8",
            "8 bits, an E8M0 scale for 32 values",
            capability=(10, 0),
            generations=_BLACKWELL,
            plugin={"fp8": "e4m3", "fp8_recipe": "mxfp8"},
        ),
        Format(
            "nvfp4",
            "4 bits (E2M1), an E4M3 scale for 16 values; the last 15 % of the layers BF16",
            capability=(10, 0),
            generations=_BLACKWELL,
            plugin={"fp4": "e2m1", "fp4_recipe": "nvfp4"},
            bf16_at_end=_LAST_LAYERS,
        ),
        Format(
            "nvfp4-emulated",
            "what nvfp4 computes, on a CPU or a GPU from Ampere on; slow, for rehearsals",
            needs_gpu=False,
            emulated=True,
            bf16_at_end=_LAST_LAYERS,
        ),
    )
}
#: What ``auto`` takes, the fastest first.
BEST = ("nvfp4", "fp8-current", "bf16")


def format_named(name: str) -> Format:
    """Return the format called ``name``.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in FORMATS:
        raise UsageError(f"unknown precision '{name}'.{did_you_mean(name, [*FORMATS, AUTO])}")
    return FORMATS[name]


def best_format(chip: str) -> str:
    """Return the name of the fastest format that ``chip`` (of :data:`CHIPS`, or ``cpu``) has."""
    if chip == CPU:
        return "fp32"  # exact enough to compare losses between runs and with Hugging Face
    return next(name for name in BEST if FORMATS[name].runs_on(CHIPS[chip]))


def require_chip(choice: Format, chip: str) -> None:
    """Refuse a format that ``chip`` has no arithmetic for.

    Raises:
        UsageError: names those that it has.
    """
    capability = None if chip == CPU else CHIPS[chip]
    if not choice.runs_on(capability):
        able = [name for name, other in FORMATS.items() if other.runs_on(capability)]
        raise UsageError(f"{chip.upper()} can't train in {choice.name}; use {' or '.join(able)}")
