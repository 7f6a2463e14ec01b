"""FusedAdam in pieces on a GPU: bit for bit its own steps, in far less memory at its peak.

pytest -m gpu tests/recipes/on_gpu
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from recipes.adam_in_pieces import piecewise

pytestmark = pytest.mark.gpu

COUNT, SIZE = 16, 2**22  # 64 M parameters: copies of both moments take 512 MB


#: Types of the first and the second moment, as recipes/optimizer.py has them.
MOMENTS = [(torch.uint8, torch.bfloat16), (torch.bfloat16, torch.bfloat16)]
IDS = ["FP8 and BF16", "BF16"]


def made(moments: tuple[torch.dtype, torch.dtype]) -> tuple[Any, list[torch.nn.Parameter]]:
    from transformer_engine.pytorch.optimizers import FusedAdam

    torch.manual_seed(1)
    weights = [torch.nn.Parameter(torch.randn(SIZE, device="cuda").bfloat16()) for _ in range(COUNT)]
    optimizer = FusedAdam(
        weights,
        lr=1e-3,
        master_weights=True,
        exp_avg_dtype=moments[0],
        exp_avg_sq_dtype=moments[1],
        use_decoupled_grad=True,
        store_param_remainders=True,
    )
    return optimizer, weights


def step(optimizer: Any, weights: list[torch.nn.Parameter], number: int) -> int:
    """Do a step; return the bytes that it took on top of what was held."""
    torch.manual_seed(number)
    for weight in weights:
        weight.decoupled_grad = torch.randn_like(weight)  # type: ignore[attr-defined]
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    optimizer.step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


@pytest.mark.parametrize("moments", MOMENTS, ids=IDS)
def test_steps_are_the_same_and_take_less(
    moments: tuple[torch.dtype, torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recipes.adam_in_pieces.PIECE", 2 * SIZE)
    whole, weights = made(moments)
    pieces, others = made(moments)
    pieces.__class__ = piecewise(type(pieces))
    for number in range(3):
        at_once, in_pieces = step(whole, weights, number), step(pieces, others, number)
    assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))
    # copies of both moments in FP32, of all parameters and of a piece
    assert at_once > 8 * COUNT * SIZE
    assert in_pieces < 3 * 8 * 2 * SIZE


@pytest.mark.parametrize("moments", MOMENTS, ids=IDS)
def test_what_is_saved_lies_on_the_host_and_comes_back(moments: tuple[torch.dtype, torch.dtype]) -> None:
    first, weights = made(moments)
    first.__class__ = piecewise(type(first))
    step(first, weights, 1)
    second, others = made(moments)
    second.__class__ = piecewise(type(second))
    passed = {number: {"exp_avg": torch.empty(0)} for number in range(COUNT)}
    second.load_state_dict({"state": passed, "param_groups": first.state_dict()["param_groups"]})
    for old, new in zip(weights, others, strict=True):
        new.data.copy_(old)
        for name in ("exp_avg", "exp_avg_sq", "master_param"):
            saved = first.get_unscaled_state(old, name)
            assert saved.device.type == ("cuda" if name == "master_param" else "cpu")
            second.set_scaled_state(new, name, saved)
    step(first, weights, 2)
    step(second, others, 2)
    # a moment in eight bits is rounded once more on its way; a step is 1e-3 an element
    tolerance = 2e-4 if torch.uint8 in moments else 0.0
    for one, other in zip(weights, others, strict=True):
        assert (one - other).abs().float().mean() <= tolerance
