"""The table of GPUs has no gaps and no slips of a decimal."""

from __future__ import annotations

import pytest

from recipes.formats import FORMATS
from recipes.gpus import GPUS, Gpu


@pytest.mark.parametrize("gpu", GPUS.values(), ids=list(GPUS))
def test_a_gpu_has_a_peak_for_every_format_it_trains_in(gpu: Gpu) -> None:
    for form in FORMATS.values():
        kind = "fp8" if "fp8" in form.name else form.name
        if form.needs_gpu and form.runs_on(gpu.capability):
            assert kind in gpu.peaks, form.name
    assert {"bf16"} <= set(gpu.peaks) <= {"bf16", "fp8", "nvfp4"}
    assert list(gpu.peaks.values()) == sorted(gpu.peaks.values())


@pytest.mark.parametrize("gpu", GPUS.values(), ids=list(GPUS))
def test_its_sizes_and_rates_are_in_their_units(gpu: Gpu) -> None:
    assert 40e9 < gpu.memory < 310e9
    assert gpu.network <= gpu.nvlink < gpu.bandwidth
    assert 0.5e12 < gpu.bandwidth < 10e12
    assert 20e9 < gpu.network < 200e9
