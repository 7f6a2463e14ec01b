"""The validation chats of instruction tuning are told apart by language, in the order in which they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.recipes.invented_chats import ANSWER, QUESTION, write_chats
from tests.recipes.tiny import Tiny

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


def line(number: int, language: str | None) -> str:
    turns = [{**QUESTION, "content": f"What does Article {number} say in {language}?"}, ANSWER]
    return json.dumps({"messages": turns, "metadata": {"language": language} if language else {}})


def module(tiny: Tiny, folder: Path, languages: list[str | None]) -> Any:
    import fiddle as fdl

    from recipes import model
    from recipes.chat_data import CitedChatDataModule

    chats = [line(number, language) for number, language in enumerate(languages)]
    source = write_chats(folder / "sft", validation=[*chats[:2], "{broken", *chats[2:]])
    tokenizer = fdl.build(model.tokenizer(tiny.nemo))
    made = CitedChatDataModule(
        str(source), str(folder / "chats"), tokenizer, seq_length=256, micro_batch_size=1, global_batch_size=1
    )
    made.prepare_data()
    return made


def test_each_chat_has_its_own_language(tiny: Tiny, tmp_path: Path) -> None:
    languages = ["pt", "en", "de", "en", "pt"]
    data = module(tiny, tmp_path, list(languages))
    known = data.validation_languages()
    assert known.names == ["de", "en", "pt"]
    assert [known.names[place] for place in known.places] == languages
    chats = data._create_dataset(data.validation_path, is_test=True)
    for number, language in enumerate(languages):
        assert f" in {language}?" in data.tokenizer.tokenizer.decode(chats[number]["input_ids"])


def test_where_a_chat_does_not_say_its_language_none_are_told_apart(tiny: Tiny, tmp_path: Path) -> None:
    assert module(tiny, tmp_path, ["pt", None]).validation_languages() is None
