"""Each numeric format runs where its tensor cores are, and is refused elsewhere."""

from __future__ import annotations

import pytest

from preprocessing.errors import UsageError
from recipes.formats import FORMATS

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")

AMPERE, ADA, HOPPER, BLACKWELL, GEFORCE = (8, 0), (8, 9), (9, 0), (10, 0), (12, 0)


@pytest.mark.parametrize(
    ("name", "runs", "does_not"),
    [
        ("fp32", [(7, 0), AMPERE, HOPPER, BLACKWELL, GEFORCE], []),
        ("bf16", [AMPERE, ADA, HOPPER, BLACKWELL, GEFORCE], [(7, 0), (7, 5)]),
        ("fp8-delayed", [ADA, HOPPER, BLACKWELL], [AMPERE, (7, 5)]),
        ("fp8-current", [ADA, HOPPER, BLACKWELL], [AMPERE, (7, 5)]),
        ("fp8-blockwise", [HOPPER], [AMPERE, ADA, BLACKWELL, GEFORCE]),
        ("mxfp8", [BLACKWELL, (10, 3)], [AMPERE, ADA, HOPPER, GEFORCE]),
        ("nvfp4", [BLACKWELL, (10, 3)], [AMPERE, ADA, HOPPER, GEFORCE]),
        ("nvfp4-emulated", [AMPERE, ADA, HOPPER, BLACKWELL, GEFORCE], [(7, 5)]),
    ],
)
def test_formats_run_on_the_gpus_that_have_them(
    name: str, runs: list[tuple[int, int]], does_not: list[tuple[int, int]]
) -> None:
    from recipes.formats import format_named

    choice = format_named(name)
    assert [capability for capability in runs if not choice.runs_on(capability)] == []
    assert [capability for capability in does_not if choice.runs_on(capability)] == []


def test_an_unknown_format_gets_the_nearest_suggested() -> None:
    from recipes.formats import format_named

    with pytest.raises(UsageError, match=r"unknown precision 'nvfp'\. Did you mean 'nvfp4'\?"):
        format_named("nvfp")


@pytest.mark.parametrize("name", ["mxfp8", "nvfp4"])
def test_a_cpu_refuses_the_formats_of_a_gpu(name: str) -> None:
    from recipes.precision import GpuCanCompute

    with pytest.raises(UsageError, match=f"{name} needs a GPU; on a CPU use fp32 or bf16"):
        GpuCanCompute(name).setup(None, None, "fit")


@pytest.mark.parametrize("name", ["fp32", "bf16", "nvfp4-emulated"])
def test_a_cpu_takes_what_needs_no_tensor_cores(name: str) -> None:
    from recipes.precision import GpuCanCompute

    GpuCanCompute(name).setup(None, None, "fit")


def test_a_gpu_that_lacks_the_format_is_named_with_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from recipes.precision import GpuCanCompute

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: HOPPER)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    with pytest.raises(UsageError, match=r"NVIDIA H200 \(compute capability 9\.0\) can't train in nvfp4; use fp32 or"):
        GpuCanCompute("nvfp4").setup(None, None, "fit")
    GpuCanCompute("bf16").setup(None, None, "fit")


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "fp32"])
def test_the_plugin_of_each_format_is_one_that_nemo_can_build(name: str) -> None:
    import fiddle as fdl
    import torch

    from recipes.precision import plugin

    config = plugin(FORMATS[name], layers=80, bf16_gradients=True)
    assert config is not None
    built = fdl.build(config)
    assert built.precision == "bf16-mixed"
    types = built.dtype_config
    assert types.params_dtype is torch.bfloat16
    assert types.grad_reduce_in_fp32 is False
    assert (types.fp8 is not None) == (name.startswith("fp8") or name == "mxfp8")
    assert (types.fp4 is not None) == (name == "nvfp4")


@pytest.mark.parametrize(
    ("name", "layers", "expected"),
    [
        ("nvfp4", 80, (0, 12)),
        ("nvfp4-emulated", 4, (0, 1)),
        ("nvfp4", 32, (0, 5)),
        ("fp8-current", 80, (1, 1)),
        ("mxfp8", 80, (0, 0)),
    ],
)
def test_some_layers_stay_bf16(name: str, layers: int, expected: tuple[int, int]) -> None:
    from recipes.precision import plugin

    assert FORMATS[name].layers_in_bf16(layers) == expected
    config = plugin(FORMATS[name], layers, bf16_gradients=False)
    assert config is not None
    found = (getattr(config, "num_layers_at_start_in_bf16", 0), getattr(config, "num_layers_at_end_in_bf16", 0))
    assert found == expected
    assert bool(getattr(config, "first_last_layers_bf16", False)) == (expected != (0, 0))


def test_a_model_too_small_to_keep_layers_in_bf16_is_refused() -> None:
    # Megatron checks these numbers under FP8 only
    with pytest.raises(UsageError, match=r"fp8-current keeps 1 \+ 1 layers in BF16, and the model has only 2; use"):
        FORMATS["fp8-current"].layers_in_bf16(2)
    with pytest.raises(UsageError, match=r"nvfp4 keeps 0 \+ 1 layers in BF16, and the model has only 1"):
        FORMATS["nvfp4"].layers_in_bf16(1)


def test_fp32_needs_no_plugin() -> None:
    import torch

    from recipes.precision import plugin, weight_type

    assert plugin(FORMATS["fp32"], layers=80, bf16_gradients=False) is None
    assert weight_type(FORMATS["fp32"]) is torch.float32
    assert weight_type(FORMATS["nvfp4"]) is torch.bfloat16
