from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preprocessing.corpus.blend import BlendEntry, load_blend, write_blend
from preprocessing.corpus.indexed import IndexedWriter
from preprocessing.corpus.tokenizer import TokenizerFacts
from preprocessing.errors import RecipeError, UsageError

FACTS = TokenizerFacts(Path("tokenizer"), "ab12" * 16, 400, 390, (389,), ())


@pytest.fixture
def blend_file(tmp_path: Path) -> Path:
    entries: dict[str, list[BlendEntry]] = {"train": [], "validation": []}
    for language, split, weight in (
        ("en", "train", 0.35 / 0.43),
        ("pt", "train", 0.08 / 0.43),
        ("en", "validation", 1),
    ):
        prefix = tmp_path / "cpt" / language / split
        with IndexedWriter(prefix, FACTS.vocab_size) as writer:
            writer.add(np.array([389, 1, 2, 390]))
        entries[split].append(BlendEntry(language, prefix, weight, 4, 1))
    write_blend(tmp_path / "cpt" / "blend.yaml", entries, FACTS)
    return tmp_path / "cpt" / "blend.yaml"


def test_what_was_written_is_loaded(blend_file: Path):
    blend = load_blend(blend_file)
    assert [(entry.language, entry.tokens, entry.documents) for entry in blend.train] == [("en", 4, 1), ("pt", 4, 1)]
    assert [entry.prefix for entry in blend.validation] == [(blend_file.parent / "en" / "validation").resolve()]
    assert (blend.vocab_size, blend.end_of_text_id, blend.tokenizer_sha256) == (400, 390, FACTS.sha256)


def test_weights_are_read_as_they_were_written(blend_file: Path):
    weights = {entry.language: entry.weight for entry in load_blend(blend_file).train}
    assert weights == pytest.approx({"en": 0.35 / 0.43, "pt": 0.08 / 0.43}, abs=1e-5)


def test_the_corpus_can_be_moved(blend_file: Path, tmp_path: Path):
    blend_file.parent.rename(tmp_path / "elsewhere")
    for entry in load_blend(tmp_path / "elsewhere" / "blend.yaml").train:
        assert entry.prefix.is_absolute() and entry.prefix.parent.parent == (tmp_path / "elsewhere").resolve()


def test_weights_may_be_edited(blend_file: Path):
    blend_file.write_text(blend_file.read_text().replace("weight: 0.813953", "weight: 3"))
    assert load_blend(blend_file).train[0].weight == 3.0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("weight: 0.813953", "weight: heavy"),
        ("weight: 0.813953", "weight: -1"),
        ("weight: 0.813953", "weight: .nan"),
        ("tokenizer:", "tokeniser:"),
        ("train:", "train: ["),
        ("  - language: en", "  - tongue: en"),
    ],
)
def test_a_broken_file_is_refused_by_name(blend_file: Path, old: str, new: str):
    blend_file.write_text(blend_file.read_text().replace(old, new, 1))
    with pytest.raises(UsageError, match="is not a blend file"):
        load_blend(blend_file)


def test_no_file_and_no_training_data_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="does not exist"):
        load_blend(tmp_path / "blend.yaml")
    write_blend(tmp_path / "blend.yaml", {"train": [], "validation": []}, FACTS)
    with pytest.raises(UsageError, match="no training data"):
        load_blend(tmp_path / "blend.yaml")


def test_a_missing_dataset_is_named(blend_file: Path):
    (blend_file.parent / "pt" / "train.idx").unlink()
    with pytest.raises(RecipeError, match=r"train\.idx is missing"):
        load_blend(blend_file)
