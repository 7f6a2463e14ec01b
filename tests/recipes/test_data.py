"""The languages of a blend file reach Megatron in their shares, tokenized as the model's tokenizer does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from preprocessing.corpus.blend import load_blend
from preprocessing.errors import RecipeError, UsageError
from tests.recipes.tiny import Tiny

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


def module(blend: Path, tokenizer: Path) -> Any:
    from nemo.collections.common.tokenizers.huggingface.auto_tokenizer import AutoTokenizer

    from recipes.data import LegalCorpusDataModule

    return LegalCorpusDataModule(str(blend), AutoTokenizer(str(tokenizer)), seq_length=64)


def test_the_weights_reach_megatrons_blend(tiny: Tiny) -> None:
    blend = load_blend(tiny.blend)
    train, validation, test = module(tiny.blend, tiny.tokenizer).build_kwargs["blend_per_split"]
    assert train == ([str(entry.prefix) for entry in blend.train], [entry.weight for entry in blend.train])
    assert validation == ([str(entry.prefix) for entry in blend.validation], [e.weight for e in blend.validation])
    assert test == validation
    assert len(set(train[1])) == 5


def test_an_edited_weight_is_the_one_that_counts(tiny: Tiny, tmp_path: Path) -> None:
    corpus = shutil.copytree(tiny.blend.parent, tmp_path / "cpt")
    values = yaml.safe_load((corpus / "blend.yaml").read_text(encoding="utf-8"))
    values["train"][1]["weight"] = 7.5
    (corpus / "blend.yaml").write_text(yaml.safe_dump(values))
    weights = module(corpus / "blend.yaml", tiny.tokenizer).build_kwargs["blend_per_split"][0][1]
    assert weights[1] == 7.5


def test_data_of_another_tokenizer_is_refused_with_the_command_to_mend_it(tiny: Tiny, tmp_path: Path) -> None:
    other = shutil.copytree(tiny.tokenizer, tmp_path / "other")
    text = (other / "tokenizer.json").read_text(encoding="utf-8")
    (other / "tokenizer.json").write_text(text + "\n", encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        module(tiny.blend, other)
    assert str(caught.value) == (
        f"{tiny.blend} was made with another tokenizer than the model's ({other}); "
        f"run preprocess again with --tokenizer {other}"
    )


def test_the_tokenizer_inside_the_imported_checkpoint_is_the_one_of_the_data(tiny: Tiny) -> None:
    assert module(tiny.blend, tiny.nemo / "context" / "tokenizer").seq_length == 64


def test_a_blend_file_that_is_not_there_is_named(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"blend file .*none\.yaml does not exist"):
        module(tmp_path / "none.yaml", tiny.tokenizer)


def test_a_dataset_that_is_missing_is_named(tiny: Tiny, tmp_path: Path) -> None:
    corpus = shutil.copytree(tiny.blend.parent, tmp_path / "cpt")
    (corpus / "de" / "train.bin").unlink()
    with pytest.raises(RecipeError, match=r"de/train\.bin is missing"):
        module(corpus / "blend.yaml", tiny.tokenizer)
