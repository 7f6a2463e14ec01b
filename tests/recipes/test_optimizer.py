"""Which moments a recipe keeps in how many bits, and why the second is never in eight."""

from __future__ import annotations

import pytest

from tools.bench.moments import Adam


def largest_update(first: str, second: str) -> float:
    """Of some steps with gradients of many sizes, as a tensor has them; in learning rates."""
    import torch

    generator = torch.Generator().manual_seed(1)
    weights = torch.nn.Parameter(torch.zeros(20_000))
    sizes = torch.logspace(-5, 0, 20_000)
    adam = Adam([weights], first, second)
    for _ in range(5):
        weights.grad = sizes * torch.randn(20_000, generator=generator)
        adam.step(1e-3)
    return adam.largest


def test_a_second_moment_in_eight_bits_makes_steps_of_many_rates_and_none_of_the_others_does() -> None:
    exact = largest_update("fp32", "fp32")
    assert exact < 3
    for kinds in (("bf16", "bf16"), ("fp8", "bf16")):
        assert largest_update(*kinds) < 2 * exact
    assert largest_update("fp8", "fp8") > 100 * exact


@pytest.mark.usefixtures("nemo_on_cpu")
@pytest.mark.parametrize(
    ("hardware", "first", "second"), [("4xb200", "uint8", "bfloat16"), ("8xb200", "bfloat16", "bfloat16")]
)
def test_the_recipes_keep_the_second_moment_in_bf16(hardware: str, first: str, second: str) -> None:
    from recipes.request import make_request
    from tools.train import compose

    config = compose(make_request("cpt", hardware=hardware)).optim.config
    assert str(config.exp_avg_dtype) == f"torch.{first}"
    assert str(config.exp_avg_sq_dtype) == f"torch.{second}"
