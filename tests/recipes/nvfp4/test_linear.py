"""The three products of a linear layer, each ingredient on and off, against the written reference."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from preprocessing.errors import RecipeError
from recipes.nvfp4.linear import Ingredients, linear
from tests.recipes.nvfp4.reference import dequantized, transformed

TOKENS, IN, OUT = 32, 48, 64
ALL = Ingredients()
SWITCHED = {
    "all on": ALL,
    **{f"no {part.name}": dataclasses.replace(ALL, **{part.name: False}) for part in dataclasses.fields(Ingredients)},
    "all off": Ingredients(hadamard=False, stochastic_rounding=False, square_weight_blocks=False),
}


def uniform_from(seed: int) -> Callable[[torch.Size, torch.device], torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda shape, device: torch.rand(shape, generator=generator)


def tensors(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inputs, weights and the gradient of the outputs, with outliers."""
    generator = torch.Generator().manual_seed(0)
    x, weight, dy = (
        torch.randn(shape, generator=generator) * torch.exp(torch.randn(shape, generator=generator))
        for shape in ((TOKENS, IN), (OUT, IN), (TOKENS, OUT))
    )
    return x.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_(), dy.to(dtype)


def close(ours: torch.Tensor | None, exact: np.ndarray) -> bool:
    assert ours is not None
    return torch.allclose(ours.double(), torch.from_numpy(exact), rtol=1e-4, atol=1e-5 * float(np.abs(exact).max()))


def computed(on: Ingredients, seed: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The outputs, and the gradients of inputs and weights."""
    x, weight, dy = tensors()
    y = linear(x, weight, on, uniform_from(seed))
    y.backward(dy)
    assert x.grad is not None
    assert weight.grad is not None
    return y.detach(), x.grad, weight.grad


@pytest.mark.parametrize("name", SWITCHED)
def test_all_three_products_are_those_of_the_reference(name: str) -> None:
    on = SWITCHED[name]
    x, weight, dy = (tensor.detach() for tensor in tensors())
    rows = columns = None
    if on.stochastic_rounding:
        chance = uniform_from(5)
        rows, columns = (chance(torch.Size(shape), x.device) for shape in ((TOKENS, OUT), (OUT, TOKENS)))
    down, across = dy.t().contiguous(), x.t().contiguous()
    if on.hadamard:
        down, across = transformed(down), transformed(across)
    square = on.square_weight_blocks
    y, dx, dw = computed(on)
    assert close(y, dequantized(x) @ dequantized(weight, square).T)
    assert close(dx, dequantized(dy, noise=rows) @ dequantized(weight.t().contiguous(), square).T)
    assert close(dw, dequantized(down, noise=columns) @ dequantized(across).T)


@pytest.mark.parametrize(
    ("switch", "changed"),
    [
        ("hadamard", (False, False, True)),
        ("stochastic_rounding", (False, True, True)),
        ("square_weight_blocks", (True, True, False)),
    ],
)
def test_an_ingredient_touches_its_own_products_only(switch: str, changed: tuple[bool, ...]) -> None:
    with_it, without = computed(ALL), computed(dataclasses.replace(ALL, **{switch: False}))
    assert tuple(not torch.equal(one, other) for one, other in zip(with_it, without, strict=True)) == changed


def test_stochastic_rounding_gives_the_gradient_of_the_quantized_weights_on_average() -> None:
    _, weight, dy = (tensor.detach() for tensor in tensors())
    exact = dy.double() @ torch.from_numpy(dequantized(weight, square=True))

    def error(dx: torch.Tensor) -> float:
        return float((dx.double() - exact).norm() / exact.norm())

    mean = torch.stack([computed(ALL, seed)[1] for seed in range(100)]).mean(dim=0)
    nearest = computed(dataclasses.replace(ALL, stochastic_rounding=False))[1]
    assert error(mean) < 0.3 * error(nearest)


def test_bf16_in_gives_bf16_out() -> None:
    x, weight, dy = tensors(torch.bfloat16)
    y = linear(x.view(4, 8, IN), weight, ALL, uniform_from(0))
    y.backward(dy.view(4, 8, OUT))
    assert (y.shape, y.dtype) == ((4, 8, OUT), torch.bfloat16)
    for leaf in (x, weight):
        assert leaf.grad is not None
        assert (leaf.grad.shape, leaf.grad.dtype) == (leaf.shape, torch.bfloat16)


def test_frozen_weights_get_no_gradient_and_no_noise_is_spent_on_them() -> None:
    x, weight, dy = tensors()
    asked = []

    def uniform(shape: torch.Size, device: torch.device) -> torch.Tensor:
        asked.append(tuple(shape))
        return torch.zeros(shape)

    linear(x, weight.detach(), ALL, uniform).backward(dy)
    assert asked == [(TOKENS, OUT)]
    assert weight.grad is None


def test_a_micro_batch_that_is_no_multiple_of_16_tokens_is_refused() -> None:
    x, weight, dy = tensors()
    y = linear(x[:20], weight, ALL, uniform_from(0))
    with pytest.raises(RecipeError, match=r"micro-batch of 20 does not divide; change data\.seq_length"):
        y.backward(dy[:20])
