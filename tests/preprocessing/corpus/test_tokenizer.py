from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.corpus.tokenizer import SPECIAL_TOKENS, Encoder, load_tokenizer
from preprocessing.errors import RecipeError, UsageError
from tests.preprocessing.corpus.conftest import make_tokenizer

ODD = [
    "",
    " ",
    "\n\n  a\r\n\t b \n",
    "e\u0301 é \ufb01 ſ K Å",
    "1 234 567,89\u00a0EUR\u202f– 2016/679",
    "👩‍⚖️🇪🇺 \u200b\ufeff\u2028\u2029",
    "日本語 العربية עברית ελληνικά",
    "\x00\x01\x7f\ufffd\U0010ffff",
    "don't WE'LL l’article ‘X’ “Y” «Z» „Ü“",
    "a <|end_of_text|> b<|begin_of_text|>",
    "x" * 5000,
    "½ ⅷ ① ² 𝒳 Ⅻ",
]


@pytest.fixture(scope="module")
def hugging_face(tokenizer_folder: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tokenizer_folder)


@pytest.fixture(scope="module")
def encoder(tokenizer_folder: Path) -> Encoder:
    return Encoder(load_tokenizer(tokenizer_folder))


def test_odd_text_gives_the_tokens_of_hugging_face_and_end_of_text(hugging_face, encoder: Encoder):
    for text, tokens in zip(ODD, encoder.encode(ODD), strict=True):
        assert tokens.tolist() == [*hugging_face(text)["input_ids"], hugging_face.eos_token_id], repr(text)


def test_begin_of_text_stands_once_in_front(hugging_face, encoder: Encoder):
    begin = hugging_face.bos_token_id
    assert encoder.encode(["Article 1"])[0].tolist().count(begin) == 1
    assert encoder.encode(["Article 1"])[0][0] == begin


@settings(max_examples=200)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_any_text_gives_the_tokens_of_hugging_face(hugging_face, encoder: Encoder, texts: list[str]):
    expected = [[*hugging_face(text)["input_ids"], hugging_face.eos_token_id] for text in texts]
    assert [tokens.tolist() for tokens in encoder.encode(texts)] == expected


def test_facts_are_those_of_the_tokenizer(tokenizer_folder: Path, hugging_face):
    facts = load_tokenizer(tokenizer_folder)
    assert facts.vocab_size == len(hugging_face)
    assert facts.end_of_text_id == hugging_face.convert_tokens_to_ids("<|end_of_text|>")
    assert facts.before == (hugging_face.bos_token_id,) and facts.after == ()
    assert len(facts.sha256) == 64


def test_saved_padding_and_truncation_do_not_change_documents(tokenizer_folder: Path, tmp_path: Path):
    value = json.loads((tokenizer_folder / "tokenizer.json").read_text(encoding="utf-8"))
    value["truncation"] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")
    plain, changed = load_tokenizer(tokenizer_folder), load_tokenizer(tmp_path)
    text = "The competent authority shall inform the operator."
    assert Encoder(changed).encode([text])[0].tolist() == Encoder(plain).encode([text])[0].tolist()


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="nowhere does not exist"):
        load_tokenizer(tmp_path / "nowhere")


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=r"holds no tokenizer\.json"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("content", ["", "not json", "{}", '{"version": "1.0", "model": {"type": "What"}}'])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: str):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UsageError, match="cannot be read as a tokenizer"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_without_end_of_text_is_refused(tmp_path: Path):
    make_tokenizer(tmp_path, tuple(token for token in SPECIAL_TOKENS if token != "<|end_of_text|>"))
    with pytest.raises(RecipeError, match="no end-of-text token"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_without_chat_tokens_is_refused_by_their_names(tmp_path: Path):
    make_tokenizer(tmp_path, ("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"))
    with pytest.raises(RecipeError, match=r"<\|start_header_id\|>, <\|end_header_id\|>"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_that_the_fast_encoder_cannot_reproduce_is_refused(tmp_path: Path, tokenizer_folder: Path):
    value = json.loads((tokenizer_folder / "tokenizer.json").read_text(encoding="utf-8"))
    value["normalizer"] = {"type": "Lowercase"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(RecipeError, match="gigatoken"):
        load_tokenizer(tmp_path)
