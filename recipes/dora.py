"""NeMo's DoRA, made right for tensor parallelism.

DoRA scales each row of W + BA to a trained length. In NeMo 2.7.3 (``peft/dora.py``) a rank takes the length of its own
part of a row where a layer's inputs are divided (attention's output, the MLP's second layer): each rank then scales the
common result by a factor of its own, the ranks' activations drift apart, and only the first rank's lengths are saved.
Here the length is that of the whole row, the same on every rank.
"""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

from dataclasses import dataclass
from typing import Any

import torch
from megatron.core import parallel_state
from megatron.core.tensor_parallel import gather_from_tensor_model_parallel_region
from megatron.core.transformer.mlp import apply_swiglu_sharded_factory
from nemo.collections.llm import peft
from nemo.collections.llm.peft.dora import DoRALinear
from torch import nn


class WholeRowDoRALinear(DoRALinear):
    """NeMo's DoRALinear with the length of whole rows, and a checkpoint that any tensor parallelism reads."""

    def __init__(self, to_wrap: nn.Module, adapter: Any) -> None:
        """As NeMo's; also tells Megatron how ranks share the lengths."""
        super().__init__(to_wrap, adapter)
        lengths = adapter.get_weight_magnitude()
        # where rows are divided, each rank has lengths of its own: they count in the norm of all gradients
        lengths.tensor_model_parallel = not adapter.input_is_parallel
        # where they are not, every rank has all lengths, but with sequence parallelism sees a part of the tokens
        lengths.sequence_parallel = adapter.input_is_parallel and adapter.config.sequence_parallel

    def _get_weight_norm(self) -> torch.Tensor:
        if not self.adapter.input_is_parallel:
            return super()._get_weight_norm()
        with torch.no_grad():  # a constant in the backward pass, as in the paper (section 4.3)
            outer = gather_from_tensor_model_parallel_region(self.adapter.linear_out.weight.T).T
            part = self.to_wrap.weight + self.scaling * outer @ self.adapter.linear_in.weight
            squares = part.float().square().sum(dim=1)
            torch.distributed.all_reduce(squares, group=parallel_state.get_tensor_model_parallel_group())
            return squares.sqrt().to(part.dtype)

    def sharded_state_dict(self, prefix: str = "", sharded_offsets: tuple = (), metadata: dict | None = None) -> Any:
        """As NeMo's, with all gate rows before all up rows, as the weights have them."""
        state = super().sharded_state_dict(prefix, sharded_offsets, metadata)
        if self.adapter.base_linear_name.endswith("linear_fc1"):
            key = f"{prefix}adapter.weight_magnitude"
            state[key] = apply_swiglu_sharded_factory(state[key], sharded_offsets)
        return state


@dataclass
class WholeRowDoRA(peft.DoRA):
    """DoRA whose layers are :class:`WholeRowDoRALinear`; the arguments are NeMo's."""

    def transform(self, m: nn.Module, name: str | None = None, prefix: str | None = None) -> nn.Module:
        """Put adapters beside the linear layer ``m``, if it is one of the target modules."""
        made = super().transform(m, name, prefix)
        return WholeRowDoRALinear(made.to_wrap, made.adapter) if isinstance(made, DoRALinear) else made
