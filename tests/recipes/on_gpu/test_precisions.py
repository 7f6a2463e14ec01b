"""Every format that this machine's GPU has trains the recipe, and its loss goes where BF16's goes.

pytest -m gpu tests/recipes/on_gpu
"""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from recipes.formats import FORMATS
from recipes.metrics import read_metrics
from tests.recipes.on_gpu.small import STEPS, Small, train

pytestmark = pytest.mark.gpu

# how far the mean loss of the last ten steps may be from BF16's: rounding alone parts two runs of a small model
EIGHT_BITS, FOUR_BITS = 0.03, 0.06
OTHERS = [name for name, choice in FORMATS.items() if (choice.needs_gpu or choice.emulated) and name != "bf16"]


def losses(records: list[dict[str, Any]]) -> list[float]:
    return [record["loss"] for record in records]


def test_bf16_learns(small: Small) -> None:
    found = losses(small.trained("bf16"))
    assert len(found) == STEPS
    assert statistics.fmean(found[-5:]) < found[0] - 1.0


@pytest.mark.parametrize("precision", OTHERS)
def test_another_format_learns_what_bf16_learns(small: Small, precision: str) -> None:
    import torch

    capability = torch.cuda.get_device_capability()
    if not FORMATS[precision].runs_on(capability):
        pytest.skip(f"{torch.cuda.get_device_name()} has no {precision}")
    found, exact = losses(small.trained(precision)), losses(small.trained("bf16"))
    within = FOUR_BITS if precision.startswith("nvfp4") else EIGHT_BITS
    assert found[0] == pytest.approx(exact[0], rel=within / 2)
    assert statistics.fmean(found[-10:]) == pytest.approx(statistics.fmean(exact[-10:]), rel=within)
    assert found != exact  # it was computed in another format


def test_memory_and_utilisation_are_recorded(small: Small) -> None:
    last = small.trained("bf16")[-1]
    assert 0 < last["memory_allocated_gb"] <= last["memory_peak_gb"] <= last["memory_gb"]
    assert last["memory_allocated_gb"] <= last["memory_reserved_gb"]
    assert 0 <= last["gpu_utilisation"] <= 100
    assert last["tflops_per_device"] > 0
    assert last["mfu"] > 0


def test_transformer_engine_tells_what_eight_bits_do_to_each_kind_of_tensor(small: Small) -> None:
    pytest.importorskip("nvdlfw_inspect")
    request = small.request("statistics", precision="fp8-delayed", max_steps=6)
    train(request, f"trainer.callbacks[{place_of('QuantizationStatistics', request)}].every=3")
    found = [record["quantization"] for record in read_metrics(request.folder) if "quantization" in record]
    assert found
    for tensor in ("activation", "gradient", "weight"):
        names = [name for name in found[-1] if name.startswith(f"{tensor}_")]
        assert any("underflows" in name for name in names), names
        assert any("mse" in name for name in names), names


def place_of(callback: str, request: Any) -> int:
    from tools.train import compose

    names = [item.__fn_or_cls__.__name__ for item in compose(request).trainer.callbacks]
    return names.index(callback)


@pytest.mark.parametrize("adapters", ["lora", "dora"])
def test_adapters_learn_beside_layers_in_eight_bits(small: Small, adapters: str) -> None:
    slow = {"learning_rate": 1e-4, "min_learning_rate": 1e-5}  # adapters learn at ten times the rate
    request = small.request(adapters, precision="fp8-current", peft=adapters, checkpoint=small.run("bf16"), **slow)
    found = losses(train(request))
    # they start as what they stand beside was left, and go on from there
    assert found[0] < losses(small.trained("bf16"))[0] - 0.5
    assert statistics.fmean(found[-5:]) < statistics.fmean(found[:5])
