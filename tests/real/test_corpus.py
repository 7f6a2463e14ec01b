"""The corpus command on genuine FORMEX: ../shared/formex, read where it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.corpus.blend import load_blend
from preprocessing.corpus.documents import iter_documents
from preprocessing.corpus.pipeline import preprocess
from preprocessing.corpus.registry import Registry
from preprocessing.corpus.settings import Settings
from preprocessing.document import LegalDocument
from tests.preprocessing.corpus.conftest import make_tokenizer

GDPR = "32016R0679"
LANGUAGES = ("en", "fr", "de", "es", "pt")


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def corpus(gdpr_folder: Path, tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("gdpr") / "corpus"
    preprocess([gdpr_folder], output, tokenizer_folder, workers=1)
    return output


@pytest.fixture(scope="module")
def documents(corpus: Path) -> dict[str, LegalDocument]:
    return {document.id: document for document in iter_documents(corpus)}


def test_the_gdpr_gives_training_and_validation_text_in_five_languages(corpus: Path):
    blend = load_blend(corpus / "cpt" / "blend.yaml")
    assert [entry.language for entry in blend.train] == [entry.language for entry in blend.validation] == [*LANGUAGES]
    assert all(entry.tokens > 50_000 for entry in blend.train)
    assert all(entry.tokens > 1_000 for entry in blend.validation)


@pytest.mark.parametrize("language", LANGUAGES)
def test_articles_90_to_99_are_held_out_whole(documents: dict[str, LegalDocument], language: str):
    train, validation = documents[f"{GDPR}-{language}"], documents[f"{GDPR}-{language}#held-out"]
    assert [article.number for article in train.articles] == [str(number) for number in range(1, 90)]
    assert [article.number for article in validation.articles] == [str(number) for number in range(90, 100)]
    for article in validation.articles:
        line = max(article.text.split("\n"), key=len)
        assert line in validation.text and line not in train.text
    last = max(train.articles[-1].text.split("\n"), key=len)
    assert last in train.text and last not in validation.text
    assert len(train.recitals) == 173


def test_the_registry_knows_the_articles_of_the_gdpr(corpus: Path):
    registry = Registry.load(corpus)
    act = registry.act(GDPR)
    assert act is not None and act.document_type == "regulation" and act.date == "2016-04-27"
    assert set(act.titles) == set(LANGUAGES) and act.titles["de"].startswith("Verordnung (EU) 2016/679")
    assert registry.has_article(GDPR, "99") and not registry.has_article(GDPR, "100")


def test_real_texts_give_the_tokens_of_hugging_face(corpus: Path, documents, tokenizer_folder: Path):
    from megatron.core.datasets.indexed_dataset import IndexedDataset
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    blend = load_blend(corpus / "cpt" / "blend.yaml")
    for entries, suffix in ((blend.train, ""), (blend.validation, "#held-out")):
        for entry in entries:
            text = documents[f"{GDPR}-{entry.language}{suffix}"].text
            expected = [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
            dataset = IndexedDataset(str(entry.prefix))  # its arrays are views: it must outlive them
            assert dataset[0].tolist() == expected


def test_an_act_of_the_dev_set_is_on_one_side_in_all_its_languages(dev_folder: Path, tokenizer_folder: Path, tmp_path):
    import pyarrow.parquet as pq

    folder = next(path for path in (dev_folder / "formex", dev_folder) if path.is_dir())
    acts = sorted(path for path in folder.iterdir() if path.is_dir() and path.name != GDPR)[:12]
    summary = preprocess(acts, tmp_path / "out", tokenizer_folder, Settings(shards=4, validation_share=0.2), workers=2)
    assert summary.report["documents"]["kept"] >= 12
    sides: dict[str, set[str]] = {}
    for path in (tmp_path / "out" / "documents").iterdir():
        for row in pq.read_table(path, columns=["base_celex", "split", "language"]).to_pylist():
            sides.setdefault(row["base_celex"], set()).add(row["split"])
    assert len(sides) >= 6 and all(len(side) == 1 for side in sides.values())
    assert {split for side in sides.values() for split in side} == {"train", "validation"}
