"""Single values are rounded as the bit patterns of E2M1 and E4M3 say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch

from recipes.nvfp4.grids import E2M1_MAX, E4M3_MAX, round_e2m1, round_e4m3
from tests.recipes.nvfp4 import reference


def hard_cases(grid: list[float], above: float) -> list[float]:
    """Each value of the grid, the middle between neighbours, the FP32 numbers next to both, and beyond the end."""
    middles = [(low + high) / 2 for low, high in itertools.pairwise(grid)]
    points = torch.tensor([*grid, *middles, above])
    inf = torch.tensor(math.inf)
    magnitudes = torch.cat([points, torch.nextafter(points, inf), torch.nextafter(points, -inf)])
    return [*magnitudes.tolist(), *(-magnitudes).tolist()]


def test_the_grids_are_those_of_the_specification() -> None:
    assert [float(value) for value in reference.E2M1] == [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    assert (float(reference.E2M1[-1]), float(reference.E4M3[-1])) == (E2M1_MAX, E4M3_MAX)
    assert float(reference.E4M3[1]) == 2**-9


@pytest.mark.parametrize(
    ("rounded", "grid"), [(round_e2m1, reference.E2M1), (round_e4m3, reference.E4M3)], ids=["E2M1", "E4M3"]
)
def test_rounding_goes_to_the_nearest_and_ties_to_even(
    rounded: Callable[[torch.Tensor], torch.Tensor], grid: list[Fraction]
) -> None:
    generator = torch.Generator().manual_seed(0)
    values = hard_cases([float(value) for value in grid], above=1e30)
    values += (torch.randn(500, generator=generator) * float(grid[-1]) / 3).tolist()
    assert rounded(torch.tensor(values)).tolist() == [reference.nearest(grid, value) for value in values]


def test_nan_stays_nan() -> None:
    broken = torch.tensor([math.nan])
    assert round_e2m1(broken).isnan().all()
    assert round_e2m1(broken, torch.zeros(1)).isnan().all()
    assert round_e4m3(broken).isnan().all()


def test_stochastic_rounding_takes_the_neighbour_that_the_noise_picks() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.tensor(hard_cases([float(value) for value in reference.E2M1], above=1e30))
    values = torch.cat([values, torch.randn(500, generator=generator) * 3])
    largest_below_one = 1 - 2**-24
    for noise in (
        torch.zeros_like(values),
        torch.full_like(values, 0.5),
        torch.full_like(values, largest_below_one),
        torch.rand(values.shape, generator=generator),
    ):
        pairs = zip(values.tolist(), noise.tolist(), strict=True)
        expected = [reference.by_chance(value, chance) for value, chance in pairs]
        assert round_e2m1(values, noise).tolist() == expected


def test_stochastic_rounding_never_moves_a_value_of_the_grid() -> None:
    grid = torch.tensor([float(value) for value in reference.E2M1])
    for noise in (0.0, 1 - 2**-24):
        assert torch.equal(round_e2m1(grid, torch.full_like(grid, noise)), grid)


def test_stochastic_rounding_is_right_on_average() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.linspace(-6, 6, 49).repeat(20000, 1)
    mean = round_e2m1(values, torch.rand(values.shape, generator=generator)).mean(dim=0)
    # neighbours are at most 2 apart: a standard deviation of at most 1 / sqrt(20000) = 0.007
    assert (mean - values[0]).abs().max() < 0.03
    nearest = round_e2m1(values[0])
    assert (nearest - values[0]).abs().max() > 0.9
