"""The plan's memory against what PyTorch counts here, with a few of 70B's layers.

pytest -m gpu tests/tools/plan
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from recipes.hardware import load_hardware

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1200)]

#: Precision, layers, tokens a sequence, recomputation.
CASES = [
    ("bf16", 2, 4096, "none"),
    ("bf16", 4, 4096, "none"),
    ("bf16", 4, 4096, "full"),
    ("bf16", 2, 8192, "none"),
    ("fp8-current", 4, 4096, "none"),
    ("fp8-current", 4, 4096, "full"),
    ("fp8-delayed", 2, 4096, "none"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_it_is_within_5_percent(case: tuple[str, int, int, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    from tools.bench import gpu_layers
    from tools.bench.gpu_plan import seventy

    precision, layers, length, recompute = case
    common = tmp_path_factory.getbasetemp()
    hardware = load_hardware(gpu_layers.hardware_here())
    plan = dataclasses.replace(seventy(layers, sequence_length=length), steps=3, recompute=recompute)
    tokenizer = gpu_layers.prepare_data(common / "data")
    checkpoint = gpu_layers.prepare_model(common, tokenizer, plan, gpu=True)
    folder = common / "-".join(map(str, case))
    blend: Path = common / "data" / "corpus" / "cpt" / "blend.yaml"
    request = gpu_layers.request_of(plan, precision, hardware, checkpoint, blend, folder)
    found = gpu_layers.measure(plan, precision, request)
    assert found.failure is None
    assert found.planned_gb == pytest.approx(found.peak_gb, rel=0.05)
