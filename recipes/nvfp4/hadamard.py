"""The random Hadamard transform of NVFP4 training: 16 neighbours become 16 sums of all of them with signs.

An outlier is spread over its block, so that it no longer sets a scale at which its neighbours vanish. The transform is
orthogonal: on both inputs of a product, along the dimension that is summed over, it leaves the product as it was.
"""

from __future__ import annotations

import functools

import torch

from recipes.nvfp4.blocks import BLOCK

#: One row of random signs for all layers and steps, as the paper has it; these are Transformer Engine's.
SIGNS = (1, 1, 1, -1, 1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, -1)


@functools.lru_cache(maxsize=4)
def transform(device: torch.device) -> torch.Tensor:
    """The orthogonal 16 x 16 matrix (FP32): signs on the diagonal times Sylvester's Hadamard matrix, divided by 4."""
    index = torch.arange(BLOCK)
    # Sylvester: the sign at (i, j) is the parity of the bits that i and j have in common
    shared = index[:, None] & index[None, :]
    odd = sum((shared >> bit) & 1 for bit in range(4)) % 2
    signs = torch.tensor(SIGNS, dtype=torch.float32)
    return (signs[:, None] * (1.0 - 2.0 * odd) / BLOCK**0.5).to(device)


def spread(matrix: torch.Tensor) -> torch.Tensor:
    """Transform each 16 neighbours along the rows of ``matrix`` (columns a multiple of 16); rounded to its type."""
    blocks = matrix.to(torch.float32).reshape(-1, BLOCK)
    return (blocks @ transform(matrix.device)).view(matrix.shape).to(matrix.dtype)
