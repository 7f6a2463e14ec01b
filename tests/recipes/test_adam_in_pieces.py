"""A step in pieces is the step of Transformer Engine's FusedAdam, with few FP32 copies at a time.

The class here has FusedAdam's interface and way of working (2.9, ``optimizers/fused_adam.py``), with PyTorch's
arithmetic in place of CUDA kernels; the real one is tried in ``on_gpu``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from preprocessing.errors import RecipeError
from recipes.adam_in_pieces import PIECE, pieces, piecewise

SIZES = (7, 300, 20, 20, 500, 1)


class Fused(torch.optim.Optimizer):
    """BF16 weights and moments, masters as 16-bit remainders that stay as they are."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 0.1, "betas": (0.9, 0.95), "eps": 1e-8})
        self.store_param_remainders = True
        self.copies: list[int] = []  # elements copied to FP32 at once

    def initialize_state(self, param: torch.Tensor, store_param_remainders: bool) -> None:
        assert store_param_remainders
        self.state[param] = {
            "exp_avg": torch.zeros_like(param),
            "exp_avg_sq": torch.zeros_like(param),
            "master_param": torch.zeros_like(param, dtype=torch.int16),
        }

    def get_unscaled_state(self, param: torch.Tensor, state_name: str) -> torch.Tensor:
        state: torch.Tensor = self.state[param][state_name]
        return state if state_name == "master_param" else state.float()

    def set_scaled_state(self, param: torch.Tensor, state_name: str, unscaled_state: torch.Tensor) -> None:
        assert unscaled_state.dtype == (torch.int16 if state_name == "master_param" else torch.float32)
        self.state[param][state_name].copy_(unscaled_state)

    def step(self, closure: Any = None, grad_scaler: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            group["step"] = group.get("step", 0) + 1
            held = []
            for param in group["params"]:
                if not self.state[param]:
                    self.initialize_state(param, True)
                held.append([self.get_unscaled_state(param, name) for name in ("exp_avg", "exp_avg_sq")])
            self.copies.append(sum(tensor.numel() for both in held for tensor in both))
            first, second = group["betas"]
            for param, (average, square) in zip(group["params"], held, strict=True):
                gradient = param.grad.float()
                average.lerp_(gradient, 1 - first)
                square.lerp_(gradient**2, 1 - second)
                mean = average / (1 - first ** group["step"])
                root = (square / (1 - second ** group["step"])).sqrt()
                param.data.copy_((param.float() - group["lr"] * mean / (root + group["eps"])).bfloat16())
                self.state[param]["exp_avg"].copy_(average.bfloat16())
                self.state[param]["exp_avg_sq"].copy_(square.bfloat16())


def made(seed: int = 1) -> Fused:
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.nn.Parameter(torch.randn(size, generator=generator).bfloat16()) for size in SIZES]
    return Fused([{"params": weights[:4]}, {"params": weights[4:], "lr": 0.2}])


def weights(optimizer: Fused) -> Iterator[torch.Tensor]:
    return (weight for group in optimizer.param_groups for weight in group["params"])


def step(optimizer: Fused, number: int) -> None:
    generator = torch.Generator().manual_seed(number)
    for weight in weights(optimizer):
        weight.grad = torch.randn(weight.shape, generator=generator).bfloat16()
    optimizer.step()


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> Fused:
    monkeypatch.setattr("recipes.adam_in_pieces.PIECE", 64)
    optimizer = made()
    optimizer.__class__ = piecewise(Fused)
    return optimizer


def same(one: Fused, other: Fused) -> bool:
    pairs = list(zip(weights(one), weights(other), strict=True))
    states = [
        torch.equal(one.state[left][name], other.state[right][name])
        for left, right in pairs
        for name in ("exp_avg", "exp_avg_sq", "master_param")
    ]
    return all(torch.equal(left, right) for left, right in pairs) and all(states)


def test_steps_are_bit_for_bit_those_of_whole_groups(in_pieces: Fused) -> None:
    whole = made()
    for number in range(4):
        step(whole, number)
        step(in_pieces, number)
    assert same(whole, in_pieces)
    assert [group["step"] for group in in_pieces.param_groups] == [4, 4]
    assert [group["lr"] for group in in_pieces.param_groups] == [0.1, 0.2]


def test_no_more_is_copied_at_once_than_a_piece_or_the_largest_tensor(in_pieces: Fused) -> None:
    whole = made()
    step(whole, 0)
    step(in_pieces, 0)
    assert max(whole.copies) == 2 * (500 + 1)
    assert in_pieces.copies == [2 * 7, 2 * 300, 2 * 40, 2 * 500, 2 * 1]


def test_the_groups_are_whole_again_also_after_an_error(in_pieces: Fused) -> None:
    step(in_pieces, 0)
    next(weights(in_pieces)).grad = None
    with pytest.raises(AttributeError):
        in_pieces.step()
    assert [len(group["params"]) for group in in_pieces.param_groups] == [4, 2]


def test_a_checkpoint_fills_a_new_optimizer_one_state_at_a_time(in_pieces: Fused) -> None:
    """As Megatron's distributed optimizer does it (``distrib_optimizer.py``, 881 to 925)."""
    for number in range(2):
        step(in_pieces, number)
    saved = in_pieces.state_dict()
    assert saved["state"] == {}
    assert [group["step"] for group in saved["param_groups"]] == [2, 2]
    fresh = made(seed=2)
    fresh.__class__ = piecewise(Fused)
    passed = {number: {"exp_avg": torch.empty(0)} for number in range(len(SIZES))}
    fresh.load_state_dict({"state": passed, "param_groups": copy.deepcopy(saved["param_groups"])})
    assert passed == {}  # memory that a GPU has not twice
    for old, new in zip(weights(in_pieces), weights(fresh), strict=True):
        new.data.copy_(old)
        for name, state in fresh.state[new].items():
            state.copy_(in_pieces.get_unscaled_state(old, name))
    assert same(in_pieces, fresh)
    step(in_pieces, 2)
    step(fresh, 2)
    assert same(in_pieces, fresh)


def test_states_saved_for_any_layout_come_back_bit_for_bit_and_fp32_masters_are_no_remainders(
    in_pieces: Fused,
) -> None:
    """Megatron gathers all states in FP32 for that (``distrib_optimizer.py``, 1010 to 1060, and back 2047)."""
    step(in_pieces, 0)
    fresh = made()
    fresh.__class__ = piecewise(Fused)
    step(fresh, 1)
    for old, new in zip(weights(in_pieces), weights(fresh), strict=True):
        remainders = torch.linspace(-(2**15), 2**15 - 1, old.numel())
        in_pieces.state[old]["master_param"].copy_(remainders.to(torch.int16))
        new.data.copy_(old)
        for name in ("exp_avg", "exp_avg_sq", "master_param"):
            fresh.set_scaled_state(new, name, in_pieces.get_unscaled_state(old, name).float())
    assert same(in_pieces, fresh)
    with pytest.raises(RecipeError, match=r"FP32, and this run 16-bit remainders.*store_param_remainders=false"):
        fresh.set_scaled_state(new, "master_param", torch.full(new.shape, 0.5))


def test_a_second_load_leaves_the_states(in_pieces: Fused) -> None:
    step(in_pieces, 0)
    before = [in_pieces.state[weight]["exp_avg"].clone() for weight in weights(in_pieces)]
    in_pieces.load_state_dict(in_pieces.state_dict())
    assert all(
        torch.equal(in_pieces.state[weight]["exp_avg"], old)
        for weight, old in zip(weights(in_pieces), before, strict=True)
    )


def test_pieces_keep_the_order_and_leave_nothing_out() -> None:
    tensors = [torch.empty(size) for size in SIZES]
    found = [[tensor.numel() for tensor in piece] for piece in pieces(tensors, 320)]
    assert found == [[7, 300], [20, 20], [500], [1]]
    assert list(pieces([], PIECE)) == []
