"""The two value grids of NVFP4: E2M1 for the values, E4M3 for the scales of their blocks.

E2M1 (OCP Microscaling Formats 1.0) has one sign bit, two of the exponent and one of the mantissa: the magnitudes 0,
0.5, 1, 1.5, 2, 3, 4 and 6, and neither infinity nor NaN. E4M3 is torch's ``float8_e4m3fn``.
"""

from __future__ import annotations

import torch

E2M1_MAX = 6.0
E4M3_MAX = 448.0
_EXPONENT = 0x7F800000  # the exponent's bits in FP32


def round_e2m1(values: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
    """Round FP32 ``values`` to E2M1; beyond 6 they become 6.

    Args:
        values: any shape. NaN stays NaN, so that a run that breaks down shows it.
        noise: None rounds to the nearest, ties to the even mantissa. Otherwise uniform numbers from [0, 1), one a
            value: a value between two neighbours becomes the one farther from zero with the probability of its
            distance from the other, so that the mean is the value itself.
    """
    clipped = values.clamp(-E2M1_MAX, E2M1_MAX)
    # the exponent alone: 1, 2 or 4, or less for values below 1, which lie as far apart as those from 1 to 2
    power = (clipped.view(torch.int32) & _EXPONENT).view(torch.float32).clamp_(min=1)
    if noise is None:
        # numbers around 1.5 x 2^23 steps have no digits behind the step: adding that many rounds, to the nearest and
        # ties to even, in one operation
        many_steps = power.mul_(0.5 * 1.5 * 2**23)
        return clipped.add_(many_steps).sub_(many_steps)
    step = power.mul_(0.5)
    steps = clipped.abs().div_(step)
    lower = steps.floor()
    # what is left is exact, as it would not be below zero; compared, not added: 3 + 0.99999994 is 4 in FP32
    return lower.add_(steps.sub_(lower) > noise).mul_(step).copysign_(clipped)


def round_e4m3(values: torch.Tensor) -> torch.Tensor:
    """Round FP32 ``values`` to the nearest of E4M3, ties to even; beyond 448 they become 448."""
    return values.clamp(-E4M3_MAX, E4M3_MAX).to(torch.float8_e4m3fn).to(torch.float32)
