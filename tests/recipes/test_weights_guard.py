"""Weights that an optimizer loses in its first step are found: shown on Megatron-Core's own HybridDeviceOptimizer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from preprocessing.errors import RecipeError
from recipes.weights_guard import assert_weights, moved_too_far, sampled

RATE, DECAY = 1e-4, 0.01


@pytest.fixture
def parameters_look_like_cudas(nemo_on_cpu: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Parameters say that they are on a GPU, other tensors that they are on the host, as offloading needs it."""
    # streams and events that order what is in order on a CPU anyway
    ordered = SimpleNamespace(wait_stream=lambda other: None, wait=lambda other: None, synchronize=lambda: None)
    ordered.record_event = lambda: ordered
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: ordered)
    from torch.overrides import TorchFunctionMode

    class ParametersOnCuda(TorchFunctionMode):
        def __torch_function__(self, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func == torch.Tensor.is_cuda.__get__:
                return isinstance(args[0], torch.nn.Parameter)
            return func(*args, **(kwargs or {}))

    with ParametersOnCuda():
        yield


def made_then_loaded(dtype: Any, fraction: float) -> tuple[Any, dict[str, Any], Any]:
    """A model whose optimizer is made on its random weights, and which is loaded after that, as NeMo does it."""
    from megatron.core.optimizer.cpu_offloading import HybridDeviceOptimizer

    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(40, 30), torch.nn.Linear(30, 20)).to(dtype)
    optimizer = HybridDeviceOptimizer(
        [{"params": list(model.parameters()), "lr": RATE, "weight_decay": DECAY}],
        offload_fraction=fraction,
        cpu_optimizer_cls=torch.optim.AdamW,
        gpu_optimizer_cls=torch.optim.AdamW,
        param_update_in_fp32=True,
        overlap_cpu_optimizer_d2h_h2d=False,
        pin_cpu_grads=False,
    )
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn_like(parameter))
        parameter.grad = torch.randn_like(parameter)
    return model, {name: sampled(value) for name, value in model.named_parameters()}, optimizer


def lost(model: Any, before: dict[str, Any]) -> list[str]:
    return moved_too_far(model.named_parameters(), before, RATE, DECAY)


@pytest.mark.usefixtures("parameters_look_like_cudas")
@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_the_offloading_optimizer_reverts_what_was_loaded_and_the_guard_names_all_of_it(name: str) -> None:
    model, before, optimizer = made_then_loaded(getattr(torch, name), fraction=1.0)
    assert lost(model, before) == []
    optimizer.step()
    assert lost(model, before) == list(before)


@pytest.mark.usefixtures("parameters_look_like_cudas")
def test_what_nemo_calls_after_loading_saves_bf16_weights_and_not_fp32_ones() -> None:
    # reload_model_params ends in update_fp32_param_by_new_param, which knows the FP32 copies of other types only
    for dtype, expected in ((torch.bfloat16, 0), (torch.float32, 4)):
        model, before, optimizer = made_then_loaded(dtype, fraction=1.0)
        optimizer.update_fp32_param_by_new_param()
        optimizer.step()
        assert len(lost(model, before)) == expected


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_steps_of_adam_are_no_loss(name: str) -> None:
    dtype = getattr(torch, name)
    torch.manual_seed(2)
    weight = torch.nn.Parameter((torch.randn(500) * torch.logspace(-4, 2, 500)).to(dtype))
    frozen = torch.nn.Parameter(torch.randn(50), requires_grad=False)
    named = [("weight", weight), ("frozen", frozen)]
    optimizer = torch.optim.AdamW([weight], lr=RATE, weight_decay=DECAY, betas=(0.9, 0.95))
    before = {key: sampled(value) for key, value in named}
    for step in (1, 2):
        weight.grad = torch.randn(500).to(dtype) * 10.0 ** (5 * step)
        optimizer.step()
        assert moved_too_far(iter(named), before, step * RATE, DECAY) == []
    with torch.no_grad():
        frozen[7] += 1e-7
    assert moved_too_far(iter(named), before, 2 * RATE, DECAY) == ["frozen"]


@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf")])
def test_a_weight_that_is_elsewhere_or_no_number_is_lost(value: float) -> None:
    weight = torch.nn.Parameter(torch.zeros(3))
    before = {"weight": sampled(weight)}
    weight.data[1] = value
    assert moved_too_far(iter([("weight", weight)]), before, RATE, DECAY) == ["weight"]


def test_a_large_tensor_is_sampled_from_end_to_end() -> None:
    sample = sampled(torch.arange(100_000).reshape(100, 1000))
    assert (len(sample), sample[0], sample[-1]) == (256, 0, 99_999)


@pytest.fixture
def one_process() -> Iterator[None]:
    """A process group of this process alone, which reading a checkpoint takes."""
    if torch.distributed.is_initialized():  # NeMo's conversions in earlier tests leave one behind
        yield
        return
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def running(state: dict[str, Any]) -> Any:
    """What the guard asks a trainer for: the sharded state of its model."""
    model = SimpleNamespace(sharded_state_dict=lambda: state)
    return SimpleNamespace(strategy=SimpleNamespace(megatron_parallel=model))


@pytest.mark.usefixtures("nemo_on_cpu", "one_process")
def test_the_pieces_of_a_virtual_pipeline_are_compared_and_none_at_all_is_no_proof(tmp_path: Path) -> None:
    from megatron.core import dist_checkpointing
    from megatron.core.dist_checkpointing.mapping import ShardedTensor

    weights = torch.arange(6.0).reshape(2, 3)

    def layers(*values: torch.Tensor) -> dict[str, Any]:
        """NeMo's state of a model in as many pieces (megatron_parallel.py:771); all layers are one tensor on disk."""
        return {
            f"model_{piece}": {
                "layers.0.weight": ShardedTensor.from_rank_offsets(
                    "layers.weight", value, (0, piece, len(values)), prepend_axis_num=1
                )
            }
            for piece, value in enumerate(values)
        }

    (tmp_path / "weights").mkdir()
    dist_checkpointing.save(layers(*weights), str(tmp_path / "weights"))
    assert assert_weights(running(layers(*weights)), tmp_path, vocab_size=1) == 2
    with pytest.raises(RecipeError, match=r"1 of 2 tensors are not those of .*: model_1\.layers\.0\.weight; the run"):
        assert_weights(running(layers(weights[0], weights[1] + 1)), tmp_path, vocab_size=1)
    with pytest.raises(RecipeError, match="has no tensor to compare"):
        assert_weights(running({"model_0": {}}), tmp_path, vocab_size=1)
