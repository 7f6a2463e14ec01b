"""Only whole, answered chats are trained on, and the loss falls on the assistant's tokens alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import RecipeError, UsageError
from tests.recipes.tiny import Tiny

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")

SYSTEM = {"role": "system", "content": "You answer with a citation."}
QUESTION = {"role": "user", "content": "Who keeps the register?"}
ANSWER = {"role": "assistant", "content": "The operator. Article 5, Regulation (CELEX: 32099R0001)"}
GOOD = [SYSTEM, QUESTION, ANSWER]


def chat(*messages: dict[str, Any]) -> str:
    return json.dumps({"messages": list(messages), "metadata": {"language": "en"}})


def write_chats(folder: Path, **splits: list[str]) -> Path:
    """Write lines to ``folder/<split>/00000.jsonl``; train and validation get one good chat where none is given."""
    for split, lines in {"train": [chat(*GOOD)], "validation": [chat(*GOOD)], **splits}.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        (folder / split / "00000.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def tokenizer(tiny: Tiny) -> Any:
    """NeMo's tokenizer of the checkpoint, with the template that marks the assistant's turns."""
    import fiddle as fdl

    from recipes import model

    return fdl.build(model.tokenizer(tiny.nemo))


def prepare(source: Path, prepared: Path, tokenizer: Any, limit: int = 256) -> dict[str, dict[str, int]]:
    from recipes.chat_data import prepare_chats

    return prepare_chats(source, prepared, tokenizer.tokenizer, limit)


def prepared_chats(folder: Path, split: str = "training") -> list[list[dict[str, str]]]:
    lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["messages"] for line in lines]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "not JSON"),
        ("[1, 2]", "without messages"),
        ("null", "without messages"),
        ('{"text": "no chat"}', "without messages"),
        (chat(), "without messages"),
        (chat(QUESTION, {"role": "tool", "content": "x"}, ANSWER), "with an unknown role"),
        (chat({"content": "x"}, ANSWER), "with an unknown role"),
        (chat(QUESTION, {"role": "assistant", "content": "  \n"}), "with an empty turn"),
        (chat(QUESTION, {"role": "assistant", "content": None}), "with an empty turn"),
        (chat({"role": "user", "content": ""}, ANSWER), "with an empty turn"),
        (chat(SYSTEM, QUESTION), "without an answer"),
        (chat(QUESTION, ANSWER, QUESTION), "without an answer"),
        (chat(QUESTION, {**ANSWER, "content": "word " * 300}), "longer than 256 tokens"),
    ],
)
def test_a_chat_that_cannot_be_trained_on_is_dropped_by_its_reason(
    tokenizer: Any, tmp_path: Path, line: str, reason: str
) -> None:
    source = write_chats(tmp_path / "sft", train=[line, chat(*GOOD)])
    counts = prepare(source, tmp_path / "out", tokenizer)
    assert counts["train"] == {"kept": 1, reason: 1}
    assert counts["validation"] == {"kept": 1}
    assert prepared_chats(tmp_path / "out") == [GOOD]
    assert json.loads((tmp_path / "out" / "report.json").read_text())["splits"] == counts


def test_the_limit_is_the_sequence_length_to_the_token(tokenizer: Any, tmp_path: Path) -> None:
    tokens = len(tokenizer.tokenizer.apply_chat_template(GOOD))
    source = write_chats(tmp_path / "sft")
    assert prepare(source, tmp_path / "fits", tokenizer, tokens - 1)["train"] == {"kept": 1}
    with pytest.raises(RecipeError, match=rf"no usable chat in .*train: 1 longer than {tokens - 2} tokens"):
        prepare(source, tmp_path / "too-long", tokenizer, tokens - 2)


def test_blank_lines_are_no_chats_and_all_shards_are_read_in_order(tokenizer: Any, tmp_path: Path) -> None:
    source = write_chats(tmp_path / "sft", train=["", chat(*GOOD), "   "])
    second = [QUESTION, ANSWER]
    (source / "train" / "00001.jsonl").write_text(chat(*second) + "\n", encoding="utf-8")
    assert prepare(source, tmp_path / "out", tokenizer)["train"] == {"kept": 2}
    assert prepared_chats(tmp_path / "out") == [GOOD, second]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_split_that_is_missing_or_unusable_is_named(tokenizer: Any, tmp_path: Path, split: str) -> None:
    source = write_chats(tmp_path / "sft", **{split: ["{broken", chat(QUESTION)]})
    with pytest.raises(RecipeError, match=rf"no usable chat in .*/{split}: 1 not JSON, 1 without an answer"):
        prepare(source, tmp_path / "out", tokenizer)
    (source / split / "00000.jsonl").unlink()
    with pytest.raises(UsageError, match=rf"no chats in .*/{split}; make them with: python launch\.py sft-data"):
        prepare(source, tmp_path / "out", tokenizer)


def test_the_same_chats_are_prepared_once(tokenizer: Any, tmp_path: Path) -> None:
    source = write_chats(tmp_path / "sft", train=[chat(*GOOD), "{broken"])
    first = prepare(source, tmp_path / "out", tokenizer)
    before = (tmp_path / "out" / "training.jsonl").stat().st_mtime_ns
    assert prepare(source, tmp_path / "out", tokenizer) == first
    assert (tmp_path / "out" / "training.jsonl").stat().st_mtime_ns == before


def test_changed_chats_are_prepared_again_and_nemos_old_line_index_goes(tokenizer: Any, tmp_path: Path) -> None:
    source, out = write_chats(tmp_path / "sft"), tmp_path / "out"
    prepare(source, out, tokenizer)
    assert len(dataset(out / "training.jsonl", tokenizer)) == 1
    assert list(out.glob("training.jsonl.idx*")) != []
    other = [{**QUESTION, "content": "And who reads it?"}, ANSWER]
    write_chats(source, train=[chat(*other), chat(*GOOD)])
    assert prepare(source, out, tokenizer)["train"] == {"kept": 2}
    assert prepared_chats(out) == [other, GOOD]
    assert list(out.glob("training.jsonl.idx*")) == []
    assert len(dataset(out / "training.jsonl", tokenizer)) == 2


def test_another_length_prepares_again(tokenizer: Any, tmp_path: Path) -> None:
    brief = chat(QUESTION, ANSWER)
    source, out = write_chats(tmp_path / "sft", train=[chat(*GOOD), brief], validation=[brief]), tmp_path / "out"
    assert prepare(source, out, tokenizer)["train"] == {"kept": 2}
    short = len(tokenizer.tokenizer.apply_chat_template([QUESTION, ANSWER]))
    assert prepare(source, out, tokenizer, short)["train"] == {"kept": 1, f"longer than {short} tokens": 1}


def dataset(path: Path, tokenizer: Any) -> Any:
    from recipes.chat_data import AnswerOnlyChatDataset

    return AnswerOnlyChatDataset(str(path), tokenizer, max_seq_length=256, sanity_check_dist_workers=False)


def example(tmp_path: Path, tokenizer: Any, *messages: dict[str, str]) -> tuple[list[str], list[str]]:
    """All tokens of a chat as the dataset gives them, and those with loss."""
    path = tmp_path / "chats.jsonl"
    path.write_text(chat(*messages) + "\n", encoding="utf-8")
    item = dataset(path, tokenizer)[0]
    tokens = tokenizer.tokenizer.convert_ids_to_tokens(item["input_ids"])
    return tokens, [token for token, loss in zip(tokens, item["loss_mask"].tolist(), strict=True) if loss]


def pieces(tokenizer: Any, text: str) -> list[str]:
    ids = tokenizer.tokenizer(text, add_special_tokens=False)["input_ids"]
    return list(tokenizer.tokenizer.convert_ids_to_tokens(ids))


def test_the_loss_falls_on_the_answer_and_its_end_of_turn(tokenizer: Any, tmp_path: Path) -> None:
    tokens, trained = example(tmp_path, tokenizer, *GOOD)
    assert trained == pieces(tokenizer, ANSWER["content"] + "<|eot_id|>")
    assert tokens[-len(trained) :] == trained
    assert tokens[0] == "<|begin_of_text|>"
    assert tokens.count("<|begin_of_text|>") == 1


def test_in_several_turns_the_loss_falls_on_every_answer_and_on_no_question(tokenizer: Any, tmp_path: Path) -> None:
    second = {"role": "assistant", "content": "Article 7 says no."}
    _, trained = example(tmp_path, tokenizer, SYSTEM, QUESTION, ANSWER, {"role": "user", "content": "Alone?"}, second)
    assert trained == pieces(tokenizer, ANSWER["content"] + "<|eot_id|>") + pieces(
        tokenizer, second["content"] + "<|eot_id|>"
    )


def test_no_end_of_text_follows_the_end_of_turn(tokenizer: Any, tmp_path: Path) -> None:
    tokens, _ = example(tmp_path, tokenizer, QUESTION, ANSWER)
    assert tokens[-1] == "<|eot_id|>"
    assert "<|end_of_text|>" not in tokens


def test_nemos_own_dataset_would_append_it_with_loss(tokenizer: Any, tmp_path: Path) -> None:
    # the reason for AnswerOnlyChatDataset
    from nemo.collections.llm.gpt.data.core import GPTSFTChatDataset

    path = tmp_path / "chats.jsonl"
    path.write_text(chat(*GOOD) + "\n", encoding="utf-8")
    item = GPTSFTChatDataset(str(path), tokenizer, max_seq_length=256, sanity_check_dist_workers=False)[0]
    assert item["input_ids"][-1] == tokenizer.eos_id
    assert bool(item["loss_mask"][-1])


def test_in_a_batch_the_mask_stands_at_the_labels_and_not_on_padding(tokenizer: Any, tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    short = [QUESTION, {"role": "assistant", "content": "Yes."}]
    path.write_text(chat(*GOOD) + "\n" + chat(*short) + "\n", encoding="utf-8")
    data = dataset(path, tokenizer)
    batch = data.collate_fn([data[0], data[1]])
    for row, answer in enumerate((ANSWER["content"], "Yes.")):
        labels = batch["labels"][row][batch["loss_mask"][row].bool()]
        assert tokenizer.tokenizer.convert_ids_to_tokens(labels) == pieces(tokenizer, answer + "<|eot_id|>")


def module(tokenizer: Any, source: Path, prepared: Path) -> Any:
    from recipes.chat_data import CitedChatDataModule

    return CitedChatDataModule(str(source), str(prepared), tokenizer, seq_length=256, num_workers=0)


def test_the_data_module_gives_the_datasets_of_the_prepared_chats(tokenizer: Any, tmp_path: Path) -> None:
    data = module(tokenizer, write_chats(tmp_path / "sft"), tmp_path / "out")
    data.prepare_data()
    made = data._create_dataset(data.train_path)
    item = made[0]
    assert tokenizer.tokenizer.convert_ids_to_tokens(item["input_ids"])[-1] == "<|eot_id|>"
    assert 0 < int(item["loss_mask"].sum()) < len(item["input_ids"]) / 2


def test_a_template_without_marks_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    from nemo.collections.common.tokenizers.huggingface.auto_tokenizer import AutoTokenizer

    unmarked = "{% for m in messages %}{{ m['role'] + m['content'] }}{% endfor %}"
    for template in (unmarked, ""):
        other = AutoTokenizer(str(tiny.tokenizer))
        other.tokenizer.chat_template = template
        with pytest.raises(RecipeError, match="does not mark the assistant's turns"):
            module(other, tmp_path, tmp_path)


def test_a_prompt_for_generation_alone_is_no_mark(tiny: Tiny, tmp_path: Path) -> None:
    # Llama 3's published template names add_generation_prompt and has no {% generation %}
    from nemo.collections.common.tokenizers.huggingface.auto_tokenizer import AutoTokenizer

    other = AutoTokenizer(str(tiny.tokenizer))
    loop, prompt = "{% for m in messages %}{{ m['content'] }}{% endfor %}", "{% if add_generation_prompt %}x{% endif %}"
    other.tokenizer.chat_template = loop + prompt
    with pytest.raises(RecipeError, match="does not mark the assistant's turns"):
        module(other, tmp_path, tmp_path)


def test_training_chats_are_counted_without_blank_lines(tmp_path: Path) -> None:
    from recipes.chat_data import training_chats

    source = write_chats(tmp_path / "sft", train=[chat(*GOOD), "", chat(*GOOD)])
    (source / "train" / "00001.jsonl").write_text(chat(*GOOD) + "\n", encoding="utf-8")
    assert training_chats(source) == 3
    assert training_chats(tmp_path / "none") is None
