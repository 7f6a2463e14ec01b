"""A model's sizes, read from where models keep them, against a real model's parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import UsageError
from recipes.shape import Shape, read_shape
from tests.recipes.tiny import Tiny

LLAMA_70B = Shape(80, 8192, 28672, 64, 8, 128, 128256)
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
}


def written(folder: Path, **changes: Any) -> Path:
    values = {name: value for name, value in {**CONFIG, **changes}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(values))
    return folder


def test_llama_3_70b_has_its_published_number_of_parameters() -> None:
    assert LLAMA_70B.parameters == 70_553_706_496


@pytest.mark.parametrize("changes", [{}, {"head_dim": 24}, {"tie_word_embeddings": True}, {"num_key_value_heads": 4}])
def test_parameters_are_those_of_transformers_model(changes: dict[str, Any], tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    values = {name: value for name, value in {**CONFIG, **changes}.items() if name != "architectures"}
    model: Any = LlamaForCausalLM(LlamaConfig(**values))
    assert read_shape(written(tmp_path, **changes)).parameters == model.num_parameters()


def test_a_folder_and_its_file_and_the_checkpoint_made_of_it_agree(tiny: Tiny) -> None:
    shape = read_shape(tiny.hf)
    assert read_shape(tiny.hf / "config.json") == shape
    assert read_shape(tiny.nemo) == shape


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"architectures": ["BertModel"]}, "is not Llama-shaped: it says BertModel"),
        ({"architectures": None, "model_type": "gpt2"}, "is not Llama-shaped: it says gpt2"),
        ({"attention_bias": True}, "its linear layers have biases"),
        ({"hidden_size": None}, "hidden_size is None, and must be a whole number"),
        ({"num_hidden_layers": "3"}, "num_hidden_layers is '3'"),
        ({"num_hidden_layers": 0}, "layers must be at least 1, not 0"),
        ({"num_key_value_heads": 3}, "4 attention heads do not divide into 3"),
    ],
)
def test_other_models_are_refused_with_the_reason(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_shape(written(tmp_path, **changes))


@pytest.mark.parametrize(
    ("text", "sentence"), [("{", "can't be read as JSON"), ("[]", "no model configuration"), (None, "holds neither")]
)
def test_a_broken_file_is_named(text: str | None, sentence: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match=sentence):
        read_shape(tmp_path)
