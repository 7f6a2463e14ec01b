"""NVFP4 once more, slowly: from the bit patterns of its grids, one number after the other, in exact fractions where the
format is exact and in single FP32 operations where the method says FP32. Shares no code with ``recipes/nvfp4``.

Sources: E2M1 in OCP Microscaling Formats 1.0, section 5.3.3; E4M3 in OCP 8-bit Floating Point 1.0, section 5.1; scales,
blocks and transform in arXiv 2509.25149 and in the Python reference of Transformer Engine's NVFP4 tests.
"""

from __future__ import annotations

import bisect
import math
from fractions import Fraction

import numpy as np
import torch

F32 = np.float32
LARGEST = F32(np.finfo(np.float32).max)


def _grid(exponent_bits: int, mantissa_bits: int, bias: int, codes: int) -> list[Fraction]:
    """The magnitudes of a small format by their code (the bits without the sign)."""
    grid = []
    for code in range(codes):
        exponent, mantissa = code >> mantissa_bits, Fraction(code & ((1 << mantissa_bits) - 1), 1 << mantissa_bits)
        if exponent == 0:
            grid.append(mantissa * Fraction(2) ** (1 - bias))
        else:
            grid.append((1 + mantissa) * Fraction(2) ** (exponent - bias))
    assert exponent < 1 << exponent_bits
    return grid


E2M1 = _grid(2, 1, bias=1, codes=8)
E4M3 = _grid(4, 3, bias=7, codes=127)  # code 127 is NaN


def nearest(grid: list[Fraction], value: float) -> float:
    """The entry nearest to ``value``; of two that are equally near the one with the even code; signs stay."""
    magnitude = abs(Fraction(value))
    above = bisect.bisect(grid, magnitude)
    code = min(
        range(len(grid))[max(0, above - 1) : above + 1], key=lambda code: (abs(grid[code] - magnitude), code % 2)
    )
    return math.copysign(float(grid[code]), value)


def by_chance(value: float, noise: float) -> float:
    """The neighbour in E2M1 that ``noise`` picks: the one farther from zero when it is below the value's share of the
    way there.
    """
    magnitude = min(abs(Fraction(value)), E2M1[-1])
    lower = max(entry for entry in E2M1 if entry <= magnitude)
    if lower != magnitude:
        upper = min(entry for entry in E2M1 if entry > magnitude)
        if Fraction(noise) < (magnitude - lower) / (upper - lower):
            lower = upper
    return math.copysign(float(lower), value)


def quantized(matrix: torch.Tensor, square: bool = False, noise: torch.Tensor | None = None) -> np.ndarray:
    """What ``matrix`` stands for after quantization, before the tensor scale: E2M1 value times E4M3 scale, in FP32."""
    source = matrix.to(torch.float32).numpy()
    result = np.empty_like(source)
    height = 16 if square else 1
    with np.errstate(all="ignore"):
        largest = F32(np.abs(source).max())
        encode = min(F32(2688) / largest, LARGEST) if largest else LARGEST
        decode = F32(1) / encode
        for top in range(0, source.shape[0], height):
            for left in range(0, source.shape[1], 16):
                block = source[top : top + height, left : left + 16]
                wanted = min(F32(np.abs(block).max()) / F32(6) * encode, LARGEST)
                scale = F32(nearest(E4M3, float(wanted)))
                factor = min(F32(1) / (scale * decode), LARGEST)
                for (row, column), value in np.ndenumerate(block):
                    scaled = float(value * factor)
                    if noise is None:
                        grid_value = nearest(E2M1, scaled)
                    else:
                        grid_value = by_chance(scaled, float(noise[top + row, left + column]))
                    result[top + row, left + column] = F32(grid_value) * scale
    return result


def dequantized(matrix: torch.Tensor, square: bool = False, noise: torch.Tensor | None = None) -> np.ndarray:
    """What ``matrix`` stands for after quantization, in FP64."""
    tensor_scale = float(matrix.to(torch.float32).abs().max()) / 2688
    return quantized(matrix, square, noise).astype(np.float64) * tensor_scale


def transformed(matrix: torch.Tensor) -> torch.Tensor:
    """The random Hadamard transform of each 16 neighbours in a row, rounded to the type of ``matrix``."""
    hadamard = np.ones((1, 1))
    for _ in range(4):
        hadamard = np.kron(np.array([[1, 1], [1, -1]]), hadamard)
    signs = np.array([float(sign + "1") for sign in "+++-+------+-+--"])
    blocks = matrix.to(torch.float64).numpy().reshape(-1, 16)
    spread = (blocks * signs) @ hadamard / 4
    return torch.from_numpy(spread.reshape(matrix.shape)).to(matrix.dtype)
