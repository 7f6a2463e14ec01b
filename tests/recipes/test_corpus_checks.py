"""A corpus that can't be trained on is refused before the first step, each fault with its remedy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from preprocessing.corpus.blend import load_blend
from preprocessing.corpus.indexed import HEADER, IndexedWriter
from preprocessing.errors import RecipeError
from recipes.corpus_checks import check_corpus, check_pad
from tests.recipes.tiny import Tiny

VOCABULARY = 1000
LENGTH = 64


@pytest.fixture
def blend(tmp_path: Path) -> Path:
    """A blend file of two languages with 400 tokens to train on, and 100 to validate on, in each."""
    folder, splits = tmp_path / "cpt", {}
    for split, documents in (("train", 8), ("validation", 2)):
        splits[split] = []
        for language, weight in (("en", 0.75), ("de", 0.25)):
            prefix = folder / language / split
            with IndexedWriter(prefix, VOCABULARY) as writer:
                for number in range(documents):
                    writer.add(np.arange(number, number + 50))
            tokens = {"tokens": 50 * documents, "documents": documents}
            splits[split].append({"language": language, "prefix": f"{language}/{split}", "weight": weight, **tokens})
    tokenizer = {"sha256": "0" * 64, "vocab_size": VOCABULARY, "end_of_text_id": 1}
    (folder / "blend.yaml").write_text(yaml.safe_dump({"tokenizer": tokenizer, **splits}))
    return folder / "blend.yaml"


def look(path: Path, length: int = LENGTH) -> str:
    return check_corpus(load_blend(path), path, length)


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(yaml.safe_dump(values))


def test_one_line_says_how_much_there_is_and_in_which_mix(blend: Path) -> None:
    assert look(blend) == "corpus: 800 tokens to train on, in the mix en 75%, de 25%"


def test_weights_need_not_add_up_and_the_line_shows_what_they_mean(blend: Path) -> None:
    edit(blend, lambda values: values["train"][0].update(weight=3.0))
    assert look(blend) == "corpus: 800 tokens to train on, in the mix en 92%, de 8%"


def cut_tokens(folder: Path) -> None:
    (folder / "de" / "train.bin").write_bytes((folder / "de" / "train.bin").read_bytes()[:-2])


def cut_index(folder: Path) -> None:
    (folder / "de" / "train.idx").write_bytes((folder / "de" / "train.idx").read_bytes()[:-1])


def no_index(folder: Path) -> None:
    (folder / "de" / "train.idx").write_bytes(b"PK\3\4" + bytes(100))


def empty_index(folder: Path) -> None:
    (folder / "de" / "train.idx").write_bytes(b"")


def empty_tokens(folder: Path) -> None:
    (folder / "de" / "train.bin").write_bytes(b"")


def no_documents(folder: Path) -> None:
    with IndexedWriter(folder / "de" / "train", VOCABULARY):
        pass


def other_type(folder: Path) -> None:
    raw = bytearray((folder / "de" / "train.idx").read_bytes())
    raw[HEADER.size - 17] = 7  # Megatron's float64
    (folder / "de" / "train.idx").write_bytes(raw)


def exchanged(folder: Path) -> None:
    shutil.copy(folder / "de" / "train.idx", folder / "de" / "validation.idx")


def strange_token(folder: Path) -> None:
    tokens = np.fromfile(folder / "de" / "train.bin", np.uint16)
    tokens[123] = VOCABULARY
    tokens.tofile(folder / "de" / "train.bin")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (cut_tokens, r"de, train \(.*\): \.bin has 798 bytes, its \.idx lists tokens up to 800: one was cut off"),
        (empty_tokens, r"de, train .*: \.bin has 0 bytes, its \.idx lists tokens up to 800"),
        (cut_index, r"de, train .*: train\.idx has \d+ bytes instead of \d+: it was cut off; run preprocess again"),
        (empty_index, r"de, train .*: train\.idx is no Megatron index; run preprocess again"),
        (no_index, r"de, train .*: train\.idx is no Megatron index; run preprocess again"),
        (no_documents, r"de, train .*: it is empty; run preprocess again with more input, or take the entry out"),
        (other_type, r"de, train .*: its ids are of Megatron's type 7, not int32 or uint16"),
        (exchanged, r"de, validation .*: \.bin has 200 bytes, its \.idx lists tokens up to 800"),
        (strange_token, r"de, train .*: holds token 1000 at place 123, the largest of the tokenizer is 999"),
    ],
)
def test_a_damaged_dataset_is_named_with_what_is_wrong(
    blend: Path, damage: Callable[[Path], None], sentence: str
) -> None:
    damage(blend.parent)
    with pytest.raises(RecipeError, match=sentence) as caught:
        look(blend)
    assert str(caught.value).startswith("this corpus can't be trained on: de, ")


def test_ids_stored_too_small_for_the_vocabulary_are_of_another_tokenizer(blend: Path) -> None:
    edit(blend, lambda values: values["tokenizer"].update(vocab_size=128256))
    with pytest.raises(RecipeError, match=r"en, train .*: its ids are stored as uint16, too small for 128,256 tokens"):
        look(blend)


def test_too_few_tokens_for_one_sequence_are_refused(blend: Path) -> None:
    assert look(blend, length=99)
    with pytest.raises(RecipeError, match=r"en, validation .*: 100 tokens are too few for a sequence of 100; .*lower"):
        look(blend, length=100)


def test_a_dataset_that_stands_twice_is_refused(blend: Path) -> None:
    edit(blend, lambda values: values["train"].append(values["train"][0]))
    with pytest.raises(RecipeError, match=r"en, train .* stands twice in .*blend\.yaml; take one entry out"):
        look(blend)


def test_a_corpus_without_validation_is_refused(blend: Path) -> None:
    edit(blend, lambda values: values.update(validation=[]))
    with pytest.raises(RecipeError, match="lists no validation data"):
        look(blend)


def test_all_faults_are_told_at_once(blend: Path) -> None:
    cut_tokens(blend.parent)
    exchanged(blend.parent)
    with pytest.raises(RecipeError, match=r"de, train .*; de, validation "):
        look(blend)


def test_a_pad_token_that_is_the_end_of_text_is_refused_with_the_remedy() -> None:
    check_pad(5, 1, Path("tokenizer"))
    check_pad(None, 1, Path("tokenizer"))
    with pytest.raises(
        RecipeError, match=r'pads with its end-of-text .* set "pad_token": "<\|finetune_right_pad_id\|>"'
    ):
        check_pad(1, 1, Path("tokenizer"))


@pytest.mark.usefixtures("nemo_on_cpu")
def test_megatron_would_never_learn_an_end_of_text_that_is_the_pad(tiny: Tiny, tmp_path: Path) -> None:
    # the reason for check_pad
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.indexed_dataset import IndexedDataset
    from megatron.core.datasets.utils import Split
    from nemo.collections.common.tokenizers.huggingface.auto_tokenizer import AutoTokenizer

    entry = load_blend(tiny.blend).train[0]
    learnt = {}
    for name in ("own", "end of text"):
        tokenizer = AutoTokenizer(str(tiny.tokenizer))
        if name == "end of text":
            tokenizer.add_special_tokens({"pad_token": tokenizer.eos_token})
        config = GPTDatasetConfig(
            random_seed=1,
            sequence_length=LENGTH,
            tokenizer=tokenizer,
            path_to_cache=str(tmp_path),
            blend=([str(entry.prefix)], None),
            split="1,0,0",
            reset_position_ids=False,
            reset_attention_mask=False,
            eod_mask_loss=False,
            create_attention_mask=False,
        )
        indexed = IndexedDataset(str(entry.prefix))
        documents = np.arange(len(indexed.document_indices) - 1, dtype=np.int32)
        data = GPTDataset(indexed, str(entry.prefix), documents, None, Split.train, config)
        samples = [data[number] for number in range(len(data))]
        learnt[name] = sum(
            int(((sample["labels"] == tokenizer.eos_id) & (sample["loss_mask"] > 0)).sum()) for sample in samples
        )
    assert learnt["own"] >= entry.documents - 1
    assert learnt["end of text"] == 0
