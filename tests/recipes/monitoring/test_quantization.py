"""Which statistics are asked of which layers, and how many layers' become one number."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from recipes.monitoring.quantization import settings_of, summary


def model(start: int = 0, end: int = 0) -> Any:
    return SimpleNamespace(
        num_layers=80,
        first_last_layers_bf16=bool(start or end),
        num_layers_at_start_in_bf16=start,
        num_layers_at_end_in_bf16=end,
    )


def layers(settings: dict[str, Any]) -> list[int]:
    """The layers whose linear layers the settings choose."""
    pattern = settings["quantization"]["layers"]["layer_name_regex_pattern"]
    return [n for n in range(1, 81) if re.match(pattern, f"model.module.decoder.layers.{n}.self_attention.linear_qkv")]


def features(settings: dict[str, Any]) -> list[str]:
    return sorted(settings["quantization"]["transformer_engine"])


@pytest.mark.parametrize(("start", "end"), [(0, 0), (1, 1), (0, 12)])
def test_layers_that_stay_in_bf16_are_left_alone(start: int, end: int) -> None:
    assert layers(settings_of("fp8-current", model(start, end), 10, False)) == list(range(1 + start, 81 - end))


def test_norms_and_the_output_layer_are_left_alone() -> None:
    pattern = settings_of("mxfp8", model(), 10, False)["quantization"]["layers"]["layer_name_regex_pattern"]
    for name in ("model.output_layer", "model.decoder.layers.3.input_layernorm", "model.decoder.layers.3"):
        assert not re.match(pattern, name)


def test_fp8_has_the_values_lost_and_the_error_and_nvfp4_where_its_feature_is_there() -> None:
    assert features(settings_of("fp8-delayed", model(), 10, False)) == ["LogFp8TensorStats", "LogTensorStats"]
    assert features(settings_of("nvfp4", model(0, 12), 10, False)) == ["LogTensorStats"]
    assert features(settings_of("nvfp4", model(0, 12), 10, True)) == ["LogNvfp4TensorStats", "LogTensorStats"]


def test_statistics_of_all_layers_become_their_mean_and_their_worst() -> None:
    values = {
        "model.decoder.layers.1.mlp.linear_fc1_activation_underflows%": 1.0,
        "model.decoder.layers.2.mlp.linear_fc1_activation_underflows%": 3.0,
        "model.decoder.layers.2.mlp.linear_fc1_gradient_cur_amax": 0.5,
    }
    assert summary(values) == {
        "activation_underflows%_max": 3.0,
        "activation_underflows%_mean": 2.0,
        "gradient_cur_amax_max": 0.5,
        "gradient_cur_amax_mean": 0.5,
    }
