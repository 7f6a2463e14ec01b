"""A linear layer in NVFP4: its forward, data gradient and weight gradient products, each on quantized inputs.

    forward           y  = x w^T      x in 1x16 blocks along its features          w in 16x16 blocks
    data gradient     dx = dy w       dy in 1x16 blocks along its features, SR     w in the same 16x16 blocks
    weight gradient   dw = dy^T x     dy^T and x^T in 1x16 blocks along the tokens, after the Hadamard transform; dy SR

SR is stochastic rounding; everything else is rounded to the nearest. Both forms of x and dy come from the unquantized
tensor. With 16x16 blocks off, w has 1x16 blocks along the dimension that its product sums over, and the forward and the
backward pass see two different matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from preprocessing.errors import RecipeError
from recipes.nvfp4.blocks import BLOCK, Nvfp4, product, quantize
from recipes.nvfp4.hadamard import spread

#: Returns uniform numbers from [0, 1) of a shape on a device.
Uniform = Callable[[torch.Size, torch.device], torch.Tensor]


@dataclass(frozen=True)
class Ingredients:
    """What NVFP4 training has beside the format; each can be switched off."""

    hadamard: bool = True
    stochastic_rounding: bool = True
    square_weight_blocks: bool = True


def linear(x: torch.Tensor, weight: torch.Tensor, ingredients: Ingredients, uniform: Uniform) -> torch.Tensor:
    """Return ``x @ weight.T`` in NVFP4, as differentiable as torch's own.

    Args:
        x: ... x K. All but the last dimension are tokens.
        weight: N x K; when it needs no gradient, its product is left out.
        ingredients: what is switched on.
        uniform: the random numbers of stochastic rounding; asked once in the backward pass for the data gradient, then
            once for the weight gradient.

    Raises:
        RecipeError: K or N (backward: or the tokens) are not a multiple of 16.
    """
    result: torch.Tensor = _Linear.apply(x, weight, ingredients, uniform)
    return result


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, ingredients: Ingredients, uniform: Uniform
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.ingredients, ctx.uniform = ingredients, uniform
        tokens = x.reshape(-1, x.shape[-1])
        y = product(quantize(tokens), quantize(weight, square=ingredients.square_weight_blocks), x.dtype)
        return y.view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        dy = gradients[0].reshape(-1, weight.shape[0])
        dx = dw = None
        if ctx.needs_input_grad[0]:
            back = quantize(weight.t().contiguous(), square=ctx.ingredients.square_weight_blocks)
            dx = product(_gradient(ctx, dy), back, x.dtype).view(x.shape)
        if ctx.needs_input_grad[1]:
            if dy.shape[0] % BLOCK:
                raise RecipeError(
                    f"NVFP4 sums weight gradients over blocks of {BLOCK} tokens, and a micro-batch of {dy.shape[0]} "
                    "does not divide; change data.seq_length or data.micro_batch_size"
                )
            down, across = dy.t().contiguous(), x.reshape(dy.shape[0], -1).t().contiguous()
            if ctx.ingredients.hadamard:
                down, across = spread(down), spread(across)
            dw = product(_gradient(ctx, down), quantize(across), weight.dtype)
        return dx, dw, None, None


def _gradient(ctx: Any, matrix: torch.Tensor) -> Nvfp4:
    noise = ctx.uniform(matrix.shape, matrix.device) if ctx.ingredients.stochastic_rounding else None
    return quantize(matrix, noise=noise)
