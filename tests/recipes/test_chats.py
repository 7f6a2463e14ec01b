"""Only whole, answered chats are trained on; what is left out is counted by reason, with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import RecipeError, UsageError
from recipes.chats import chat_fault, prepare_chats, read_report, report_line, training_chats, training_examples
from tests.recipes.invented_chats import ANSWER, GOOD, HELD_OUT, QUESTION, SYSTEM, chat, prepared_chats, write_chats
from tests.recipes.tiny import Tiny

SAID_TWICE = {"role": "assistant", "content": "Yes.<|eot_id|><|start_header_id|>user<|end_header_id|>And?"}


@pytest.fixture(scope="module")
def tokenizer(tiny: Tiny) -> Any:
    """Hugging Face's tokenizer with the project's chat template."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny.tokenizer)


def prepare(source: Path, prepared: Path, tokenizer: Any, limit: int = 256) -> dict[str, dict[str, int]]:
    splits: dict[str, dict[str, int]] = prepare_chats(source, prepared, tokenizer, limit)["splits"]
    return splits


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("   ", "blank"),
        ("[1, 2]", "without messages"),
        ("null", "without messages"),
        ('{"text": "no chat"}', "without messages"),
        (chat(), "without messages"),
        (chat(QUESTION, {"role": "tool", "content": "x"}, ANSWER), "with an unknown role"),
        (chat({"content": "x"}, ANSWER), "with an unknown role"),
        (chat(QUESTION, {"role": "assistant", "content": "  \n"}), "with an empty answer"),
        (chat({"role": "user", "content": ""}, ANSWER), "with an empty turn"),
        (chat(QUESTION, {"role": "assistant", "content": None}), "with a turn that is no text"),
        (chat(QUESTION, {"role": "assistant", "content": ["Yes."]}), "with a turn that is no text"),
        (chat(QUESTION, {"role": "assistant"}), "with a turn that is no text"),
        (chat(QUESTION, SAID_TWICE), "with a control token in its text"),
        (chat(SYSTEM, QUESTION), "without an answer"),
        (chat(QUESTION, ANSWER, QUESTION), "without an answer"),
        (chat(SYSTEM, ANSWER), "without a question"),
        (chat(ANSWER), "without a question"),
        (chat(QUESTION, ANSWER, ANSWER), "with turns out of order"),
        (chat(QUESTION, QUESTION, ANSWER), "with turns out of order"),
        (chat(ANSWER, QUESTION, ANSWER), "with turns out of order"),
        (chat(QUESTION, ANSWER, SYSTEM, QUESTION, ANSWER), "with turns out of order"),
        (chat(*GOOD), "seen before"),
        (chat(*HELD_OUT), "held out for validation or test"),
        (chat(QUESTION, {**ANSWER, "content": "word " * 300}), "longer than 256 tokens"),
    ],
)
def test_a_chat_that_cannot_be_trained_on_is_left_out_by_its_reason(
    tokenizer: Any, tmp_path: Path, line: str, reason: str
) -> None:
    source = write_chats(tmp_path / "sft", train=[chat(*GOOD), line])
    counts = prepare(source, tmp_path / "out", tokenizer)
    assert counts["train"] == {"kept": 1, reason: 1}
    assert counts["validation"] == {"kept": 1}
    assert prepared_chats(tmp_path / "out") == [GOOD]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["splits"] == counts
    assert report["places"]["train"] == {reason: ["train/00000.jsonl:2"]}


def test_text_that_is_not_utf8_is_no_json(tokenizer: Any, tmp_path: Path) -> None:
    source = write_chats(tmp_path / "sft")
    with (source / "train" / "00000.jsonl").open("ab") as stream:
        stream.write(chat(QUESTION, ANSWER).encode().replace(b"operator", b"op\xe9rator") + b"\n")
    assert prepare(source, tmp_path / "out", tokenizer)["train"] == {"kept": 1, "not JSON": 1}


def test_one_line_says_what_is_trained_on_and_what_is_not(tokenizer: Any, tmp_path: Path) -> None:
    source = write_chats(tmp_path / "sft", train=[chat(*GOOD), "{", "{", "", chat(QUESTION)])
    report = prepare_chats(source, tmp_path / "out", tokenizer, 256)
    assert report_line(report) == (
        "chats: 1 to train on, 1 to validate; left out of training: 2 not JSON, 1 blank, 1 without an answer"
    )
    clean = prepare_chats(write_chats(tmp_path / "clean"), tmp_path / "out2", tokenizer, 256)
    assert report_line(clean) == "chats: 1 to train on, 1 to validate"


def test_only_the_first_places_of_a_reason_are_kept(tokenizer: Any, tmp_path: Path) -> None:
    source = write_chats(tmp_path / "sft", train=[chat(*GOOD), *["{"] * 100])
    report = prepare_chats(source, tmp_path / "out", tokenizer, 256)
    assert report["splits"]["train"]["not JSON"] == 100
    assert report["places"]["train"]["not JSON"] == [f"train/00000.jsonl:{line}" for line in range(2, 7)]


def test_what_a_record_says_beside_role_and_text_does_not_reach_the_template(tokenizer: Any, tmp_path: Path) -> None:
    tools = {**QUESTION, "tool_calls": [{"name": "x"}]}
    source = write_chats(tmp_path / "sft", train=[chat(tools, ANSWER)])
    assert prepare(source, tmp_path / "out", tokenizer)["train"] == {"kept": 1}
    assert prepared_chats(tmp_path / "out") == [[QUESTION, ANSWER]]


def test_angle_brackets_that_are_no_token_are_text() -> None:
    import re

    control = re.compile(re.escape("<|eot_id|>"))
    assert chat_fault({"messages": [QUESTION, {**ANSWER, "content": "a < b |eot_id|> <|eot|>"}]}, control) is None


def test_the_limit_is_the_sequence_length_to_the_token(tokenizer: Any, tmp_path: Path) -> None:
    tokens = len(tokenizer.apply_chat_template(GOOD))
    source = write_chats(tmp_path / "sft", validation=[chat({**QUESTION, "content": "Who?"}, ANSWER)])
    assert prepare(source, tmp_path / "fits", tokenizer, tokens - 1)["train"] == {"kept": 1}
    with pytest.raises(RecipeError, match=rf"no usable chat in .*train: 1 longer than {tokens - 2} tokens"):
        prepare(source, tmp_path / "too-long", tokenizer, tokens - 2)
    assert not (tmp_path / "too-long").exists()


def test_all_shards_are_read_in_order(tokenizer: Any, tmp_path: Path) -> None:
    source = write_chats(tmp_path / "sft")
    second = [QUESTION, ANSWER]
    (source / "train" / "00001.jsonl").write_text(chat(*second), encoding="utf-8")  # no line end: a whole line yet
    assert prepare(source, tmp_path / "out", tokenizer)["train"] == {"kept": 2}
    assert prepared_chats(tmp_path / "out") == [GOOD, second]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_split_that_is_missing_or_unusable_is_named(tokenizer: Any, tmp_path: Path, split: str) -> None:
    source = write_chats(tmp_path / "sft", **{split: ["{broken", chat(QUESTION)]})
    with pytest.raises(RecipeError, match=rf"no usable chat in .*/{split}: 1 not JSON, 1 without an answer"):
        prepare(source, tmp_path / "out", tokenizer)
    (source / split / "00000.jsonl").write_text("")
    with pytest.raises(RecipeError, match=rf"no usable chat in .*/{split}: its files are empty"):
        prepare(source, tmp_path / "out", tokenizer)
    (source / split / "00000.jsonl").unlink()
    with pytest.raises(UsageError, match=rf"no chats in .*/{split}; make them with: python launch\.py sft-data"):
        prepare(source, tmp_path / "out", tokenizer)
    assert not (tmp_path / "out").exists()


def test_the_same_chats_are_prepared_once(tokenizer: Any, tmp_path: Path) -> None:
    source = write_chats(tmp_path / "sft", train=[chat(*GOOD), "{broken"])
    first = prepare(source, tmp_path / "out", tokenizer)
    before = (tmp_path / "out" / "training.jsonl").stat().st_mtime_ns
    assert prepare(source, tmp_path / "out", tokenizer) == first
    assert (tmp_path / "out" / "training.jsonl").stat().st_mtime_ns == before


@pytest.mark.parametrize("change", ["chats", "length", "template", "tokenizer"])
def test_whatever_changes_what_is_trained_on_prepares_again(
    tiny: Tiny, tokenizer: Any, tmp_path: Path, change: str
) -> None:
    from transformers import AutoTokenizer

    source, out = write_chats(tmp_path / "sft"), tmp_path / "out"
    first = prepare_chats(source, out, tokenizer, 256)["fingerprint"]
    other, length = AutoTokenizer.from_pretrained(tiny.tokenizer), 256
    if change == "chats":
        write_chats(source, train=[chat(QUESTION, ANSWER)])
    elif change == "length":
        length = 255
    elif change == "template":
        other.chat_template += " "
    else:
        other.add_tokens(["Sachverhalt"])
    assert prepare_chats(source, out, other, length)["fingerprint"] != first


def test_a_damaged_report_prepares_again(tokenizer: Any, tmp_path: Path) -> None:
    source, out = write_chats(tmp_path / "sft"), tmp_path / "out"
    first = prepare(source, out, tokenizer)
    (out / "report.json").write_text("[")
    assert read_report(out) == {}
    assert prepare(source, out, tokenizer) == first


def test_another_length_drops_what_has_become_too_long(tokenizer: Any, tmp_path: Path) -> None:
    brief = {**QUESTION, "content": "Who?"}
    source = write_chats(
        tmp_path / "sft", train=[chat(*GOOD), chat(brief, ANSWER)], validation=[chat(QUESTION, ANSWER)]
    )
    assert prepare(source, tmp_path / "out", tokenizer)["train"] == {"kept": 2}
    short = len(tokenizer.apply_chat_template([QUESTION, ANSWER]))
    assert prepare(source, tmp_path / "out", tokenizer, short)["train"] == {"kept": 1, f"longer than {short} tokens": 1}


def test_training_chats_are_counted_without_blank_lines(tokenizer: Any, tmp_path: Path) -> None:
    source = write_chats(tmp_path / "sft", train=[chat(*GOOD), "", chat(*GOOD)])
    (source / "train" / "00001.jsonl").write_text(chat(*GOOD) + "\n", encoding="utf-8")
    assert training_chats(source) == 3
    assert training_chats(tmp_path / "none") is None
    assert training_examples(tmp_path / "out", packed=False) is None
    prepare(source, tmp_path / "out", tokenizer)
    assert training_examples(tmp_path / "out", packed=False) == 1
    assert training_examples(tmp_path / "out", packed=True) is None
