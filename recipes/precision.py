"""A numeric format as NeMo and Megatron take it, and the check that this machine's GPU has it."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

from typing import Any

import nemo_run as run
import torch
from lightning.pytorch.callbacks import Callback
from nemo.lightning import MegatronMixedPrecision

from preprocessing.errors import UsageError
from recipes.formats import FORMATS, Format, format_named


def weight_type(choice: Format) -> torch.dtype:
    """Return the type in which weights, and activations between layers, are held."""
    return torch.float32 if choice.plugin is None else torch.bfloat16


def plugin(choice: Format, layers: int, bf16_gradients: bool) -> run.Config[MegatronMixedPrecision] | None:
    """Return NeMo's precision plugin for ``choice`` on a model of ``layers`` layers; None for FP32.

    ``bf16_gradients`` halves the gradient buffers.

    Raises:
        UsageError: the format would leave no layer for itself.
    """
    if choice.plugin is None:
        return None
    start, end = choice.layers_in_bf16(layers)
    in_bf16: dict[str, Any] = {}
    if start or end:
        in_bf16 = {
            "first_last_layers_bf16": True,
            "num_layers_at_start_in_bf16": start,
            "num_layers_at_end_in_bf16": end,
        }
    return run.Config(
        MegatronMixedPrecision,
        precision="bf16-mixed",
        params_dtype=torch.bfloat16,
        pipeline_dtype=torch.bfloat16,
        autocast_enabled=False,
        grad_reduce_in_fp32=not bf16_gradients,
        **choice.plugin,
        **in_bf16,
    )


def require(choice: Format) -> None:
    """Refuse a format that this machine has no arithmetic for.

    Raises:
        UsageError: names the GPU and the formats it can train in.
    """
    if not torch.cuda.is_available():
        if choice.needs_gpu:
            raise UsageError(f"{choice.name} needs a GPU; on a CPU use {' or '.join(_able(None))}")
        return
    capability = torch.cuda.get_device_capability()
    if not choice.runs_on(capability):
        raise UsageError(
            f"{torch.cuda.get_device_name()} (compute capability {capability[0]}.{capability[1]}) can't train in "
            f"{choice.name}; use {' or '.join(_able(capability))}"
        )


def _able(capability: tuple[int, int] | None) -> list[str]:
    return [name for name, other in FORMATS.items() if other.runs_on(capability)]


class GpuCanCompute(Callback):
    """:func:`require` in each rank, before the model is built: also where the launcher ran on another machine."""

    def __init__(self, precision_name: str) -> None:
        """``precision_name``: one of :data:`recipes.formats.FORMATS`."""
        self.precision_name = precision_name

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Raise UsageError where the format can't be computed."""
        require(format_named(self.precision_name))
