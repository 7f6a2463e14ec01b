"""Languages, shares, general text; which articles a single act gives to validation."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.corpus.blend import load_blend
from preprocessing.corpus.documents import iter_documents
from preprocessing.corpus.pipeline import preprocess
from preprocessing.corpus.registry import Registry
from preprocessing.errors import UsageError
from preprocessing.languages import LANGUAGES
from tests.preprocessing.corpus.conftest import rows_of, settings, write_act


def test_one_act_gives_its_last_articles_to_validation(tokenizer_folder: Path, tmp_path: Path):
    for language in LANGUAGES:
        write_act(tmp_path / "in" / language, 1, language, articles=20)
    summary = preprocess([tmp_path / "in"], tmp_path / "out", tokenizer_folder, settings(), workers=1)
    rows = rows_of(tmp_path / "out")
    for language in LANGUAGES:
        train = next(row for row in rows if row["language"] == language and row["split"] == "train")
        validation = next(row for row in rows if row["language"] == language and row["split"] == "validation")
        assert [article["number"] for article in validation["articles"]] == ["19", "20"]
        assert "[1/19]" in validation["text"] and "[1/18]" not in validation["text"]
        assert "[1/18]" in train["text"] and "[1/19]" not in train["text"] and "[1/20]" not in train["text"]
    assert summary.report["split"]["held_out_articles"] == {"32099R0001": ["19", "20"]}
    assert "last articles (19 to 20)" in summary.text()
    assert Registry.load(tmp_path / "out").has_article("32099R0001", "20")


def test_a_language_without_validation_text_is_named(tokenizer_folder: Path, tmp_path: Path):
    for number in (1, 2, 3):
        write_act(tmp_path / "in", number, "en")
    write_act(tmp_path / "in", 4, "pt", articles=1)
    summary = preprocess(
        [tmp_path / "in"], tmp_path / "out", tokenizer_folder, settings(languages=("en", "pt")), workers=1
    )
    assert "No validation text in Portuguese" in summary.text()


def test_the_one_act_of_a_language_gives_its_last_articles_in_every_language(tokenizer_folder: Path, tmp_path: Path):
    for number in (1, 2, 3):
        write_act(tmp_path / "in", number, "en")
    write_act(tmp_path / "in", 2, "pt")
    summary = preprocess([tmp_path / "in"], tmp_path / "out", tokenizer_folder, settings(), workers=1)
    assert summary.report["split"]["held_out_articles"] == {"32099R0002": ["12"]}
    texts = {(row["language"], row["split"], row["base_celex"]): row["text"] for row in rows_of(tmp_path / "out")}
    for language in ("en", "pt"):
        assert "[2/12]" in texts[language, "validation", "32099R0002"]
        assert "[2/12]" not in texts[language, "train", "32099R0002"]
    assert sum(split == "validation" for _, split, _ in texts) == 3


def test_only_the_languages_asked_for_are_kept(acts: Path, tokenizer_folder: Path, tmp_path: Path):
    summary = preprocess([acts], tmp_path / "out", tokenizer_folder, settings(languages=("fr", "de")), workers=1)
    assert set(summary.report["languages"]) == {"fr", "de"}
    assert summary.report["documents_left_out"]["language not asked for"] == {"en": 8, "es": 6, "pt": 6}
    assert {document.language for document in iter_documents(tmp_path / "out")} == {"fr", "de"}


def test_shares_may_be_chosen_and_general_text_has_its_place(acts: Path, tokenizer_folder: Path, tmp_path: Path):
    preprocess([acts], tmp_path / "general", tokenizer_folder, settings(languages=("en",)), workers=1)
    general = tmp_path / "general" / "cpt" / "en" / "train"
    chosen = settings(languages=("en", "fr"), shares={"en": 1, "fr": 3}, replay=(general, 0.2))
    preprocess([acts], tmp_path / "out", tokenizer_folder, chosen, workers=1)
    for file, name in (("blend.yaml", "train"), ("blend_fast.yaml", "best")):
        blend = load_blend(tmp_path / "out" / "cpt" / file)
        assert [entry.prefix.name for entry in blend.train] == [name, name, "train"]
        assert {entry.language: entry.weight for entry in blend.train} == pytest.approx(
            {"en": 0.2, "fr": 0.6, "replay": 0.2}
        )
        assert {entry.language for entry in blend.validation} == {"en", "fr"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shares": {"en": 1.0}}, "must name each of"),
        ({"shares": {"en": 1, "fr": 1, "de": 1, "es": 1, "pt": 0}}, "must be positive"),
        ({"replay": (Path("general"), 2.0)}, "must lie between 0 and 1"),
        ({"versions": "oldest"}, "must be newest or all"),
        ({"best_share": 1.5}, "--best-share must lie"),
    ],
)
def test_wrong_choices_are_refused_by_name(changes: dict, message: str):
    with pytest.raises(UsageError, match=message):
        settings(**changes)
