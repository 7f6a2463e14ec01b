"""What goes into NeMo comes out again bit for bit, and computes the same in between."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import RecipeError, UsageError
from tests.recipes.tiny import ROPE_SCALING, ROPE_THETA, VOCABULARY, Tiny, edit_json, shared, use_nemo_on_the_cpu
from tools.checkpoint import export_checkpoint, import_checkpoint
from tools.verify import verify_checkpoints

TOLERANCE = 1e-4  # of a logit, in FP32


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    use_nemo_on_the_cpu()
    return shared(tmp_path_factory.getbasetemp())


@pytest.fixture
def hf(tiny: Tiny, tmp_path: Path) -> Path:
    """A copy of the Hugging Face checkpoint, to be damaged."""
    return Path(shutil.copytree(tiny.hf, tmp_path / "hf"))


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "model.safetensors"))


def save_weights(folder: Path, tensors: dict[str, Any]) -> None:
    from safetensors.torch import save_file

    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def read_json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def load_megatron(checkpoint: Path) -> Any:
    """The Megatron model of a NeMo checkpoint, by NeMo's own loader."""
    from nemo.collections.llm.gpt.model.llama import HFLlamaExporter

    model, _ = HFLlamaExporter(str(checkpoint)).nemo_load(checkpoint)
    return model.module.eval()


def megatron_logits(model: Any, tokens: Any) -> Any:
    import torch

    length = tokens.shape[1]
    hidden = torch.ones(length, length, dtype=torch.bool).triu(1)[None, None]  # true where attention may not look
    with torch.inference_mode():
        return model(tokens, torch.arange(length)[None], hidden)[..., :VOCABULARY]


def hf_logits(folder: Path, tokens: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        return model(tokens).logits


def random_tokens(length: int) -> Any:
    import torch

    return torch.randint(0, VOCABULARY, (1, length), generator=torch.Generator().manual_seed(length))


def test_every_tensor_comes_back_bit_for_bit(tiny: Tiny) -> None:
    before, after = weights(tiny.hf), weights(tiny.exported)
    assert before.keys() == after.keys()
    assert [name for name in before if not before[name].equal(after[name])] == []
    assert [name for name in before if before[name].dtype != after[name].dtype] == []
    assert all(float(before[name].std()) > 0.1 for name in before if "norm" in name)


def test_the_configuration_comes_back(tiny: Tiny) -> None:
    before, after = read_json(tiny.hf / "config.json"), read_json(tiny.exported / "config.json")
    assert after["rope_theta"] == ROPE_THETA
    assert after["rope_scaling"] == ROPE_SCALING
    assert after["num_key_value_heads"] == 2 < after["num_attention_heads"]
    assert {key: value for key, value in before.items() if after.get(key) != value} == {}


def test_both_end_tokens_of_llama_3_come_back(tiny: Tiny) -> None:
    before, after = (read_json(folder / "generation_config.json") for folder in (tiny.hf, tiny.exported))
    assert len(after["eos_token_id"]) == 2
    assert after == before


def test_the_tokenizer_comes_back_with_its_chat_template(tiny: Tiny) -> None:
    from transformers import AutoTokenizer

    before, after = (AutoTokenizer.from_pretrained(folder) for folder in (tiny.hf, tiny.exported))
    text = "Article 5: « l’autorité » prüft, según el artículo 2099, e não só.<|eot_id|>\n\n 1 234,5"
    assert after(text)["input_ids"] == before(text)["input_ids"]
    assert after.chat_template.strip() == before.chat_template.strip()
    assert after.get_vocab() == before.get_vocab()
    special = ("bos_token", "eos_token", "pad_token", "model_max_length")
    assert [getattr(after, name) for name in special] == [getattr(before, name) for name in special]


@pytest.mark.parametrize("length", [300, 1024])
def test_megatron_computes_what_transformers_computes(tiny: Tiny, length: int) -> None:
    tokens = random_tokens(length)
    expected = hf_logits(tiny.hf, tokens)
    difference = float((megatron_logits(load_megatron(tiny.nemo), tokens) - expected).abs().max())
    assert difference < TOLERANCE
    assert float(expected.std()) > 100 * TOLERANCE


def test_the_comparison_of_logits_sees_every_number_of_the_rope_scaling(tiny: Tiny, hf: Path) -> None:
    tokens = random_tokens(300)
    expected = hf_logits(tiny.hf, tokens)
    for key in ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"):
        edit_json(hf / "config.json", rope_scaling={**ROPE_SCALING, key: ROPE_SCALING[key] * 2})
        assert float((hf_logits(hf, tokens) - expected).abs().max()) > 3 * TOLERANCE, key


def test_nemos_own_conversion_leaves_the_norms_at_one_and_ours_does_not(tiny: Tiny) -> None:
    # the reason for our importer; when this fails, NeMo has mended it and tools/connectors.py can lose its translation
    from nemo.collections.llm.gpt.model.llama import HFLlamaImporter
    from transformers import AutoModelForCausalLM

    importer = HFLlamaImporter(str(tiny.hf))
    model = importer.init()
    importer.nemo_setup(model, ckpt_async_save=False)
    theirs = importer.convert_state(AutoModelForCausalLM.from_pretrained(tiny.hf), model).module.state_dict()
    ours = load_megatron(tiny.nemo).state_dict()
    norms = [name for name in ours if name.endswith(("input_layernorm.weight", "pre_mlp_layernorm.weight"))]
    assert len(norms) == 4
    assert theirs["embedding.word_embeddings.weight"].equal(ours["embedding.word_embeddings.weight"])
    for name in norms:
        assert bool((theirs[name] == 1).all()), name
        assert float(ours[name].std()) > 0.1, name


def test_importing_leaves_nemos_own_mapping_as_it_was(tiny: Tiny) -> None:
    from nemo.lightning import io
    from nemo.lightning.io.state import apply_transforms

    assert tiny.nemo.is_dir()
    assert io.apply_transforms is apply_transforms


@pytest.mark.parametrize(
    "name", ["model.layers.1.input_layernorm.weight", "model.layers.0.mlp.up_proj.weight", "model.norm.weight"]
)
def test_a_checkpoint_that_lacks_a_tensor_is_refused(hf: Path, tmp_path: Path, name: str) -> None:
    tensors = weights(hf)
    del tensors[name]
    save_weights(hf, tensors)
    with pytest.raises(UsageError, match=rf"lacks 1 tensors of the model: {name};"):
        import_checkpoint(hf, tmp_path / "nemo")
    assert [path.name for path in tmp_path.iterdir()] == ["hf"]


def test_a_weight_file_that_was_cut_off_is_refused_by_name(hf: Path, tmp_path: Path) -> None:
    file = hf / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(UsageError, match=r"model\.safetensors is damaged .*download it again"):
        import_checkpoint(hf, tmp_path / "nemo")


def test_a_checkpoint_that_holds_nan_is_refused_by_name(hf: Path, tmp_path: Path) -> None:
    tensors = weights(hf)
    tensors["model.layers.1.post_attention_layernorm.weight"][3] = float("nan")
    save_weights(hf, tensors)
    with pytest.raises(RecipeError, match=r"1 parameters .* module\.decoder\.layers\.1\.pre_mlp_layernorm\.weight"):
        import_checkpoint(hf, tmp_path / "nemo")
    assert [path.name for path in tmp_path.iterdir()] == ["hf"]


def test_a_vocabulary_larger_than_the_tokenizer_is_kept(hf: Path, tmp_path: Path) -> None:
    import torch

    tensors = weights(hf)
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = torch.cat([tensors[name], torch.randn(256, tensors[name].shape[1])])
    save_weights(hf, tensors)
    edit_json(hf / "config.json", vocab_size=VOCABULARY + 256)
    import_checkpoint(hf, tmp_path / "nemo")
    export_checkpoint(tmp_path / "nemo", tmp_path / "out")
    after = weights(tmp_path / "out")
    assert read_json(tmp_path / "out" / "config.json")["vocab_size"] == VOCABULARY + 256
    assert all(after[name].equal(tensors[name]) for name in tensors)


def test_a_bf16_checkpoint_stays_bf16(hf: Path, tmp_path: Path) -> None:
    import torch

    tensors = {name: tensor.bfloat16() for name, tensor in weights(hf).items()}
    save_weights(hf, tensors)
    edit_json(hf / "config.json", dtype="bfloat16")
    assert import_checkpoint(hf, tmp_path / "nemo").dtype == "bfloat16"
    export_checkpoint(tmp_path / "nemo", tmp_path / "out")
    after = weights(tmp_path / "out")
    assert {tensor.dtype for tensor in after.values()} == {torch.bfloat16}
    assert all(after[name].equal(tensors[name]) for name in tensors)


def test_tied_embeddings_stay_tied(hf: Path, tmp_path: Path) -> None:
    tensors = weights(hf)
    del tensors["lm_head.weight"]
    save_weights(hf, tensors)
    edit_json(hf / "config.json", tie_word_embeddings=True)
    import_checkpoint(hf, tmp_path / "nemo")
    export_checkpoint(tmp_path / "nemo", tmp_path / "out")
    after = weights(tmp_path / "out")
    assert read_json(tmp_path / "out" / "config.json")["tie_word_embeddings"] is True
    assert after.keys() == tensors.keys()
    assert all(after[name].equal(tensors[name]) for name in tensors)


def test_a_model_without_rope_scaling_gets_none(hf: Path, tmp_path: Path) -> None:
    edit_json(hf / "config.json", rope_scaling=None)
    import_checkpoint(hf, tmp_path / "nemo")
    tokens = random_tokens(300)
    difference = megatron_logits(load_megatron(tmp_path / "nemo"), tokens) - hf_logits(hf, tokens)
    assert float(difference.abs().max()) < TOLERANCE
    export_checkpoint(tmp_path / "nemo", tmp_path / "out")
    assert read_json(tmp_path / "out" / "config.json")["rope_scaling"] is None


def test_the_tokenizer_is_imported_byte_for_byte(hf: Path, tmp_path: Path) -> None:
    # the corpus is recognised by the hash of tokenizer.json, and transformers would write it in its own layout
    edit_json(hf / "tokenizer.json")
    import_checkpoint(hf, tmp_path / "nemo")
    imported = tmp_path / "nemo" / "context" / "tokenizer" / "tokenizer.json"
    assert imported.read_bytes() == (hf / "tokenizer.json").read_bytes()


def test_nothing_in_the_imported_checkpoint_points_to_a_temporary_folder(tiny: Tiny) -> None:
    context = tiny.nemo / "context"
    for file in (context / "model.yaml", context / "io.json"):
        assert "/tokenizer-" not in file.read_text(encoding="utf-8")


def test_the_summary_counts_parameters_and_layers(tiny: Tiny, tmp_path: Path) -> None:
    summary = import_checkpoint(tiny.hf, tmp_path / "nemo")
    count = sum(tensor.numel() for tensor in weights(tiny.hf).values())
    assert (summary.parameters, summary.layers, summary.dtype) == (count, 2, "float32")
    assert f"{count:,} parameters in 2 layers" in summary.text()
    assert summary.to_dict()["output"] == str(tmp_path / "nemo")


def test_an_existing_output_is_kept_unless_it_may_be_overwritten(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious.txt").write_text("mine")
    for convert, source in ((import_checkpoint, tiny.hf), (export_checkpoint, tiny.nemo)):
        with pytest.raises(UsageError, match="--overwrite"):
            convert(source, tmp_path / "out")
    assert (tmp_path / "out" / "precious.txt").read_text() == "mine"
    export_checkpoint(tiny.nemo, tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out" / "precious.txt").exists()
    assert weights(tmp_path / "out").keys() == weights(tiny.hf).keys()


def test_export_refuses_what_is_no_nemo_checkpoint(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a NeMo checkpoint"):
        export_checkpoint(tiny.hf, tmp_path / "out")
    with pytest.raises(UsageError, match="no checkpoint folder"):
        export_checkpoint(tmp_path / "nowhere", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("no folder", "no checkpoint folder at"),
        ("no config", r"config\.json is missing"),
        ("broken config", "not valid JSON"),
        ("another model", "holds a 'qwen2' model"),
        ("no weights", "has no weights"),
        ("no tokenizer", r"tokenizer\.json is missing"),
    ],
)
def test_import_names_what_a_folder_lacks(hf: Path, damage: str, sentence: str) -> None:
    if damage == "no folder":
        shutil.rmtree(hf)
    elif damage == "no config":
        (hf / "config.json").unlink()
    elif damage == "broken config":
        (hf / "config.json").write_text("{")
    elif damage == "another model":
        edit_json(hf / "config.json", model_type="qwen2")
    elif damage == "no weights":
        (hf / "model.safetensors").unlink()
    else:
        (hf / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=sentence):
        import_checkpoint(hf, hf.parent / "never")
    assert not (hf.parent / "never").exists()


def test_verify_compares_every_tensor_and_the_logits(tiny: Tiny) -> None:
    for folder in (tiny.hf, tiny.exported):
        summary = verify_checkpoints(tiny.nemo, folder)
        assert summary.tensors == len(weights(tiny.hf))
        assert summary.parameters == sum(tensor.numel() for tensor in weights(tiny.hf).values())
        assert summary.difference is not None
        assert summary.difference < TOLERANCE
        assert f"all {summary.tensors} tensors equal" in summary.text()
    assert "logits not compared" in verify_checkpoints(tiny.nemo, tiny.hf, logits=False).text()


def test_verify_names_a_tensor_that_differs_by_one_bit(tiny: Tiny, hf: Path) -> None:
    tensors = weights(hf)
    tensors["model.layers.1.self_attn.k_proj.weight"].view(-1)[7] += 1e-6
    save_weights(hf, tensors)
    with pytest.raises(RecipeError, match=r"1 of \d+ tensors of .* are not those of .*layers\.1\.self_attn\.k_proj"):
        verify_checkpoints(tiny.nemo, hf)


def test_verify_sees_a_configuration_that_computes_something_else(tiny: Tiny, hf: Path) -> None:
    edit_json(hf / "config.json", rope_theta=500000.0)
    with pytest.raises(RecipeError, match=r"the tensors of .* are those of .*, but not its logits.*RoPE"):
        verify_checkpoints(tiny.nemo, hf)


def test_verify_refuses_what_is_no_checkpoint(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no checkpoint folder"):
        verify_checkpoints(tiny.nemo, tmp_path / "none")
    with pytest.raises(UsageError, match="not a NeMo checkpoint"):
        verify_checkpoints(tiny.hf, tiny.hf)
