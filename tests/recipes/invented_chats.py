"""Invented chats, and the folders that `sft-data` would write them to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SYSTEM = {"role": "system", "content": "You answer with a citation."}
QUESTION = {"role": "user", "content": "Who keeps the register?"}
ANSWER = {"role": "assistant", "content": "The operator. Article 5, Regulation (CELEX: 32099R0001)"}
GOOD = [SYSTEM, QUESTION, ANSWER]
HELD_OUT = [SYSTEM, {"role": "user", "content": "Who may read it?"}, {"role": "assistant", "content": "Everybody."}]


def chat(*messages: dict[str, Any]) -> str:
    """A line of a shard."""
    return json.dumps({"messages": list(messages), "metadata": {"language": "en"}})


def numbered(number: int, words: int = 3) -> str:
    """A chat that is like no other, with an answer of so many words."""
    question = {**QUESTION, "content": f"What does Article {number} say?"}
    return chat(question, {**ANSWER, "content": " ".join(f"word{number}" for _ in range(words))})


def write_chats(folder: Path, **splits: list[str]) -> Path:
    """Write lines to ``folder/<split>/00000.jsonl``; train and validation get one good chat where none is given."""
    for split, lines in {"train": [chat(*GOOD)], "validation": [chat(*HELD_OUT)], **splits}.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        (folder / split / "00000.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def prepared_chats(folder: Path, split: str = "training") -> list[list[dict[str, str]]]:
    """The chats that were found usable."""
    lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["messages"] for line in lines]
