"""GPUs that options describe, or that no profile is about."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from typer.testing import CliRunner

from launch import app
from preprocessing.errors import UsageError
from recipes.gpus import GPUS
from tools.plan.coefficients import able
from tools.plan.machines import machine, precision

HUGE = "1" + 400 * "0"


def values(*arguments: str, status: int = 0) -> Any:
    result = CliRunner().invoke(app, ["plan", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return json.loads(result.output)


def described(tflops: str | None, memory: float | None = 256, name: str = "8xnew") -> Any:
    notes: list[str] = []
    hardware, gpu = machine(name, memory, tflops, notes)
    return hardware, gpu, " ".join(notes)


@pytest.mark.parametrize(
    ("tflops", "capability", "auto", "formats"),
    [
        ("1300", (8, 0), "bf16", {"bf16"}),
        ("bf16=1300,fp8=2600", (9, 0), "fp8-current", {"bf16", "fp8-delayed", "fp8-current", "fp8-blockwise"}),
        (
            "bf16=1300,fp8=2600,nvfp4=5200",
            (10, 0),
            "nvfp4",
            {"bf16", "fp8-delayed", "fp8-current", "mxfp8", "nvfp4"},
        ),
    ],
)
def test_a_gpu_that_is_described_has_the_formats_of_its_peaks(
    tflops: str, capability: tuple[int, int], auto: str, formats: set[str]
) -> None:
    _, gpu, notes = described(tflops)
    assert (gpu.name, gpu.memory, gpu.capability) == ("new", 256e9, capability)
    assert {form.name for form in able(gpu)} == formats
    assert precision("auto", gpu) == auto
    assert "new has the memory bandwidth, links and efficiency of" in notes
    with pytest.raises(UsageError, match="NEW can't train in"):
        precision("mxfp8" if auto != "nvfp4" else "fp8-blockwise", gpu)


def test_a_gpu_without_fp8_is_searched_and_changed_in_bf16_alone() -> None:
    gpu = ("--hardware", "8xnew", "--gpu-tflops", "1300")
    found = values(*gpu, "--gpu-memory", "256", "--search")
    assert {each["precision"] for each in found["search"]["ranked"]} == {"bf16"}
    too_small = values(*gpu, "--gpu-memory", "80", status=1)
    assert too_small["changes"]
    assert not any("precision" in change["about"] for change in too_small["changes"])


def test_nvfp4_of_a_described_gpu_is_planned() -> None:
    gpu = ("--hardware", "8xnew", "--gpu-memory", "256", "--gpu-tflops", "bf16=1300,fp8=2600,nvfp4=5200")
    assert values(*gpu, "--precision", "nvfp4")["precision"] == "nvfp4"
    assert values(*gpu, "--precision", "mxfp8")["precision"] == "mxfp8"


def test_a_known_gpu_keeps_what_the_options_do_not_change() -> None:
    b200 = GPUS["b200"]
    hardware, gpu, notes = described("2000", 180, "2x8xb200")
    assert hardware == "2x8xb200"
    assert (gpu.memory, gpu.bandwidth, gpu.nvlink, gpu.capability) == (180e9, b200.bandwidth, b200.nvlink, (10, 0))
    assert gpu.peaks == {**b200.peaks, "bf16": 2000.0}
    assert notes == ""
    assert described(None, 180, "8xb200")[1].peaks == b200.peaks
    assert described("fp8=4000", None, "8xb200")[1].memory == b200.memory


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("8xgb200", "8xb200"),
        ("16x4xgb300", "16x4xb200"),
        ("8xb300", "8xb200"),
        ("8xa100", "8xh100"),
        ("8xl40s", "8xh100"),
    ],
)
def test_a_known_gpu_without_a_profile_is_laid_out_as_the_nearest(name: str, profile: str) -> None:
    chip = name.rpartition("x")[2]
    hardware, gpu, notes = described(None, None, name)
    assert (hardware, gpu) == (profile, GPUS[chip])
    assert f"{chip} is laid out as {profile.rpartition('x')[2]}: nemo_configs/hardware has no profile of it" in notes
    found = values("--hardware", name, "--peft", "lora", status=1 if chip == "l40s" else 0)  # 48 GB are too few
    assert (found["gpu"], found["precision"]) == (chip, precision("auto", gpu))
    assert any("laid out as" in note for note in found["notes"])


@pytest.mark.parametrize("name", [None, "4xb200", "2x8xh100", "cpu", "2xcpu", "8xh10"])
def test_hardware_that_no_option_changes_is_left_as_it_is(name: str | None) -> None:
    assert described(None, None, name) == (name, None, "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("1x2x3xnew", "NODESxGPUSxNAME, as 8xnew or 2x8xnew, not '1x2x3xnew'"),
        ("8xNEW", "not '8xNEW'"),
        ("2xcpu", "not '2xcpu'"),
        ("new", "not 'new'"),
        ("0xnew", "--hardware can't be '0xnew': nodes and GPUs must be at least 1"),
        ("0x8xnew", "'0x8xnew': nodes and GPUs must be at least 1"),
        (f"{HUGE}xnew", "NODESxGPUSxNAME"),
        (None, "are for --hardware GPUSxNAME"),
    ],
)
def test_a_name_that_is_none_is_refused_as_it_was_written(name: str | None, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        described("1300", 256, name)  # type: ignore[arg-type]


def test_no_gpu_of_a_known_kind_without_a_profile_is_refused_as_well() -> None:
    with pytest.raises(UsageError, match="can't be '0xgb200'"):
        described(None, None, "0xgb200")


@pytest.mark.parametrize("memory", [0, -1, math.nan, math.inf, 1e300])
def test_a_memory_that_is_no_amount_is_refused(memory: float) -> None:
    for name in ("8xnew", "8xb200"):
        with pytest.raises(UsageError, match="--gpu-memory can't be"):
            described("1300", memory, name)


@pytest.mark.parametrize(
    "tflops",
    ["", "nan", "inf", "0", "-5", "1e400", "bf16=nan", "bf16=1,fp8=0", "bf16=1,bf16=2", "fp8=9", "int8=5", "1,"],
)
def test_peaks_that_are_none_are_refused(tflops: str) -> None:
    with pytest.raises(UsageError, match="--gpu-tflops can't be"):
        described(tflops)
