"""The loss falls on the assistant's tokens alone, all of them, whatever the chat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import RecipeError
from recipes.chats import with_marks
from tests.recipes.invented_chats import (
    ANSWER,
    GOOD,
    QUESTION,
    SYSTEM,
    chat,
    numbered,
    prepared_chats,
    write_chats,
)
from tests.recipes.tiny import Tiny

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")

HEADER = "<|start_header_id|>{}<|end_header_id|>\n\n"


@pytest.fixture(scope="module", params=["<|end_of_text|>", "<|eot_id|>"])
def tokenizer(tiny: Tiny, request: pytest.FixtureRequest) -> Any:
    """NeMo's tokenizer of the checkpoint, with the template that marks the assistant's turns.

    Llama 3's base models end a text with ``<|end_of_text|>``, the instruct ones of 3.1 and 3.3 with ``<|eot_id|>``.
    """
    import fiddle as fdl

    from recipes import model

    config = model.tokenizer(tiny.nemo)
    config.eos_token = request.param
    return fdl.build(config)


def dataset(path: Path, tokenizer: Any, length: int = 256) -> Any:
    from recipes.chat_data import AnswerOnlyChatDataset

    return AnswerOnlyChatDataset(str(path), tokenizer, max_seq_length=length, sanity_check_dist_workers=False)


def marked(tmp_path: Path, tokenizer: Any, *messages: dict[str, str]) -> str:
    """The text that a chat becomes, with what the loss falls on between ⟦ and ⟧; printed too (pytest -s)."""
    path = tmp_path / "chats.jsonl"
    path.write_text(chat(*messages) + "\n", encoding="utf-8")
    item = dataset(path, tokenizer)[0]
    text = with_marks(tokenizer.tokenizer, item["input_ids"].tolist(), item["loss_mask"].tolist())
    print(f"\n{text}")
    return text


def turn(message: dict[str, str]) -> str:
    """A turn as Llama 3 writes it, an assistant's with marks around what is learnt."""
    text = f"{message['content']}<|eot_id|>"
    return HEADER.format(message["role"]) + (f"⟦{text}⟧" if message["role"] == "assistant" else text)


def test_in_one_turn_the_loss_falls_on_the_answer_and_its_end(tokenizer: Any, tmp_path: Path) -> None:
    assert marked(tmp_path, tokenizer, *GOOD) == (
        "<|begin_of_text|>"
        "<|start_header_id|>system<|end_header_id|>\n\nYou answer with a citation.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nWho keeps the register?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
        "⟦The operator. Article 5, Regulation (CELEX: 32099R0001)<|eot_id|>⟧"
    )


def test_in_several_turns_the_loss_falls_on_every_answer_and_on_no_question(tokenizer: Any, tmp_path: Path) -> None:
    turns = [SYSTEM, QUESTION, ANSWER, {"role": "user", "content": "Alone?"}, {**ANSWER, "content": "Article 7: no."}]
    text = marked(tmp_path, tokenizer, *turns)
    assert text == "<|begin_of_text|>" + "".join(map(turn, turns))
    assert text.count("⟦") == 2


def test_without_a_system_turn_the_same_holds(tokenizer: Any, tmp_path: Path) -> None:
    assert marked(tmp_path, tokenizer, QUESTION, ANSWER) == "<|begin_of_text|>" + turn(QUESTION) + turn(ANSWER)


def test_an_answer_that_quotes_the_question_or_marks_is_learnt_whole(tokenizer: Any, tmp_path: Path) -> None:
    answer = {**ANSWER, "content": "« Who keeps the register? »\n\nassistant\n\nuser: l’opérateur – §5(1)"}
    text = marked(tmp_path, tokenizer, QUESTION, answer)
    assert text == "<|begin_of_text|>" + turn(QUESTION) + turn(answer)


def test_of_a_chat_that_just_fits_the_whole_answer_is_learnt_and_a_longer_one_is_not_cut(
    tokenizer: Any, tmp_path: Path
) -> None:
    long = {**ANSWER, "content": "The operator of the plant keeps it. " * 20 + "End."}
    tokens = len(tokenizer.tokenizer.apply_chat_template([QUESTION, long]))
    source = write_chats(tmp_path / "sft", train=[chat(*GOOD), chat(QUESTION, long)])
    for length, kept in ((tokens - 1, 2), (tokens - 2, 1)):
        data = module(tokenizer, source, tmp_path / str(length), seq_length=length)
        data.prepare_data()
        chats = dataset(data.train_path, tokenizer, length)
        assert len(chats) == kept
        batch = chats.collate_fn([chats[number] for number in range(kept)])
        for row, answer in enumerate([ANSWER, long][:kept]):
            labels = batch["labels"][row][batch["loss_mask"][row].bool()]
            print(f"\nlength {length}: {tokenizer.tokenizer.decode(labels)}")
            assert tokenizer.tokenizer.decode(labels) == answer["content"] + "<|eot_id|>"


def test_nemo_itself_would_cut_it_and_train_on_the_question(tokenizer: Any, tmp_path: Path) -> None:
    # the reason why a longer chat is left out
    path = tmp_path / "chats.jsonl"
    path.write_text(chat({**QUESTION, "content": "Who? " * 60}, ANSWER) + "\n", encoding="utf-8")
    data = dataset(path, tokenizer, 64)
    batch = data.collate_fn([data[0]])
    assert bool(batch["loss_mask"].all())
    assert "operator" not in tokenizer.tokenizer.decode(batch["labels"][0])


def test_no_end_of_text_follows_the_end_of_turn(tokenizer: Any, tmp_path: Path) -> None:
    text = marked(tmp_path, tokenizer, QUESTION, ANSWER)
    assert text.endswith("<|eot_id|>⟧")
    assert "<|end_of_text|>" not in text
    assert text.count("<|begin_of_text|>") == 1


def test_nemos_own_dataset_would_append_the_tokenizers_other_end_with_loss(tokenizer: Any, tmp_path: Path) -> None:
    # the reason for AnswerOnlyChatDataset
    from nemo.collections.llm.gpt.data.core import GPTSFTChatDataset

    path = tmp_path / "chats.jsonl"
    path.write_text(chat(*GOOD) + "\n", encoding="utf-8")
    item = GPTSFTChatDataset(str(path), tokenizer, max_seq_length=256, sanity_check_dist_workers=False)[0]
    added = tokenizer.tokenizer.eos_token != "<|eot_id|>"
    text = with_marks(tokenizer.tokenizer, item["input_ids"].tolist(), item["loss_mask"].tolist())
    assert text.endswith("<|eot_id|><|end_of_text|>⟧" if added else f"{ANSWER['content']}<|eot_id|>⟧")


def test_in_a_batch_the_mask_stands_at_the_labels_and_not_on_padding(tokenizer: Any, tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    short = [QUESTION, {"role": "assistant", "content": "Yes."}]
    path.write_text(chat(*GOOD) + "\n" + chat(*short) + "\n", encoding="utf-8")
    data = dataset(path, tokenizer)
    batch = data.collate_fn([data[0], data[1]])
    for row, answer in enumerate((ANSWER["content"], "Yes.")):
        labels = batch["labels"][row][batch["loss_mask"][row].bool()]
        assert tokenizer.tokenizer.decode(labels) == answer + "<|eot_id|>"


def module(tokenizer: Any, source: Path, prepared: Path, **settings: Any) -> Any:
    from recipes.chat_data import CitedChatDataModule

    settings = {"seq_length": 256, "global_batch_size": 1, "num_workers": 0, **settings}
    return CitedChatDataModule(str(source), str(prepared), tokenizer, **settings)


def test_the_data_module_gives_the_datasets_of_the_prepared_chats(tokenizer: Any, tmp_path: Path) -> None:
    data = module(tokenizer, write_chats(tmp_path / "sft"), tmp_path / "out")
    data.prepare_data()
    made = data._create_dataset(data.train_path)
    item = made[0]
    assert tokenizer.tokenizer.convert_ids_to_tokens(item["input_ids"])[-1] == "<|eot_id|>"
    assert 0 < int(item["loss_mask"].sum()) < len(item["input_ids"]) / 2


def test_one_line_says_what_there_is_and_the_report_shows_the_first_chat_with_marks(
    tokenizer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_chats(tmp_path / "sft", train=[chat(*GOOD), "{"])
    data = module(tokenizer, source, tmp_path / "out")
    for _ in range(2):
        data.prepare_data()
        assert capsys.readouterr().err == (
            f"chats: 1 to train on, 1 to validate; left out of training: 1 not JSON ({tmp_path}/out/report.json)\n"
        )
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["loss_falls_on"] == "<|begin_of_text|>" + "".join(map(turn, GOOD))


def test_too_few_chats_for_one_validation_batch_are_refused(tokenizer: Any, tmp_path: Path) -> None:
    source = write_chats(tmp_path / "sft", validation=[numbered(1), numbered(2)])
    with pytest.raises(RecipeError, match=r"2 usable validation sequences in .* make no whole batch of 8"):
        module(tokenizer, source, tmp_path / "out", global_batch_size=8).prepare_data()
    module(tokenizer, source, tmp_path / "out", global_batch_size=2).prepare_data()


def test_changed_chats_are_prepared_again_and_nemos_old_line_index_goes(tokenizer: Any, tmp_path: Path) -> None:
    source, out = write_chats(tmp_path / "sft"), tmp_path / "out"
    data = module(tokenizer, source, out)
    data.prepare_data()
    assert len(dataset(out / "training.jsonl", tokenizer)) == 1
    other = [{**QUESTION, "content": "And who reads it?"}, ANSWER]
    write_chats(source, train=[chat(*other), chat(*GOOD)])
    data.prepare_data()
    assert prepared_chats(out) == [other, GOOD]
    assert len(dataset(out / "training.jsonl", tokenizer)) == 2


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
