"""The data of instruction tuning: cited chats, with the loss on the assistant's turns and nowhere else."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from nemo.collections.llm.gpt.data.chat import ChatDataModule
from nemo.collections.llm.gpt.data.core import GPTSFTChatDataset
from nemo.collections.llm.gpt.data.utils import GENERATION_REGEX

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file, write_json
from recipes.chat_sampler import ChatDataSampler

# our name of a split -> NeMo's
SPLITS = {"train": "training", "validation": "validation", "test": "test"}
ROLES = ("system", "user", "assistant")
_BATCH = 1000  # chats tokenized at once


class AnswerOnlyChatDataset(GPTSFTChatDataset):
    """NeMo's chat dataset without the end-of-text token it appends.

    A Llama-3 chat ends in ``<|eot_id|>``. NeMo adds ``<|end_of_text|>`` behind it, with loss, and so would teach the
    model to go on after its turn.
    """

    def _process_example(self, example: dict[str, Any]) -> dict[str, Any]:
        result = super()._process_example(example)
        if result["input_ids"][-1] == self.tokenizer.eos_id:
            for key in ("input_ids", "loss_mask", "answer_ids"):
                result[key] = result[key][:-1]
        return result


class CitedChatDataModule(ChatDataModule):
    """NeMo's chat data module over the shards of ``sft-data``, every chat checked before the first step.

    Sequences are padded, not packed: packing without Transformer Engine's attention would let examples see each other.
    """

    def __init__(
        self,
        source: str,
        prepared: str,
        tokenizer: Any,
        seq_length: int = 2048,
        micro_batch_size: int = 1,
        global_batch_size: int = 128,
        seed: int = 1234,
        num_workers: int = 2,
    ) -> None:
        """Read chats from ``source``.

        Args:
            source: the folder that ``sft-data`` wrote, with ``train/*.jsonl`` and ``validation/*.jsonl``.
            prepared: folder for the checked chats, one file a split; made when the run starts.
            tokenizer: NeMo's AutoTokenizer with a chat template that marks the assistant's turns.
            seq_length: tokens; a longer chat is dropped and counted.
            micro_batch_size: chats a device holds at once.
            global_batch_size: chats a step.
            seed: of the order of the chats.
            num_workers: data loader processes a rank.

        Raises:
            RecipeError: the chat template has no ``{% generation %}`` marks; NeMo would train on the whole chat.
        """
        template = tokenizer.tokenizer.chat_template or ""
        # NeMo's own test; the word alone proves nothing, Llama 3's template has `add_generation_prompt`
        if not GENERATION_REGEX.search(template):
            raise RecipeError(
                "the tokenizer's chat template does not mark the assistant's turns with {% generation %}; without the "
                "marks the loss would fall on questions too. Use recipes/llama3_chat_template.jinja"
            )
        self.source = source
        super().__init__(
            dataset_root=prepared,
            seq_length=seq_length,
            tokenizer=tokenizer,
            micro_batch_size=micro_batch_size,
            global_batch_size=global_batch_size,
            seed=seed,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            use_hf_tokenizer_chat_template=True,
        )

    def setup(self, stage: str) -> None:
        """As NeMo's, with a sampler that keeps its order over a resume."""
        super().setup(stage)
        self.data_sampler = ChatDataSampler(
            seq_len=self.seq_length,
            micro_batch_size=self.micro_batch_size,
            global_batch_size=self.global_batch_size,
            dataloader_type="batch",
        )

    def prepare_data(self) -> None:
        """Check every chat and write one file a split (Lightning calls this on one process of a node)."""
        prepare_chats(Path(self.source), self.dataset_root, self.tokenizer.tokenizer, self.seq_length)

    @lru_cache  # noqa: B019 - as in NeMo: one data module a process, and its datasets are asked for repeatedly
    def _create_dataset(
        self, path: Path, pack_metadata_path: Path | None = None, is_test: bool = False, **kwargs: Any
    ) -> AnswerOnlyChatDataset:
        return AnswerOnlyChatDataset(
            file_path=str(path),
            tokenizer=self.tokenizer,
            max_seq_length=self.seq_length,
            memmap_workers=self.memmap_workers,
            seed=self.seed,
            is_test=is_test,
            use_hf_tokenizer_chat_template=True,
            # it counts CUDA devices to tell which process builds the line index
            sanity_check_dist_workers=False,
            **kwargs,
        )


def training_chats(source: Path) -> int | None:
    """How many training chats ``source`` holds, None where it does not exist yet."""
    shards = sorted((source / "train").glob("*.jsonl"))
    if not shards:
        return None
    return sum(sum(1 for line in shard.open("rb") if line.strip()) for shard in shards)


def prepare_chats(source: Path, prepared: Path, tokenizer: Any, sequence_length: int) -> dict[str, dict[str, int]]:
    """Write the usable chats of ``source`` to ``prepared/{training,validation,test}.jsonl``; return counts by split.

    A chat that is broken, has no answer, or is longer than ``sequence_length`` tokens is dropped and counted by
    reason in ``prepared/report.json``: cutting it would teach answers that stop in the middle. With the same chats
    and settings a second call does nothing.

    Raises:
        UsageError: ``source`` holds no chats.
        RecipeError: a split has no usable chat.
    """
    shards = {split: sorted((source / split).glob("*.jsonl")) for split in SPLITS}
    if not shards["train"]:
        raise UsageError(f"no chats in {source / 'train'}; make them with: python launch.py sft-data")
    if not shards["validation"]:
        raise UsageError(f"no chats in {source / 'validation'}; make them with: python launch.py sft-data")
    key = _fingerprint(shards, tokenizer, sequence_length)
    report_path = prepared / "report.json"
    if report_path.is_file():
        report = json.loads(report_path.read_text(encoding="utf-8"))
        if report.get("fingerprint") == key:
            return report["splits"]
    counts: dict[str, dict[str, int]] = {}
    for split, name in SPLITS.items():
        dropped: Counter[str] = Counter()
        kept = 0
        target = prepared / f"{name}.jsonl"
        # NeMo keeps a line index beside the file and believes it: an old one would point into the new text
        for index in prepared.glob(f"{name}.jsonl.idx*"):
            index.unlink()
        with atomic_file(target) as stream:
            for chat in _usable(shards[split], tokenizer, sequence_length, dropped):
                stream.write(json.dumps(chat, ensure_ascii=False) + "\n")
                kept += 1
        if not kept and shards[split]:
            reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.most_common())
            raise RecipeError(f"no usable chat in {source / split}: {reasons or 'its files are empty'}")
        counts[split] = {"kept": kept, **dropped}
    write_json(report_path, {"fingerprint": key, "splits": counts})
    return counts


def _fingerprint(shards: dict[str, list[Path]], tokenizer: Any, sequence_length: int) -> str:
    digest = hashlib.sha256(f"{sequence_length}\n{tokenizer.chat_template}\n{len(tokenizer)}".encode())
    for paths in shards.values():
        for path in paths:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _usable(shards: list[Path], tokenizer: Any, limit: int, dropped: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yield the chats that can be trained on whole; count the others by reason."""
    batch: list[dict[str, Any]] = []
    for shard in shards:
        with shard.open("rb") as stream:
            for line in stream:
                chat = _read_chat(line, dropped)
                if chat is not None:
                    batch.append(chat)
                if len(batch) == _BATCH:
                    yield from _short_enough(batch, tokenizer, limit, dropped)
                    batch = []
    yield from _short_enough(batch, tokenizer, limit, dropped)


def _read_chat(line: bytes, dropped: Counter[str]) -> dict[str, Any] | None:
    if not line.strip():
        return None
    try:
        chat = json.loads(line)
    except ValueError:
        dropped["not JSON"] += 1
        return None
    fault = chat_fault(chat)
    if fault:
        dropped[fault] += 1
        return None
    return {"messages": chat["messages"]}


def chat_fault(chat: Any) -> str | None:
    """What is wrong with a chat record, or None: it needs turns of known roles, the last an assistant's, none empty."""
    messages = chat.get("messages") if isinstance(chat, dict) else None
    if not isinstance(messages, list) or not messages:
        return "without messages"
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return "with an unknown role"
        if not isinstance(message.get("content"), str) or not message["content"].strip():
            return "with an empty turn"
    if messages[-1]["role"] != "assistant":
        return "without an answer"
    return None


def _short_enough(
    chats: list[dict[str, Any]], tokenizer: Any, limit: int, dropped: Counter[str]
) -> Iterator[dict[str, Any]]:
    if not chats:
        return
    texts = [tokenizer.apply_chat_template(chat["messages"], tokenize=False) for chat in chats]
    # the template writes the begin-of-text token itself; one token more than the limit, since labels are shifted by one
    for chat, ids in zip(chats, tokenizer(texts, add_special_tokens=False)["input_ids"], strict=True):
        if len(ids) > limit + 1:
            dropped[f"longer than {limit} tokens"] += 1
        else:
            yield chat
