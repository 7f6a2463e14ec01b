"""On a GPU the same numbers come out as on a CPU, and as out of Transformer Engine's own reference.

pytest -m gpu tests/recipes/nvfp4
"""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch

from recipes.nvfp4.blocks import quantize
from recipes.nvfp4.hadamard import spread
from tests.recipes.nvfp4.test_blocks import TENSORS, wide

pytestmark = pytest.mark.gpu

# where Transformer Engine keeps it, newest version first
REFERENCES = ("custom_recipes.reference_nvfp4", "custom_recipes.quantization_nvfp4", "experimental.quantization_nvfp4")


@pytest.mark.parametrize("square", [False, True], ids=["1x16", "16x16"])
@pytest.mark.parametrize("name", TENSORS)
def test_a_gpu_quantizes_as_a_cpu_does(name: str, square: bool) -> None:
    matrix = TENSORS[name]
    noise = torch.rand(matrix.shape)
    for chance in (None, noise):
        here = quantize(matrix, square, chance)
        there = quantize(matrix.cuda(), square, None if chance is None else chance.cuda())
        assert torch.equal(here.scaled, there.scaled.cpu())


def test_a_gpu_transforms_as_a_cpu_does() -> None:
    matrix = wide(64, 64)
    assert torch.allclose(spread(matrix), spread(matrix.cuda()).cpu(), rtol=1e-5, atol=1e-5 * float(matrix.abs().max()))


@pytest.mark.parametrize("tile", [(1, 16), (16, 16)], ids=["1x16", "16x16"])
@pytest.mark.parametrize("name", TENSORS)
def test_values_are_those_of_transformer_engine(name: str, tile: tuple[int, int]) -> None:
    theirs = transformer_engine_reference()
    matrix = TENSORS[name].cuda()
    rows, row_scales, columns, column_scales, *_ = theirs.NVFP4QuantizerRef(None, quant_tile_shape=tile)._quantize(
        matrix
    )
    for ours, codes, scales in (
        (matrix, rows, row_scales),
        (matrix.t().contiguous(), columns, column_scales),
    ):
        values = theirs.cast_from_fp4x2(codes, torch.float32)
        each = scales.float().reshape(len(values), -1).repeat_interleave(16, dim=1)
        assert torch.equal(quantize(ours, square=tile == (16, 16)).scaled, values * each)


def transformer_engine_reference() -> Any:
    for name in REFERENCES:
        try:
            return importlib.import_module(f"transformer_engine.pytorch.{name}")
        except ImportError:
            continue
    pytest.skip("no Transformer Engine with an NVFP4 reference")
