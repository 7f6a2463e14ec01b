"""The sample's tokenizer: Llama 3's kind, read alike by every library of the pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from preprocessing.corpus.tokenizer import Encoder, load_tokenizer
from preprocessing.errors import RecipeError, UsageError
from tools.sample.tokenizer import SPECIAL_TOKENS, train_tokenizer

ODD_TEXTS = (
    "Article 5(1)(a): ‘keeper’ means «gardien» or „Wärter“ …",
    "35\u00a0000 EUR, 3\u202f%, n.º 1, 5.ª, ½ ÷ √2 ≤ x² — 10⁻³",
    "Ça, où, Œuvre, größer, señor, coração, İstanbul, ﬁ, e\u0301",
    "日本語と中文, العربية, हिन्दी, 👩\u200d🚒🏳️\u200d🌈, \U0001d518",
    "tabs\tand\r\nline ends\n\n\n  spaces   \u2028\u2029\ufeff end ",
    "It'S we'LL they'Ve don't 1234567 12 a1b2 ___ --- ...\n;",
    "",
    " ",
)


def test_the_vocabulary_is_exactly_what_was_asked_with_special_tokens_last(tokenizer_folder: Path) -> None:
    vocabulary = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json")).get_vocab(with_added_tokens=True)
    assert sorted(vocabulary.values()) == list(range(1024))
    assert [vocabulary[token] for token in SPECIAL_TOKENS] == list(range(1024 - len(SPECIAL_TOKENS), 1024))


def test_transformers_loads_it_with_the_tokens_llama_3_uses(tokenizer_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder), local_files_only=True)
    assert len(tokenizer) == tokenizer.vocab_size + len(SPECIAL_TOKENS) == 1024
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|begin_of_text|>", "<|end_of_text|>")
    assert tokenizer.pad_token == "<|finetune_right_pad_id|>"
    assert len({tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}) == 3
    assert tokenizer("Article 5")["input_ids"][0] == tokenizer.bos_token_id


def test_every_text_comes_back_as_it_was(tokenizer_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder), local_files_only=True)
    for text in ODD_TEXTS:
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_the_chat_template_marks_the_answers_only(tokenizer_folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder), local_files_only=True)
    chat = [
        {"role": "system", "content": "Cite."},
        {"role": "user", "content": "Who keeps the log?"},
        {"role": "assistant", "content": "The keeper."},
    ]
    encoded = tokenizer.apply_chat_template(chat, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    answer = [token for token, mark in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(answer) == "The keeper.<|eot_id|>"
    assert encoded["input_ids"].count(tokenizer.bos_token_id) == 1


def test_nemo_reads_the_same_tokens(tokenizer_folder: Path, sample_texts: list[str]) -> None:
    pytest.importorskip("nemo.collections.common", reason="NeMo is not installed")
    from nemo.collections.common.tokenizers.huggingface.auto_tokenizer import AutoTokenizer

    nemo = AutoTokenizer(str(tokenizer_folder))
    reference = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    assert nemo.vocab_size == 1024
    for name, token in (
        ("eos_id", "<|end_of_text|>"),
        ("pad_id", "<|finetune_right_pad_id|>"),
        ("bos_id", "<|begin_of_text|>"),
    ):
        assert getattr(nemo, name) == reference.token_to_id(token)
    for text in (*ODD_TEXTS, sample_texts[0]):
        assert nemo.text_to_ids(text) == reference.encode(text, add_special_tokens=False).ids


def test_the_fast_encoder_gives_the_same_tokens(tokenizer_folder: Path, sample_texts: list[str]) -> None:
    facts = load_tokenizer(tokenizer_folder)
    reference = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    texts = [*ODD_TEXTS, *sample_texts]
    for text, row in zip(texts, Encoder(facts).encode(texts), strict=True):
        assert row.tolist() == [*reference.encode(text).ids, facts.end_of_text_id]


@settings(max_examples=60)
@given(text=st.text(max_size=80))
def test_the_fast_encoder_agrees_on_any_text(text: str, tokenizer_folder: Path) -> None:
    encoder = Encoder(load_tokenizer(tokenizer_folder))
    reference = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    assert encoder.encode([text])[0].tolist()[:-1] == reference.encode(text).ids


def test_training_twice_gives_the_same_file(tokenizer_folder: Path, sample_texts: list[str], tmp_path: Path) -> None:
    train_tokenizer(iter(sample_texts), tmp_path / "again", vocab_size=1024)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tokenizer_folder / name).read_bytes()


def test_the_chat_template_is_in_the_configuration_file(tokenizer_folder: Path) -> None:
    configuration = json.loads((tokenizer_folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert "{%- generation -%}" in configuration["chat_template"]


def test_too_little_text_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="too little for a vocabulary of 4096"):
        train_tokenizer(["One short sentence."], tmp_path / "out", vocab_size=4096)
    with pytest.raises(RecipeError, match="0 characters"):
        train_tokenizer([], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("vocab_size", [0, 256, 1000, 4100])
def test_a_vocabulary_that_would_be_padded_is_refused(vocab_size: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="multiple of 256"):
        train_tokenizer(["text"], tmp_path / "out", vocab_size=vocab_size)
