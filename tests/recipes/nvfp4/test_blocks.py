"""A tensor is scaled and rounded block by block as the written reference says, value by value."""

from __future__ import annotations

import pytest
import torch

from preprocessing.errors import RecipeError
from recipes.nvfp4.blocks import product, quantize
from tests.recipes.nvfp4 import reference


def wide(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    """Values over many orders of magnitude, as gradients are."""
    generator = torch.Generator().manual_seed(seed)
    shape = rows, columns
    return torch.randn(shape, generator=generator) * torch.exp(3 * torch.randn(shape, generator=generator))


def outlier() -> torch.Tensor:
    values = wide(32, 48)
    values[5, 7] = 1e6  # most blocks' scales fall below the smallest of E4M3
    return values


TENSORS = {
    "wide": wide(48, 64),
    "bf16": wide(32, 64, seed=1).to(torch.bfloat16),
    "outlier": outlier(),
    "zeros": torch.zeros(16, 32),
    "some blocks zero": wide(32, 32) * (torch.arange(32) < 16),
    "huge": wide(16, 32) * 1e33,
    "tiny": wide(16, 32) * 1e-36,
}


@pytest.mark.parametrize("square", [False, True], ids=["1x16", "16x16"])
@pytest.mark.parametrize("name", TENSORS)
def test_every_value_is_that_of_the_reference(name: str, square: bool) -> None:
    matrix = TENSORS[name]
    ours = quantize(matrix, square=square)
    assert ours.scaled.tolist() == reference.quantized(matrix, square).tolist()
    assert torch.allclose(ours.values().double(), torch.from_numpy(reference.dequantized(matrix, square)), rtol=1e-6)


def test_every_stochastically_rounded_value_is_that_of_the_reference() -> None:
    matrix = wide(48, 64)
    noise = torch.rand(matrix.shape, generator=torch.Generator().manual_seed(3))
    assert quantize(matrix, noise=noise).scaled.tolist() == reference.quantized(matrix, noise=noise).tolist()


def test_square_blocks_make_a_matrix_and_its_transpose_the_same_numbers() -> None:
    matrix = wide(48, 64)
    assert torch.equal(quantize(matrix, square=True).scaled, quantize(matrix.t().contiguous(), square=True).scaled.t())
    assert not torch.equal(quantize(matrix).scaled, quantize(matrix.t().contiguous()).scaled.t())


def test_bf16_holds_what_a_tensor_core_multiplies() -> None:
    scaled = quantize(wide(48, 64)).scaled
    assert torch.equal(scaled, scaled.to(torch.bfloat16).to(torch.float32))


def test_a_value_that_is_not_a_number_is_not_hidden() -> None:
    matrix = wide(16, 32)
    matrix[0, 0] = torch.nan
    assert quantize(matrix).values().isnan().any()


@pytest.mark.parametrize(("rows", "columns", "square"), [(16, 40, False), (16, 40, True), (24, 32, True)])
def test_what_does_not_divide_into_blocks_is_refused(rows: int, columns: int, square: bool) -> None:
    with pytest.raises(RecipeError, match=rf"blocks of 16 values, and a matrix of {rows} x {columns} does not divide"):
        quantize(torch.ones(rows, columns), square=square)


def test_a_product_is_that_of_the_quantized_values() -> None:
    left, right = wide(32, 64), wide(48, 64, seed=1)
    exact = torch.from_numpy(reference.dequantized(left) @ reference.dequantized(right, square=True).T)
    ours = product(quantize(left), quantize(right, square=True), torch.float32)
    assert torch.allclose(ours.double(), exact, rtol=1e-5, atol=1e-5 * float(exact.abs().max()))
