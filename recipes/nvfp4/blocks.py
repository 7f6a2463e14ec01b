"""A tensor in NVFP4: E2M1 values, an E4M3 scale for each block of them, one FP32 scale for the tensor.

The scales and their order of operations are those of arXiv 2509.25149 (appendix on quantization) and of Transformer
Engine's ``NVFP4BlockScaling``: the tensor scale lets the largest block scale be 448, the largest value of a block
becomes 6, and the values are divided by the scale as it was rounded, not as it should have been.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from preprocessing.errors import RecipeError
from recipes.nvfp4.grids import E2M1_MAX, E4M3_MAX, round_e2m1, round_e4m3

BLOCK = 16
_FULL = E2M1_MAX * E4M3_MAX
_FP32_MAX = torch.finfo(torch.float32).max


@dataclass(frozen=True)
class Nvfp4:
    """A quantized matrix. ``scaled`` (FP32, the matrix's shape) is the product of each E2M1 value and the E4M3 scale of
    its block, which FP32, and BF16 too, hold exactly; ``amax`` (FP32, no dimensions) is the largest magnitude of the
    tensor, and ``amax / 2688`` its tensor scale.
    """

    scaled: torch.Tensor
    amax: torch.Tensor

    def values(self) -> torch.Tensor:
        """What the matrix stands for, in FP32."""
        return self.scaled * (self.amax / _FULL)


def quantize(matrix: torch.Tensor, square: bool = False, noise: torch.Tensor | None = None) -> Nvfp4:
    """Quantize ``matrix`` in blocks of 16 values along its rows.

    Args:
        matrix: two dimensions, any floating type.
        square: blocks of 16 x 16 instead, so that the matrix and its transpose are the same numbers.
        noise: as in :func:`recipes.nvfp4.grids.round_e2m1`, of the matrix's shape.

    Raises:
        RecipeError: its columns (``square``: or rows) are not a multiple of 16.
    """
    rows, columns = matrix.shape
    if columns % BLOCK or (square and rows % BLOCK):
        raise RecipeError(f"NVFP4 takes blocks of {BLOCK} values, and a matrix of {rows} x {columns} does not divide")
    blocks = matrix.to(torch.float32).reshape(-1, BLOCK)
    block_amax = blocks.abs().amax(dim=1, keepdim=True)
    if square:  # each row of a square has the square's
        squares = block_amax.view(rows // BLOCK, BLOCK, columns // BLOCK).amax(dim=1)
        block_amax = squares.repeat_interleave(BLOCK, dim=0).view(-1, 1)
    amax = block_amax.max()
    encode = _tensor_encode_scale(amax)
    scales = round_e4m3((block_amax / E2M1_MAX * encode).clamp(max=_FP32_MAX))
    # a block whose scale is rounded to zero is zero, whatever its values are multiplied by
    to_e2m1 = (1.0 / (scales * (1.0 / encode))).clamp(max=_FP32_MAX)
    rounded = round_e2m1(blocks * to_e2m1, None if noise is None else noise.view(-1, BLOCK))
    return Nvfp4(rounded.mul_(scales).view(rows, columns), amax)


def _tensor_encode_scale(amax: torch.Tensor) -> torch.Tensor:
    # two tensors: torch divides a number by a tensor as number x (1 / tensor), which is rounded twice
    encode = (torch.full_like(amax, _FULL) / amax).clamp(max=_FP32_MAX)  # a tensor of zeros: any number will do
    return torch.where(encode == 0, torch.ones_like(encode), encode)  # infinite values: they come out as such


def product(left: Nvfp4, right: Nvfp4, dtype: torch.dtype) -> torch.Tensor:
    """Return ``left @ right.T`` as ``dtype``: added up in FP32, then scaled, then rounded once, as tensor cores do.

    ``left`` is M x K, ``right`` N x K, both in blocks along K.
    """
    sums = left.scaled @ right.scaled.t()
    return (sums * (left.amax * right.amax / (_FULL * _FULL))).to(dtype)
