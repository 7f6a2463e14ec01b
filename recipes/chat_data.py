"""The data of instruction tuning: cited chats, with the loss on the assistant's turns and nowhere else."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import contextlib
import json
import sys
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from nemo.collections.llm.gpt.data import utils as nemo_datasets
from nemo.collections.llm.gpt.data.chat import ChatDataModule
from nemo.collections.llm.gpt.data.core import GPTSFTChatDataset, GPTSFTPackedDataset
from nemo.collections.llm.gpt.data.packed_sequence import PackedSequenceSpecs
from nemo.collections.llm.gpt.data.utils import GENERATION_REGEX

from preprocessing.errors import RecipeError
from preprocessing.files import atomic_folder, write_json
from recipes.chat_sampler import ChatDataSampler
from recipes.chats import REPORT, prepare_chats, read_report, report_line, with_marks
from recipes.monitoring.languages import SampleLanguages
from recipes.packing import PackedChats, write_packed


class AnswerOnlyChatDataset(GPTSFTChatDataset):
    """NeMo's chat dataset without the end-of-text token that it appends.

    A Llama-3 chat ends in ``<|eot_id|>``. Behind it NeMo adds the tokenizer's own end with loss, where that is another
    one: with the base models' ``<|end_of_text|>`` it would teach the model to go on after its turn. The end of the
    instruct models' tokenizers is ``<|eot_id|>`` as well; nothing is added then, and the end of the turn stays.
    """

    @cached_property
    def _ends_by_itself(self) -> bool:
        """Whether the chat template ends an answer with the tokenizer's own end, so that NeMo adds none."""
        chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]
        return bool(self.tokenizer.tokenizer.apply_chat_template(chat)[-1] == self.tokenizer.eos_id)

    def _process_example(self, example: dict[str, Any]) -> dict[str, Any]:
        result = super()._process_example(example)
        if not self._ends_by_itself and result["input_ids"][-1] == self.tokenizer.eos_id:
            for key in ("input_ids", "loss_mask", "answer_ids"):
                result[key] = result[key][:-1]
        return result


class PackedChatDataset(GPTSFTPackedDataset):
    """NeMo's packed dataset over the files of :mod:`recipes.packing`."""

    def _load_dataset(self) -> None:
        self.indexed_dataset = PackedChats(Path(self.file_path))

    def _maybe_validate_prompt_template(self) -> None:
        """There is none: the chats are tokens already."""


class CitedChatDataModule(ChatDataModule):
    """NeMo's chat data module over the shards of ``sft-data``, every chat checked before the first step.

    A sequence holds one chat and padding, or with ``packed`` as many chats as fit, attention kept inside each.
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
        packed: bool = False,
    ) -> None:
        """Read chats from ``source``.

        Args:
            source: the folder that ``sft-data`` wrote, with ``train/*.jsonl`` and ``validation/*.jsonl``.
            prepared: folder for the checked chats, one file a split; made when the run starts.
            tokenizer: NeMo's AutoTokenizer with a chat template that marks the assistant's turns.
            seq_length: tokens; a longer chat is dropped and counted.
            micro_batch_size: sequences a device holds at once; 1 with ``packed``.
            global_batch_size: sequences a step.
            seed: of the order of the chats.
            num_workers: data loader processes a rank.
            packed: several chats a sequence. Needs Transformer Engine's attention.

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
            packed_sequence_specs=PackedSequenceSpecs(packed_sequence_size=seq_length) if packed else None,
            use_hf_tokenizer_chat_template=True,
        )
        self.packed = packed

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
        """Check every chat, write one file a split, and pack them where that is asked for.

        ``launch.py`` calls this before it starts anything, Lightning on one process of a node; the second one finds all
        done.

        Raises:
            UsageError: there are no chats.
            RecipeError: none can be used, or too few to validate on.
        """
        before = read_report(self.dataset_root)
        report = prepare_chats(Path(self.source), self.dataset_root, self.tokenizer.tokenizer, self.seq_length)
        with _other_ranks_elsewhere():
            if self.packed:
                self._pack(report)
            if "loss_falls_on" not in report:
                report["loss_falls_on"] = self._first_chat_with_marks()
        if report != before:
            write_json(self.dataset_root / REPORT, report)
        sizes = report["packing"] if self.packed else report["splits"]
        found = sizes["validation"]["sequences" if self.packed else "kept"]
        if found < self.global_batch_size:
            raise RecipeError(
                f"{found} usable validation sequences in {self.source} make no whole batch of "
                f"{self.global_batch_size}: NeMo would not validate at all; add chats to validation/, or "
                "lower data.global_batch_size"
            )
        print(f"{report_line(report, self.packed)} ({self.dataset_root / REPORT})", file=sys.stderr)

    def validation_languages(self) -> SampleLanguages | None:
        """Return the language of each validation chat; None where one has none, or a sequence holds several chats."""
        if self.packed:
            return None
        with self.validation_path.open(encoding="utf-8") as stream:
            languages = [json.loads(line).get("language") for line in stream]
        if None in languages:
            return None
        names = sorted(set(languages))
        return SampleLanguages(names, [names.index(language) for language in languages])

    @property
    def train_path_packed(self) -> Path:
        """Folder of the packed training chats."""
        return self._packed_folder(read_report(self.dataset_root)) / "training"

    @property
    def validation_path_packed(self) -> Path:
        """Folder of the packed validation chats."""
        return self._packed_folder(read_report(self.dataset_root)) / "validation"

    @property
    def pack_metadata(self) -> None:
        """NeMo's needs it for CUDA graphs only."""

    def _packed_folder(self, report: dict[str, Any]) -> Path:
        # the fingerprint is over chats, template, tokenizer and length: other content gets another name
        return self.dataset_root / f"packed-{report['fingerprint'][:16]}-{self.seed}"

    def _pack(self, report: dict[str, Any]) -> None:
        """Pack both splits, unless that was done, and note in ``report`` how full the sequences are."""
        folder = self._packed_folder(report)
        if folder.is_dir() and report.get("packing", {}).get("folder") == folder.name:
            return
        report["packing"] = {"folder": folder.name}
        with atomic_folder(folder) as partial:
            for split, path in (("train", self.train_path), ("validation", self.validation_path)):
                chats = self._unpacked(path)
                items = (chats[number] for number in range(len(chats)))
                examples = ((item["input_ids"].tolist(), item["loss_mask"].tolist()) for item in items)
                report["packing"][split] = write_packed(partial / path.stem, examples, self.seq_length, self.seed)

    def _first_chat_with_marks(self) -> str:
        """For a person to see: what the loss falls on in one chat, between ⟦ and ⟧."""
        item = self._unpacked(self.train_path)[0]
        return with_marks(self.tokenizer.tokenizer, item["input_ids"].tolist(), item["loss_mask"].tolist())

    def _unpacked(self, path: Path, **kwargs: Any) -> AnswerOnlyChatDataset:
        return AnswerOnlyChatDataset(
            file_path=str(path),
            tokenizer=self.tokenizer,
            max_seq_length=self.seq_length,
            memmap_workers=self.memmap_workers,
            seed=self.seed,
            use_hf_tokenizer_chat_template=True,
            # it counts CUDA devices to tell which process builds the line index
            sanity_check_dist_workers=False,
            **kwargs,
        )

    @lru_cache  # noqa: B019 - as in NeMo: one data module a process, and its datasets are asked for repeatedly
    def _create_dataset(
        self, path: Path, pack_metadata_path: Path | None = None, is_test: bool = False, **kwargs: Any
    ) -> AnswerOnlyChatDataset | PackedChatDataset:
        if not self.packed or path.suffix == ".jsonl":
            return self._unpacked(path, is_test=is_test, **kwargs)
        return PackedChatDataset(
            file_path=str(path),
            tokenizer=self.tokenizer,
            max_seq_length=self.seq_length,
            seed=self.seed,
            is_test=is_test,
            # one shape for every step: a pipeline exchanges it, and allocators hold on to it
            pad_to_max_length=True,
            **kwargs,
        )


@contextlib.contextmanager
def _other_ranks_elsewhere() -> Iterator[None]:
    """Keep NeMo's datasets from waiting for all ranks when they are made: ``prepare_data`` is one process's work.

    NeMo's own test for that (nemo/collections/llm/gpt/data/utils.py:673) reads the source line of its own caller.
    """
    before = nemo_datasets.lightning_prepare_data
    nemo_datasets.lightning_prepare_data = lambda: True
    try:
        yield
    finally:
        nemo_datasets.lightning_prepare_data = before
