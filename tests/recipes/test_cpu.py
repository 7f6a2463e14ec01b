"""The CPU support changes what it says and nothing else, and nothing at all where a GPU is."""

from __future__ import annotations

import os
import types
from pathlib import Path

import pytest

from tests.recipes.tiny import ROOT, run_python

# Every place that recipes/cpu.py replaces, as `owner.name`.
PLACES = """
import torch
import megatron.core.dist_checkpointing.strategies.filesystem_async as filesystem
import megatron.core.optimizer.clip_grads as clip_grads
import megatron.core.optimizer.optimizer as optimizer
import nemo.lightning.io.pl as nemo_io
import megatron.core.tensor_parallel.random as random
from megatron.core.transformer.torch_norm import WrappedTorchNorm
from megatron.core.optimizer import OptimizerConfig
from megatron.core.transformer.transformer_config import TransformerConfig
from nemo.lightning.pytorch.callbacks.progress_printer import ProgressPrinter
from torch.overrides import _get_current_function_mode_stack

def places():
    cuda = ("Stream", "stream", "current_stream", "default_stream", "current_device", "set_device", "synchronize",
            "empty_cache")
    return {
        **{name: vars(torch.cuda)[name] for name in cuda},
        "module": vars(torch.nn.Module)["cuda"],
        "fork": vars(random.CudaRNGStatesTracker)["fork"],
        "get state": random._get_cuda_rng_state,
        "set state": random._set_cuda_rng_state,
        "recompute": vars(random.CheckpointWithoutOutput)["__init__"],
        "config": vars(TransformerConfig)["__post_init__"],
        "norm": vars(WrappedTorchNorm)["__new__"],
        "optimizer": vars(OptimizerConfig)["__post_init__"],
        "queue": filesystem._get_write_results_queue,
        "clip": clip_grads.clip_grad_by_total_norm_fp32,
        "mixed": vars(optimizer.Float16OptimizerWithFloat16Params)["__init__"],
        "load": nemo_io._fix_tensors_device,
        "print": vars(ProgressPrinter)["log_megatron_timers"],
        "modes": len(_get_current_function_mode_stack()),
    }
"""


def test_where_a_gpu_is_visible_it_refuses_and_touches_nothing() -> None:
    done = run_python(
        "from recipes.quiet import import_nemo; import_nemo()"
        + PLACES
        + """
from preprocessing.errors import RecipeError
from recipes import cpu
import sys

before = places()
assert len(before) == 22
really = torch.cuda.is_available
torch.cuda.is_available = lambda: True
for attempt in (cpu.activate, lambda: __import__("recipes.cpu_strategy")):
    try:
        attempt()
    except RecipeError as error:
        print(error)
    else:
        sys.exit("activated")
assert places() == before

torch.cuda.is_available = really
cpu.activate()
after = places()
assert [name for name in before if before[name] is after[name]] == [], "the list above is not what is replaced"
cpu.activate()
assert places() == after, "a second activation replaced something again"
print("done")
"""
    )
    assert done.returncode == 0, done.stderr
    refusal = "the cpu profile was asked for where a GPU is visible; hide it with CUDA_VISIBLE_DEVICES=''"
    assert done.stdout.splitlines() == [refusal, refusal, "done"]


@pytest.mark.usefixtures("nemo_on_cpu")
def test_what_names_cuda_lands_on_the_cpu() -> None:
    import torch

    plain = torch.arange(6.0).reshape(2, 3)
    made = [
        torch.ones(2, device="cuda"),
        torch.zeros(2, device="cuda:1"),
        torch.tensor([1.0, 2.0], device=torch.device("cuda", 0)),
        torch.empty(2, device=torch.cuda.current_device()),
        torch.full((2,), 3, device="cuda", dtype=torch.int64),
        torch.arange(3, device="cuda"),
        torch.rand(2, pin_memory=True),
        torch.empty_like(plain, device="cuda"),
        torch.as_tensor([1.0], device="cuda"),
        plain.new_zeros(2, device="cuda"),
        plain.to("cuda"),
        plain.to(device="cuda:0"),
        plain.cuda(),
        plain.cuda(0, non_blocking=True),
        plain.pin_memory(),
    ]
    assert {tensor.device.type for tensor in made} == {"cpu"}
    assert made[4].dtype is torch.int64
    assert [tensor.data_ptr() for tensor in made[-5:]] == [plain.data_ptr()] * 5  # moved to where it is: no copy
    assert plain.to(torch.device("cuda"), torch.float64, non_blocking=True).dtype is torch.float64
    assert plain.to(device="cuda:0", dtype=torch.bfloat16).dtype is torch.bfloat16
    module = torch.nn.Linear(2, 2)
    assert module.cuda() is module.to("cuda") is module
    assert module.weight.device.type == "cpu"
    with torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda.current_stream().wait_stream(torch.cuda.default_stream())
        torch.cuda.synchronize()


@pytest.mark.usefixtures("nemo_on_cpu")
def test_what_does_not_name_cuda_is_as_it_was() -> None:
    import torch

    plain = torch.arange(6.0).reshape(2, 3)
    assert torch.ones(2, device="meta").is_meta
    assert plain.to("meta").is_meta
    assert plain.to(torch.float16).dtype is torch.float16
    assert plain.type() == "torch.FloatTensor"
    assert plain.bfloat16().type() == "torch.BFloat16Tensor"
    assert plain.type(torch.int32).dtype is torch.int32
    assert torch.equal(plain @ plain.T, torch.tensor([[5.0, 14.0], [14.0, 50.0]]))


@pytest.mark.usefixtures("nemo_on_cpu")
def test_type_names_are_cudas_only_inside_the_functions_that_compare_them() -> None:
    import torch
    from megatron.core.optimizer import clip_grads, optimizer

    from recipes import cpu

    assert optimizer.clip_grad_by_total_norm_fp32 is clip_grads.clip_grad_by_total_norm_fp32
    weight = torch.nn.Parameter(torch.ones(4))
    weight.grad = torch.full((4,), 2.0)
    clip_grads.clip_grad_by_total_norm_fp32([weight], max_norm=1.0, total_norm=4.0)
    assert torch.allclose(weight.grad, torch.full((4,), 0.5), atol=1e-5)
    assert weight.type() == "torch.FloatTensor"

    seen = []

    @cpu._with_cuda_type_names
    def compare(tensor: torch.Tensor) -> None:
        seen.append(tensor.type())
        raise ValueError

    with pytest.raises(ValueError):
        compare(weight)
    assert seen == ["torch.cuda.FloatTensor"]
    assert weight.type() == "torch.FloatTensor"  # after an error too


@pytest.mark.usefixtures("nemo_on_cpu")
def test_fusions_of_cuda_are_off_in_every_model_configuration() -> None:
    from megatron.core.transformer.transformer_config import TransformerConfig

    from recipes import cpu

    wanted = dict.fromkeys(("apply_rope_fusion", "bias_activation_fusion", "persist_layer_norm"), True)
    config = TransformerConfig(num_layers=1, hidden_size=8, num_attention_heads=2, **wanted)
    assert [name for name in cpu._CUDA_FUSIONS if getattr(config, name, False)] == []


@pytest.mark.usefixtures("nemo_on_cpu")
def test_what_a_gpu_trained_with_can_be_built_where_transformer_engine_is_not() -> None:
    import torch
    from megatron.core.optimizer import OptimizerConfig

    # in the context of every checkpoint of a 4xb200 run; an export on a CPU builds it
    moments = dict.fromkeys(("main_grads_dtype", "exp_avg_dtype", "exp_avg_sq_dtype"), torch.bfloat16)
    config = OptimizerConfig(use_precision_aware_optimizer=True, use_distributed_optimizer=True, bf16=True, **moments)
    assert config.use_precision_aware_optimizer is False


def test_transformer_engine_is_left_out_where_no_gpu_is(tmp_path: Path) -> None:
    (tmp_path / "transformer_engine.py").write_text("")
    code = """
import sys
from recipes.quiet import leave_transformer_engine_out
if "leave" in sys.argv:
    leave_transformer_engine_out()
try:
    import transformer_engine
    print("found")
except ModuleNotFoundError:
    print("none")
"""
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    assert run_python(code, PYTHONPATH=path).stdout.split() == ["found"]
    assert run_python(code, "leave", PYTHONPATH=path).stdout.split() == ["none"]


def test_a_rank_on_a_cpu_finds_no_transformer_engine(tmp_path: Path) -> None:
    from recipes.runner import _environment

    (tmp_path / "transformer_engine.py").write_text("found = True\n")
    recipe = types.SimpleNamespace(trainer=types.SimpleNamespace(accelerator="cpu", devices=1))
    code = """
try:
    import transformer_engine
except ModuleNotFoundError as error:
    print("none:", error.name)
"""
    environment = _environment(recipe)  # type: ignore[arg-type]
    path = os.pathsep.join([environment["PYTHONPATH"], str(tmp_path)])
    assert run_python(code, PYTHONPATH=path).stdout.strip() == "none: transformer_engine"
    assert run_python("import transformer_engine as t; print(t.found)", PYTHONPATH=str(tmp_path)).stdout == "True\n"
