"""The chats of ``sft-data``, looked at one by one before the first step.

What can't be trained on whole is left out by rule and counted, with the places where it stands, in
``chats/report.json``. Nothing is ever cut: half an answer teaches stopping in the middle of a sentence.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xxhash

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_folder, write_json

# our name of a split -> NeMo's. Validation and test come first: what they hold is left out of training
SPLITS = {"validation": "validation", "test": "test", "train": "training"}
ROLES = ("system", "user", "assistant")
REPORT = "report.json"
_BATCH = 1000  # chats tokenized at once
_PLACES = 5  # of each reason, in the report


class LeftOut:
    """The chats of a split that were left out: how many for each reason, and where the first of them stand."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.places: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, reason: str, place: str) -> None:
        """Count one; ``place`` is ``train/train-00000-of-00008.jsonl:3``."""
        self.counts[reason] += 1
        if len(self.places[reason]) < _PLACES:
            self.places[reason].append(place)

    def text(self) -> str:
        """``2 not JSON, 1 without an answer``."""
        return ", ".join(f"{count:,} {reason}" for reason, count in self.counts.most_common())


def training_chats(source: Path) -> int | None:
    """How many training chats ``source`` holds, None where it does not exist yet."""
    shards = sorted((source / "train").glob("*.jsonl"))
    if not shards:
        return None
    return sum(sum(1 for line in shard.open("rb") if line.strip()) for shard in shards)


def training_examples(prepared: Path, packed: bool) -> int | None:
    """How many sequences there are to train on, chats or packs of them; None before they were prepared."""
    report = read_report(prepared)
    if packed:
        return report.get("packing", {}).get("train", {}).get("sequences")
    return report.get("splits", {}).get("train", {}).get("kept")


def read_report(prepared: Path) -> dict[str, Any]:
    """The report in ``prepared``; empty where nothing was prepared there, or the file is damaged."""
    try:
        report = json.loads((prepared / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def prepare_chats(source: Path, prepared: Path, tokenizer: Any, sequence_length: int) -> dict[str, Any]:
    """Write the usable chats of ``source`` to ``prepared/{training,validation,test}.jsonl``; return the report.

    With the same chats, tokenizer and length a second call does nothing.

    Args:
        source: the folder that ``sft-data`` wrote.
        prepared: replaced as a whole, and only when every split has usable chats.
        tokenizer: Hugging Face's, with the chat template that marks the assistant's turns.
        sequence_length: tokens of a sequence.

    Raises:
        UsageError: ``source`` holds no chats.
        RecipeError: a split has no usable chat.
    """
    shards = {split: sorted((source / split).glob("*.jsonl")) for split in SPLITS}
    for split in ("train", "validation"):
        if not shards[split]:
            raise UsageError(f"no chats in {source / split}; make them with: python launch.py sft-data")
    key = _fingerprint(shards, tokenizer, sequence_length)
    report = read_report(prepared)
    if report.get("fingerprint") == key:
        return report
    report = {"fingerprint": key, "splits": {}, "places": {}}
    held_out: set[bytes] = set()
    # a folder of its own: NeMo keeps a line index beside a file and believes it, whatever the file has become
    with atomic_folder(prepared) as partial:
        for split, name in SPLITS.items():
            left_out, seen = LeftOut(), set[bytes]()
            usable = _fitting(_well_formed(shards[split], tokenizer, left_out), tokenizer, sequence_length, left_out)
            with (partial / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
                for place, chat in usable:
                    digest = xxhash.xxh3_128_digest(json.dumps(chat["messages"], sort_keys=True).encode())
                    if digest in seen:
                        left_out.add("seen before", place)
                    elif split == "train" and digest in held_out:
                        left_out.add("held out for validation or test", place)
                    else:
                        seen.add(digest)
                        stream.write(json.dumps(chat, ensure_ascii=False) + "\n")
            if not seen and shards[split]:
                raise RecipeError(f"no usable chat in {source / split}: {left_out.text() or 'its files are empty'}")
            held_out |= seen
            report["splits"][split] = {"kept": len(seen), **left_out.counts}
            report["places"][split] = dict(left_out.places)
        write_json(partial / REPORT, report)
    return report


def report_line(report: dict[str, Any], packed: bool = False) -> str:
    """One line for a person: what is trained on, and what was left out and why."""
    train, validation = report["splits"]["train"], report["splits"]["validation"]
    gone = ", ".join(f"{count:,} {reason}" for reason, count in train.items() if reason != "kept")
    line = f"chats: {train['kept']:,} to train on, {validation['kept']:,} to validate"
    if packed:
        packing = report["packing"]["train"]
        line += f"; packed into {packing['sequences']:,} sequences, {packing['filled']:.1%} filled"
    return f"{line}; left out of training: {gone}" if gone else line


def chat_fault(chat: Any, control: re.Pattern[str] | None = None) -> str | None:
    """What is wrong with a chat record, or None.

    It needs turns with text: a system's at most, and that first, then a user's and an assistant's by turns, the last an
    assistant's. No text may hold what ``control`` finds: the tokenizer would read it as the end of a turn.
    """
    messages = chat.get("messages") if isinstance(chat, dict) else None
    if not isinstance(messages, list) or not messages:
        return "without messages"
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return "with an unknown role"
        content = message.get("content")
        if not isinstance(content, str):
            return "with a turn that is no text"
        if not content.strip():
            return "with an empty answer" if message["role"] == "assistant" else "with an empty turn"
        if control and control.search(content):
            return "with a control token in its text"
    roles = [message["role"] for message in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    if roles[-1] != "assistant":
        return "without an answer"
    if "user" not in turns:
        return "without a question"
    if turns != ["user", "assistant"] * (len(turns) // 2):
        return "with turns out of order"
    return None


def with_marks(tokenizer: Any, tokens: list[int], trained: list[bool]) -> str:
    """The text of ``tokens``, with what the loss falls on between ⟦ and ⟧."""
    text = ""
    for mark, run in itertools.groupby(zip(tokens, trained, strict=True), key=lambda pair: bool(pair[1])):
        piece = tokenizer.decode([token for token, _ in run])
        text += f"⟦{piece}⟧" if mark else piece
    return text


def _fingerprint(shards: dict[str, list[Path]], tokenizer: Any, sequence_length: int) -> str:
    digest = hashlib.sha256(f"{sequence_length}\n{tokenizer.chat_template}\n".encode())
    digest.update(tokenizer.backend_tokenizer.to_str().encode())
    for split, paths in sorted(shards.items()):
        for path in paths:
            digest.update(f"{split}/{path.name}".encode() + path.read_bytes())
    return digest.hexdigest()


def _well_formed(shards: list[Path], tokenizer: Any, left_out: LeftOut) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield place and messages of each record that is a chat."""
    special = (token.content for token in tokenizer.added_tokens_decoder.values() if token.special)
    control = re.compile("|".join(map(re.escape, special)) or r"(?!)")
    for shard in shards:
        with shard.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                place = f"{shard.parent.name}/{shard.name}:{number}"
                if not line.strip():
                    left_out.add("blank", place)
                    continue
                try:
                    chat = json.loads(line)
                except (ValueError, RecursionError):
                    left_out.add("not JSON", place)
                    continue
                fault = chat_fault(chat, control)
                if fault:
                    left_out.add(fault, place)
                    continue
                # the role and the text alone: what else a record holds must not reach the template
                turns = [{"role": turn["role"], "content": turn["content"]} for turn in chat["messages"]]
                yield place, {"messages": turns, **_language(chat)}


def _language(chat: dict[str, Any]) -> dict[str, str]:
    """What the losses of a validation are told apart by; nothing where the record does not say."""
    metadata = chat.get("metadata")
    language = metadata.get("language") if isinstance(metadata, dict) else None
    return {"language": language} if isinstance(language, str) and language else {}


def _fitting(
    chats: Iterator[tuple[str, dict[str, Any]]], tokenizer: Any, limit: int, left_out: LeftOut
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the chats that fit into a sequence whole."""
    batch: list[tuple[str, dict[str, Any]]] = []
    for item in chats:
        batch.append(item)
        if len(batch) == _BATCH:
            yield from _short_enough(batch, tokenizer, limit, left_out)
            batch = []
    yield from _short_enough(batch, tokenizer, limit, left_out)


def _short_enough(
    batch: list[tuple[str, dict[str, Any]]], tokenizer: Any, limit: int, left_out: LeftOut
) -> Iterator[tuple[str, dict[str, Any]]]:
    if not batch:
        return
    texts = [tokenizer.apply_chat_template(chat["messages"], tokenize=False) for _, chat in batch]
    # the template writes the begin-of-text token itself; one token more than the limit, since labels are shifted by one
    for (place, chat), ids in zip(batch, tokenizer(texts, add_special_tokens=False)["input_ids"], strict=True):
        if len(ids) > limit + 1:
            left_out.add(f"longer than {limit} tokens", place)
        else:
            yield place, chat
