"""Hardware by name: its profile, or one made from another profile of the chip; layouts that can't be are refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from preprocessing.errors import UsageError
from recipes.formats import CHIPS, best_format
from recipes.hardware import ADAPTERS, FULL, Hardware, load_hardware
from recipes.settings import CONFIGS

PROFILES = sorted(path.stem for path in (CONFIGS / "hardware").glob("*.yaml"))


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_loads_with_all_its_layouts(name: str) -> None:
    hardware = load_hardware(name)
    assert hardware.name == name
    assert hardware.gpu == (hardware.chip in CHIPS)
    for model in hardware.layouts:
        for tuning in (FULL, ADAPTERS):
            assert hardware.world_size % hardware.layout(model, tuning).model_parallel == 0


@pytest.mark.parametrize(
    ("name", "nodes", "devices", "tensor_parallel"),
    [
        ("4xb200", 1, 4, 2),
        ("2x4xb200", 2, 4, 2),
        ("16x8xh100", 16, 8, 8),
        ("2xb200", 1, 2, 2),  # no wider than the node
        ("6xb200", 1, 6, None),  # four do not divide six
        ("4xh200", 1, 4, 1),
    ],
)
def test_a_name_without_a_file_is_made_from_the_chips(
    name: str, nodes: int, devices: int, tensor_parallel: int | None
) -> None:
    hardware = load_hardware(name)
    assert (hardware.nodes, hardware.devices, hardware.world_size) == (nodes, devices, nodes * devices)
    if tensor_parallel is None:
        with pytest.raises(UsageError, match=r"= 2 x 2 x 1 does not divide its 6 devices"):
            hardware.layout("llama33_70b")
    else:
        assert hardware.layout("llama33_70b").tensor_parallel == tensor_parallel


def test_a_cpu_may_have_any_number_of_processes() -> None:
    assert load_hardware("1xcpu").layout("tiny").tensor_parallel == 1
    four = load_hardware("4xcpu")
    assert four.world_size // four.layout("tiny").model_parallel == 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("4xb20", r"unknown hardware '4xb20'\. Did you mean '4xb200'\?"),
        ("4xb2000", r"unknown hardware '4xb2000'"),
        ("b200", r"Names are GPUS x CHIP"),
        ("8xa100", r"no profile of a100 in nemo_configs/hardware; copy the nearest one to 8xa100\.yaml"),
        ("0xb200", "devices must be at least 1, not 0"),
        ("0x4xb200", "nodes must be at least 1, not 0"),
    ],
)
def test_other_names_are_refused_with_what_would_do(name: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        load_hardware(name)


def made(**layout: Any) -> Hardware:
    full = {"tensor_parallel": 4, "optimizer": "adam", "recompute": "none", **layout}
    return Hardware(chip="b200", devices=4, layouts={"m": {FULL: full}}, name="4xb200")


def test_adapters_take_the_full_layout_with_their_changes() -> None:
    hardware = dataclasses.replace(made(), layouts={"m": {**made().layouts["m"], ADAPTERS: {"tensor_parallel": 2}}})
    assert hardware.layout("m").tensor_parallel == 4
    adapted = hardware.layout("m", ADAPTERS)
    assert (adapted.tensor_parallel, adapted.optimizer) == (2, "adam")


@pytest.mark.parametrize(
    ("layout", "sentence"),
    [
        ({"optimizer": "adm"}, r"unknown optimizer 'adm'\. Did you mean 'adam'\?"),
        ({"recompute": "ful"}, r"unknown recompute 'ful'\. Did you mean 'full'\?"),
        ({"pipeline_parallel": 2}, r"= 4 x 2 x 1 does not divide its 4 devices"),
        ({"pipeline_parallel": 0}, "pipeline_parallel must be at least 1, not 0"),
        ({"tensor_paralel": 2}, r"layouts: m: unknown key 'tensor_paralel'\. Did you mean 'tensor_parallel'\?"),
        ({"sequence_parallel": "yes"}, "sequence_parallel can't be 'yes'"),
    ],
)
def test_a_layout_that_can_not_be_is_refused(layout: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        made(**layout).layout("m")


def test_a_model_without_a_layout_is_named() -> None:
    with pytest.raises(UsageError, match="'4xb200' has no layout for tiny, only for llama33_70b, llama31_8b"):
        load_hardware("4xb200").layout("tiny")
    with pytest.raises(UsageError, match=r"'2x8xh100' has no layout .* add one to .*/hardware/8xh100\.yaml"):
        load_hardware("2x8xh100").layout("tiny")


@pytest.mark.parametrize(
    ("chip", "name"),
    [("cpu", "fp32"), ("a100", "bf16"), ("l40s", "fp8-current"), ("h100", "fp8-current"), ("b300", "nvfp4")],
)
def test_auto_is_the_fastest_format_of_the_chip(chip: str, name: str) -> None:
    assert best_format(chip) == name
