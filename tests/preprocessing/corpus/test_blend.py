from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from preprocessing.corpus.blend import load_blend, mix_weights, write_blend
from preprocessing.corpus.indexed import IndexedWriter
from preprocessing.corpus.tokenizer import TokenizerFacts
from preprocessing.errors import RecipeError, UsageError

FACTS = TokenizerFacts(Path("tokenizer"), "ab12" * 16, 400, 390, (389,), ())


@pytest.fixture
def blend_file(tmp_path: Path) -> Path:
    datasets = {}
    for key in (("en", "train"), ("pt", "train"), ("en", "validation")):
        with IndexedWriter(tmp_path / "cpt" / key[0] / key[1], FACTS.vocab_size) as writer:
            writer.add(np.array([389, 1, 2, 390]))
        datasets[key] = (1, 4)
    write_blend(tmp_path / "cpt" / "blend.yaml", datasets, FACTS)
    return tmp_path / "cpt" / "blend.yaml"


def test_what_was_written_is_loaded(blend_file: Path):
    blend = load_blend(blend_file)
    assert [(entry.language, entry.tokens, entry.documents) for entry in blend.train] == [("en", 4, 1), ("pt", 4, 1)]
    assert [entry.prefix for entry in blend.validation] == [(blend_file.parent / "en" / "validation").resolve()]
    assert (blend.vocab_size, blend.end_of_text_id, blend.tokenizer_sha256) == (400, 390, FACTS.sha256)


def test_shares_are_renormalised_over_the_languages_with_data(blend_file: Path):
    weights = {entry.language: entry.weight for entry in load_blend(blend_file).train}
    assert weights == pytest.approx({"en": 0.35 / 0.43, "pt": 0.08 / 0.43}, abs=1e-5)
    assert mix_weights(["en", "fr", "de", "es", "pt"]) == {"en": 0.35, "fr": 0.25, "de": 0.2, "es": 0.12, "pt": 0.08}


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
    write_blend(tmp_path / "blend.yaml", {}, FACTS)
    with pytest.raises(UsageError, match="no training data"):
        load_blend(tmp_path / "blend.yaml")


def test_a_missing_dataset_is_named(blend_file: Path):
    (blend_file.parent / "pt" / "train.idx").unlink()
    with pytest.raises(RecipeError, match=r"train\.idx is missing"):
        load_blend(blend_file)
