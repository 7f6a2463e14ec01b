"""The tiny Llama: the 70B model's architecture, its own tokenizer, the same weights every time."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from safetensors.torch import load_file

from preprocessing.errors import UsageError
from tools.sample.model import make_tiny_llama

SMALL = {"hidden": 64, "layers": 2, "ffn": 96}


@pytest.fixture(scope="module")
def checkpoint(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("model") / "model"
    make_tiny_llama(output, tokenizer_folder, **SMALL)
    return output


def test_it_has_the_architecture_of_llama_3(checkpoint: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert (config["rope_theta"], config["rope_scaling"]["rope_type"]) == (500000.0, "llama3")
    assert config["num_key_value_heads"] < config["num_attention_heads"]
    assert not config["tie_word_embeddings"]
    assert config["vocab_size"] == 1024
    assert config["eos_token_id"] != config["pad_token_id"]


def test_it_loads_and_answers_with_its_own_tokenizer(checkpoint: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(checkpoint), local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(str(checkpoint), local_files_only=True)
    stops = tokenizer.convert_tokens_to_ids(["<|end_of_text|>", "<|eot_id|>"])
    assert model.generation_config.eos_token_id == stops
    inputs = tokenizer("Article 1", return_tensors="pt")
    produced = model.generate(**inputs, max_new_tokens=4, do_sample=False)
    assert inputs["input_ids"].shape[1] < produced.shape[1] <= inputs["input_ids"].shape[1] + 4


def test_weights_are_float32_and_untied_with_norms_of_one(checkpoint: Path) -> None:
    weights = load_file(checkpoint / "model.safetensors")
    assert {str(weight.dtype) for weight in weights.values()} == {"torch.float32"}
    assert not weights["lm_head.weight"].equal(weights["model.embed_tokens.weight"])
    norms = [weight for name, weight in weights.items() if "norm" in name]
    assert len(norms) == 2 * SMALL["layers"] + 1
    assert all(bool((norm == 1).all()) for norm in norms)


def test_the_seed_decides_the_weights(checkpoint: Path, tokenizer_folder: Path, tmp_path: Path) -> None:
    make_tiny_llama(tmp_path / "same", tokenizer_folder, **SMALL)
    make_tiny_llama(tmp_path / "other", tokenizer_folder, seed=2, **SMALL)
    first = (checkpoint / "model.safetensors").read_bytes()
    assert (tmp_path / "same" / "model.safetensors").read_bytes() == first
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != first


def test_norms_can_be_perturbed_so_that_a_conversion_cannot_forget_them(tokenizer_folder: Path, tmp_path: Path) -> None:
    make_tiny_llama(tmp_path / "out", tokenizer_folder, perturb_norms=True, **SMALL)
    weights = load_file(tmp_path / "out" / "model.safetensors")
    norms = [weight for name, weight in weights.items() if "norm" in name]
    assert all(float(norm.std()) > 0.1 for norm in norms)
    assert all(not left.equal(right) for left, right in pairwise(norms))


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tokenizer\.json is missing"):
        make_tiny_llama(tmp_path / "out", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_sizes_that_do_not_divide_are_refused(tokenizer_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not divide"):
        make_tiny_llama(tmp_path / "out", tokenizer_folder, hidden=100, heads=3)
