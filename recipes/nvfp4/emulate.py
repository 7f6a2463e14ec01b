"""``--precision nvfp4-emulated``: the products of :mod:`recipes.nvfp4.linear` in the layers of Megatron's model.

The four linear layers of a transformer layer (qkv, attention's output, both of the MLP) compute in NVFP4, but for the
layers that stay BF16. Everything else is as in a BF16 run: embedding, output layer, norms, attention itself, adapters,
communication, the optimizer.
"""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import nemo_run as run
import torch
from lightning.pytorch.callbacks import Callback
from megatron.core import parallel_state
from megatron.core.fp8_utils import is_first_last_bf16_layer
from megatron.core.tensor_parallel import ColumnParallelLinear, RowParallelLinear
from megatron.core.tensor_parallel.mappings import (
    copy_to_tensor_model_parallel_region,
    gather_from_sequence_parallel_region,
)
from megatron.core.transformer.transformer_layer import TransformerLayer

from preprocessing.errors import RecipeError, UsageError
from recipes.nvfp4.linear import Ingredients, linear
from recipes.request import Request

#: Megatron's names of the linear layers that Transformer Engine's NVFP4 computes.
LINEARS = ("linear_qkv", "linear_proj", "linear_fc1", "linear_fc2")
#: Switches an ingredient off when it is 1: the variables that Transformer Engine reads, by our names.
SWITCHES = {
    "hadamard": "NVTE_NVFP4_DISABLE_RHT",
    "stochastic_rounding": "NVTE_NVFP4_DISABLE_STOCHASTIC_ROUNDING",
    "square_weight_blocks": "NVTE_NVFP4_DISABLE_2D_QUANTIZATION",
}


def emulation(request: Request, config: run.Config) -> list[run.Config]:
    """Return the callbacks of ``request``'s precision, none where nothing is emulated; prepare the model's ``config``.

    Raises:
        UsageError: a variable of :data:`SWITCHES` is neither 0 nor 1.
    """
    if not request.format.emulated:
        return []
    if request.hardware.gpu:
        config.transformer_layer_spec = layer_spec
    return [run.Config(EmulatedNvfp4, seed=request.stage.seed, **ingredients_of_environment())]


def ingredients_of_environment() -> dict[str, bool]:
    """Return what the variables of :data:`SWITCHES` leave switched on.

    Raises:
        UsageError: a variable is neither 0 nor 1. (Transformer Engine takes everything but 1 for 0.)
    """
    on = {}
    for name, variable in SWITCHES.items():
        value = os.environ.get(variable, "0")
        if value not in ("0", "1"):
            raise UsageError(f"{variable}={value}: set it to 1 to switch {name} off, or to 0")
        on[name] = value == "0"
    return on


def layer_spec(config: Any) -> Any:
    """Megatron's own linear layers on a GPU too, the rest of a layer from Transformer Engine where that is installed.

    Transformer Engine's linear layers hold their products in compiled code.
    """
    from nemo.collections.llm.gpt.model.base import HAVE_TE, local_layer_spec

    spec = local_layer_spec(config)
    if HAVE_TE:
        from megatron.core.extensions.transformer_engine import TEDotProductAttention, TENorm

        spec.submodules.input_layernorm = spec.submodules.pre_mlp_layernorm = TENorm
        spec.submodules.self_attention.submodules.core_attention = TEDotProductAttention
    return spec


@dataclass
class _Clock:
    """Which step it is, for all layers of a model."""

    step: int = 0


@dataclass
class _Product:
    """Stands in for the ``_forward_impl`` of one of Megatron's linear layers."""

    name: str  # unique in the model, the same under every pipeline layout
    ingredients: Ingredients
    clock: _Clock
    key: str  # seed and ranks
    _step: int = field(default=-1, init=False)
    _asked: int = field(default=0, init=False)

    def __call__(
        self,
        input: torch.Tensor,  # Megatron's names
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        gradient_accumulation_fusion: bool,
        allreduce_dgrad: bool,
        sequence_parallel: bool,
        tp_group: Any,
        **deferral: None,
    ) -> torch.Tensor:
        """Megatron's communication around our product. Fusion needs nothing here: a gradient that comes back the plain
        way is added up by Megatron itself.
        """
        if sequence_parallel:
            input = gather_from_sequence_parallel_region(input, tensor_parallel_output_grad=True, group=tp_group)
        elif allreduce_dgrad:
            input = copy_to_tensor_model_parallel_region(input, group=tp_group)
        output = linear(input, weight, self.ingredients, self.uniform)
        return output if bias is None else output + bias

    def uniform(self, shape: torch.Size, device: torch.device) -> torch.Tensor:
        """Random numbers that follow from key, step, layer and how often they were asked for in this step.

        Nothing is carried from one step to the next, so a resumed run draws what the first one drew.
        """
        if self.clock.step != self._step:
            self._step, self._asked = self.clock.step, 0
        self._asked += 1
        key = f"{self.key} {self.clock.step} {self.name} {self._asked}"
        seed = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)
        return torch.rand(shape, device=device, generator=torch.Generator(device).manual_seed(seed))


class EmulatedNvfp4(Callback):
    """Puts the emulation into the model before its first step. Which layers stay BF16 is in the precision plugin."""

    def __init__(
        self,
        seed: int,
        hadamard: bool = True,
        stochastic_rounding: bool = True,
        square_weight_blocks: bool = True,
    ) -> None:
        """``seed``: of stochastic rounding. The others: :class:`recipes.nvfp4.linear.Ingredients`."""
        self.seed = seed
        self.hadamard = hadamard
        self.stochastic_rounding = stochastic_rounding
        self.square_weight_blocks = square_weight_blocks
        self._clock = _Clock()

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Replace the products; adapters, which may be wrapped around them later, stay as they are.

        Raises:
            RecipeError: a layer is of a kind that can't be emulated.
        """
        ingredients = Ingredients(self.hadamard, self.stochastic_rounding, self.square_weight_blocks)
        # not the stage of the pipeline: a layer draws the same in every one
        ranks = (
            parallel_state.get_data_parallel_rank(with_context_parallel=True),
            parallel_state.get_tensor_model_parallel_rank(),
        )
        count = 0
        for name, module in quantized_linears(trainer.strategy.megatron_parallel):
            module._forward_impl = _Product(name, ingredients, self._clock, f"{self.seed} {ranks}")
            count += 1
        if trainer.is_global_zero:
            print(f"nvfp4-emulated: {count} linear layers of rank 0, {ingredients}", file=sys.stderr)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Set the clock."""
        self._clock.step = trainer.global_step


def quantized_linears(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yield name and module of each linear layer of this rank that computes in NVFP4.

    Raises:
        RecipeError: a layer is not Megatron's own.
    """
    for layer in model.modules():
        # numbers start at 1 and count through the whole model, over all stages of a pipeline
        if not isinstance(layer, TransformerLayer) or is_first_last_bf16_layer(layer.config, layer.layer_number - 1):
            continue
        for path, module in layer.named_modules():
            kind = path.removesuffix(".to_wrap").rpartition(".")[2]
            if kind not in LINEARS or hasattr(module, "to_wrap"):
                continue
            if not isinstance(module, (ColumnParallelLinear, RowParallelLinear)):
                raise RecipeError(
                    f"layer {layer.layer_number}: {kind} is a {type(module).__name__}, and NVFP4 can be emulated in "
                    "Megatron's own linear layers only"
                )
            yield f"layer {layer.layer_number} {kind}", module
