"""Numeric formats by name: what each asks of Megatron, of the optimizer and of the GPU."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

from dataclasses import dataclass, field
from typing import Any

import nemo_run as run
import torch
from lightning.pytorch.callbacks import Callback
from nemo.lightning import MegatronMixedPrecision

from preprocessing.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Precision:
    """One numeric format.

    ``capability`` is the lowest CUDA compute capability whose tensor cores have it; ``plugin`` the arguments of
    NeMo's MegatronMixedPrecision, None for plain FP32.
    """

    name: str
    capability: tuple[int, int]
    plugin: dict[str, Any] | None = field(default_factory=dict)

    def runs_on(self, capability: tuple[int, int]) -> bool:
        """Whether a GPU of this compute capability has it; the block-scaled formats are for Blackwell (10.x) only."""
        if self.capability >= (10, 0):
            return capability[0] == 10
        return capability >= self.capability

    @property
    def weights(self) -> torch.dtype:
        """The type in which weights and activations between layers are held."""
        return torch.float32 if self.plugin is None else torch.bfloat16


PRECISIONS = {
    precision.name: precision
    for precision in (
        Precision("fp32", (0, 0), None),
        Precision("bf16", (8, 0)),
        # Blackwell: block-scaled 8 bits (one E8M0 scale for 32 values)
        Precision("mxfp8", (10, 0), {"fp8": "hybrid", "fp8_recipe": "mxfp8"}),
        # Blackwell, arXiv 2509.25149: the last ~15 % of the layers stay BF16 (12 of 80), they matter most
        Precision(
            "nvfp4",
            (10, 0),
            {
                "fp4": "e2m1",
                "fp4_recipe": "nvfp4",
                "first_last_layers_bf16": True,
                "num_layers_at_start_in_bf16": 0,
                "num_layers_at_end_in_bf16": 12,
            },
        ),
    )
}


def precision(name: str) -> Precision:
    """Return the format called ``name``.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in PRECISIONS:
        raise UsageError(f"unknown precision '{name}'.{did_you_mean(name, PRECISIONS)}")
    return PRECISIONS[name]


def plugin(choice: Precision, bf16_gradients: bool) -> run.Config[MegatronMixedPrecision] | None:
    """NeMo's precision plugin for ``choice``; ``bf16_gradients`` halves the gradient buffers."""
    if choice.plugin is None:
        return None
    return run.Config(
        MegatronMixedPrecision,
        precision="bf16-mixed",
        params_dtype=torch.bfloat16,
        pipeline_dtype=torch.bfloat16,
        autocast_enabled=False,
        grad_reduce_in_fp32=not bf16_gradients,
        **choice.plugin,
    )


def require(choice: Precision) -> None:
    """Refuse a format that this machine has no tensor cores for.

    Raises:
        UsageError: names the GPU and the formats it can train in.
    """
    if not torch.cuda.is_available():
        if choice.capability >= (8, 9):
            raise UsageError(f"{choice.name} needs a GPU; on a CPU use fp32 or bf16")
        return
    capability = torch.cuda.get_device_capability()
    if not choice.runs_on(capability):
        able = [name for name, other in PRECISIONS.items() if other.runs_on(capability)]
        raise UsageError(
            f"{torch.cuda.get_device_name()} (compute capability {capability[0]}.{capability[1]}) can't train in "
            f"{choice.name}; use {' or '.join(able)}"
        )


class GpuCanCompute(Callback):
    """:func:`require` in each rank, before the model is built: also where the launcher ran on another machine."""

    def __init__(self, precision_name: str) -> None:
        """``precision_name``: one of :data:`PRECISIONS`."""
        self.precision_name = precision_name

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Raise UsageError where the format can't be computed."""
        require(precision(self.precision_name))
