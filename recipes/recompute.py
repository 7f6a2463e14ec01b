"""Activation recomputation: what the forward pass does not keep is computed again in the backward pass."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from megatron.core.models.common.embeddings.language_model_embedding import LanguageModelEmbedding

from recipes.hardware import Layout


def recompute(layout: Layout) -> dict[str, object]:
    """Fields of the model's configuration that set what ``layout`` says: nothing, attention, or every layer."""
    if layout.recompute == "full":
        return {"recompute_granularity": "full", "recompute_method": "uniform", "recompute_num_layers": 1}
    if layout.recompute == "selective":
        return {"recompute_granularity": "selective"}
    return {}


class GradientsReachAdapters(Callback):
    """Lets whole layers be recomputed where only adapters are trained.

    A recomputed layer gets gradients only if its input asks for them, and what a frozen embedding gives does not: NeMo
    2.7.3 then fails at the first step ("element 0 of tensors does not require grad"). Here it does ask, for a gradient
    that nobody uses.
    """

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Mark the embedding's output, where layers are recomputed whole and this rank has the embedding."""
        for module in trainer.strategy.megatron_parallel.modules():
            if isinstance(module, LanguageModelEmbedding) and module.config.recompute_granularity == "full":
                module.register_forward_hook(_ask_for_gradient)


def _ask_for_gradient(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return output.requires_grad_() if torch.is_grad_enabled() else output
