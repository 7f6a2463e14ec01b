"""Each numeric format runs where its tensor cores are, and is refused elsewhere."""

from __future__ import annotations

import pytest

from preprocessing.errors import UsageError

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")

AMPERE, ADA, HOPPER, BLACKWELL, GEFORCE = (8, 0), (8, 9), (9, 0), (10, 0), (12, 0)


@pytest.mark.parametrize(
    ("name", "runs", "does_not"),
    [
        ("fp32", [(7, 0), AMPERE, HOPPER, BLACKWELL, GEFORCE], []),
        ("bf16", [AMPERE, ADA, HOPPER, BLACKWELL, GEFORCE], [(7, 0), (7, 5)]),
        ("mxfp8", [BLACKWELL, (10, 3)], [AMPERE, ADA, HOPPER, GEFORCE]),
        ("nvfp4", [BLACKWELL, (10, 3)], [AMPERE, ADA, HOPPER, GEFORCE]),
    ],
)
def test_formats_run_on_the_gpus_that_have_them(
    name: str, runs: list[tuple[int, int]], does_not: list[tuple[int, int]]
) -> None:
    from recipes.precision import precision

    choice = precision(name)
    assert [capability for capability in runs if not choice.runs_on(capability)] == []
    assert [capability for capability in does_not if choice.runs_on(capability)] == []


def test_an_unknown_format_gets_the_nearest_suggested() -> None:
    from recipes.precision import precision

    with pytest.raises(UsageError, match=r"unknown precision 'nvfp'\. Did you mean 'nvfp4'\?"):
        precision("nvfp")


@pytest.mark.parametrize("name", ["mxfp8", "nvfp4"])
def test_a_cpu_refuses_the_formats_of_a_gpu(name: str) -> None:
    from recipes.precision import GpuCanCompute

    with pytest.raises(UsageError, match=f"{name} needs a GPU; on a CPU use fp32 or bf16"):
        GpuCanCompute(name).setup(None, None, "fit")


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_a_cpu_takes_fp32_and_bf16(name: str) -> None:
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


@pytest.mark.parametrize("name", ["bf16", "mxfp8", "nvfp4"])
def test_the_plugin_of_each_format_is_one_that_nemo_can_build(name: str) -> None:
    import fiddle as fdl
    import torch

    from recipes.precision import plugin, precision

    config = plugin(precision(name), bf16_gradients=True)
    assert config is not None
    built = fdl.build(config)
    assert built.precision == "bf16-mixed"
    assert built.dtype_config.params_dtype is torch.bfloat16
    assert built.dtype_config.grad_reduce_in_fp32 is False
    assert {"mxfp8": built.dtype_config.fp8, "nvfp4": built.dtype_config.fp4}.get(name, "") is not None


def test_fp32_needs_no_plugin() -> None:
    import torch

    from recipes.precision import plugin, precision

    assert plugin(precision("fp32"), bf16_gradients=False) is None
    assert precision("fp32").weights is torch.float32
    assert precision("nvfp4").weights is torch.bfloat16
