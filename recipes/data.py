"""The data of continued pre-training: the blend file of ``preprocess``, read by Megatron's GPTDataset."""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import sys
from pathlib import Path
from typing import Any

from nemo.collections.llm.gpt.data.pre_training import PreTrainingDataModule

from preprocessing.corpus.blend import BlendEntry, load_blend
from preprocessing.corpus.tokenizer import load_tokenizer
from preprocessing.errors import RecipeError
from recipes.corpus_checks import check_corpus, check_pad
from recipes.monitoring.languages import SampleLanguages


class LegalCorpusDataModule(PreTrainingDataModule):
    """NeMo's pre-training data module over the languages of a blend file, each in its share.

    Attention crosses document borders and the end-of-text token is learnt, as in Llama's own pre-training and as in
    NeMo's default: with fused attention kernels nothing else is supported, and a CPU rehearsal must see the same.
    """

    def __init__(
        self,
        blend: str,
        tokenizer: Any,
        seq_length: int = 4096,
        micro_batch_size: int = 1,
        global_batch_size: int = 128,
        seed: int = 1234,
        num_workers: int = 2,
        index_mapping_dir: str | None = None,
    ) -> None:
        """Open the indexed datasets that ``blend`` (a ``blend.yaml``) names.

        Args:
            blend: path of the blend file.
            tokenizer: the model's tokenizer, NeMo's AutoTokenizer.
            seq_length: tokens a sequence.
            micro_batch_size: sequences a device holds at once.
            global_batch_size: sequences a step.
            seed: of the order of the samples.
            num_workers: data loader processes a rank.
            index_mapping_dir: where Megatron keeps its sample order; beside the data where it is None.

        Raises:
            UsageError: there is no such blend file.
            RecipeError: a dataset it names is missing, the data was tokenized with another tokenizer than the model's,
                or that pads with its end-of-text token.
        """
        self.blend_file = Path(blend)
        self.blend = entries = load_blend(self.blend_file)
        _check_tokenizer(entries.tokenizer_sha256, tokenizer, blend)
        check_pad(tokenizer.pad_id, entries.end_of_text_id, Path(tokenizer.tokenizer.name_or_path))
        super().__init__(
            paths={
                "train": _weights_and_prefixes(entries.train),
                "validation": _weights_and_prefixes(entries.validation),
                "test": _weights_and_prefixes(entries.validation),
            },
            seq_length=seq_length,
            tokenizer=tokenizer,
            micro_batch_size=micro_batch_size,
            global_batch_size=global_batch_size,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            seed=seed,
            split=None,  # the three distributions are separate datasets already
            index_mapping_dir=index_mapping_dir,
        )

    def prepare_data(self) -> None:
        """Look at every dataset (``launch.py`` before it starts anything, Lightning on one process of a node).

        Raises:
            RecipeError: one is damaged, too short, or holds ids that the tokenizer has not.
        """
        print(check_corpus(self.blend, self.blend_file, self.seq_length), file=sys.stderr)

    def validation_languages(self) -> SampleLanguages:
        """Return the language of each validation sample; text of several datasets of one language counts as one."""
        languages = [entry.language for entry in self.blend.validation]
        names = list(dict.fromkeys(languages))
        place = [names.index(language) for language in languages]
        # Megatron's blend knows the dataset of each sample; a single dataset is no blend
        datasets = getattr(self._validation_ds, "dataset_index", None)
        if datasets is None:
            return SampleLanguages(names, [place[0]] * len(self._validation_ds))
        return SampleLanguages(names, [place[int(dataset)] for dataset in datasets])


def _weights_and_prefixes(entries: list[BlendEntry]) -> list[str]:
    """Megatron's form of a blend: weight, prefix, weight, prefix, ..."""
    return [item for entry in entries for item in (str(entry.weight), str(entry.prefix))]


def _check_tokenizer(expected: str, tokenizer: Any, blend: str) -> None:
    folder = Path(tokenizer.tokenizer.name_or_path)
    if load_tokenizer(folder).sha256 != expected:
        raise RecipeError(
            f"{blend} was made with another tokenizer than the model's ({folder}); run preprocess again with "
            f"--tokenizer {folder}"
        )
