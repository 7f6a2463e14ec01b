"""The Hadamard transform spreads an outlier over its block and leaves products as they are."""

from __future__ import annotations

import torch

from recipes.nvfp4.blocks import quantize
from recipes.nvfp4.hadamard import spread
from tests.recipes.nvfp4 import reference


def test_the_transform_is_that_of_the_reference() -> None:
    matrix = torch.randn(32, 64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(spread(matrix), reference.transformed(matrix), atol=1e-6)
    in_bf16 = matrix.to(torch.bfloat16)
    assert spread(in_bf16).dtype is torch.bfloat16
    # both round once, from sums that may differ in the last digit
    assert torch.allclose(spread(in_bf16).float(), reference.transformed(in_bf16).float(), rtol=2**-7, atol=1e-6)


def test_an_outlier_becomes_sixteen_equal_values() -> None:
    matrix = torch.zeros(2, 32)
    matrix[0, 5] = 8.0
    assert torch.equal(spread(matrix)[0].abs(), torch.tensor([2.0] * 16 + [0.0] * 16))
    assert not spread(matrix)[1].any()


def test_a_product_over_transformed_neighbours_is_the_same_product() -> None:
    left, right = torch.randn(2, 32, 64, generator=torch.Generator().manual_seed(0)).unbind()
    assert torch.allclose(spread(left) @ spread(right).t(), left @ right.t(), atol=1e-4)


def test_values_beside_an_outlier_survive_quantization() -> None:
    matrix = torch.full((1, 16), 0.01)
    matrix[0, 0] = 1.0
    assert not quantize(matrix).values()[0, 1:].any()
    back = spread_back(quantize(spread(matrix)).values())
    assert (back[0, 1:] - 0.01).abs().mean() < 0.05


def spread_back(matrix: torch.Tensor) -> torch.Tensor:
    """The inverse: the transform is orthogonal, so it is its transpose."""
    inverse = torch.linalg.inv(spread(torch.eye(16)))
    return matrix @ inverse
