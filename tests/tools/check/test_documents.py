"""Rows of the documents table that are too few, too many, twice there or on both sides are found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tools.check.conftest import change_settings, edit_rows, failed
from tools.check import check
from tools.check.report import PASSED


def test_a_row_too_few_is_found(corpus: Path):
    edit_rows(corpus, lambda rows: rows.pop())
    assert "documents, the table" in failed(check(corpus))["documents"]


def test_a_length_that_is_not_the_dataset_s_is_found(corpus: Path):
    def shorten(rows: list[dict]) -> None:
        rows[0]["tokens"] -= 1
        rows[1]["tokens"] = None

    edit_rows(corpus, shorten)
    found = failed(check(corpus))
    assert found.keys() == {"documents"}
    assert "1 rows have no tokens" in found["documents"]
    assert "by the table" in found["documents"]


def test_the_best_documents_must_be_those_with_the_highest_scores(corpus: Path):
    def praise_the_rest(rows: list[dict]) -> None:
        for row in rows:
            row["score"] = 1 - row["score"]

    for shard in range(4):
        edit_rows(corpus, praise_the_rest, shard)
    found = failed(check(corpus))
    assert found.keys() == {"best"}
    assert "cpt/en/best holds a document with score" in found["best"]


def test_fewer_of_the_best_than_asked_for_are_found(corpus: Path):
    change_settings(corpus, {"best-share": 0.9})
    assert "of the tokens, 90.0% was wanted" in failed(check(corpus))["best"]


def test_a_duplicate_row_is_found(corpus: Path):
    edit_rows(corpus, lambda rows: rows.append(dict(rows[0])))
    found = failed(check(corpus))
    assert "has 2 rows" in found["duplicates"]
    assert "documents" in found


def test_a_text_that_comes_twice_under_two_names_is_found(corpus: Path):
    def copy(rows: list[dict]) -> None:
        twin = next(row for row in rows[1:] if row["language"] == rows[0]["language"])
        twin["text"] = rows[0]["text"].replace(" ", "\u00a0\n ")

    edit_rows(corpus, copy)
    assert "2 documents have one text" in failed(check(corpus))["duplicates"]


def test_a_validation_act_in_training_is_found(corpus: Path):
    def move(rows: list[dict]) -> None:
        held_out = next(row for row in rows if row["split"] == "validation")
        rows.append({**held_out, "split": "train", "id": held_out["id"] + "-again"})

    shard = next(number for number in range(4) if has_validation(corpus, number))
    edit_rows(corpus, move, shard)
    found = failed(check(corpus))["leakage"]
    assert "is in training and in validation" in found
    assert "the same text is in training and in validation" in found


def has_validation(folder: Path, shard: int) -> bool:
    import pyarrow.parquet as pq

    return "validation" in pq.read_table(sorted((folder / "documents").glob("*.parquet"))[shard])["split"].to_pylist()


def test_held_out_articles_of_a_single_act_are_no_leak(one_act_corpus: Path, tokenizer_folder: Path):
    report = check(one_act_corpus, tokenizer=tokenizer_folder)
    assert {item.name: item.text() for item in report.checks if item.state != PASSED} == {}
    assert "2 documents of held-out articles" in report.text()


def test_a_held_out_article_in_the_training_text_is_found(one_act_corpus: Path, tmp_path: Path):
    corpus = Path(shutil.copytree(one_act_corpus, tmp_path / "corpus", symlinks=True))

    def give_back(rows: list[dict]) -> None:
        held_out = next(row for row in rows if row["id"].endswith("#held-out") and row["language"] == "fr")
        training = next(row for row in rows if row["split"] == "train" and row["language"] == "fr")
        training["text"] += "\n" + held_out["text"]

    edit_rows(corpus, give_back)
    assert "stands in the training text of" in failed(check(corpus))["leakage"]


@pytest.mark.parametrize(("splits", "name"), [(("train", "train"), "duplicates"), (("train", "validation"), "leakage")])
def test_texts_nearly_equal_are_found_where_they_were_to_be_taken_out(corpus: Path, splits: tuple[str, str], name: str):
    shard = next(number for number in range(4) if has_validation(corpus, number))

    def copy(rows: list[dict]) -> None:
        one, other = ({**rows[0], "language": "fr", "split": split, "id": f"copy-{split}"} for split in splits)
        other |= {"id": "copy-again", "base_celex": "32099R9999", "text": other["text"] + "\nDone once more."}
        rows += [one, other]

    change_settings(corpus, {"near-duplicates": 0.8})
    assert failed(check(corpus)) == {}
    edit_rows(corpus, copy, shard)
    assert "copy-again is nearly equal to copy-train (" in failed(check(corpus))[name]
    change_settings(corpus, {"near-duplicates": 0})
    report = check(corpus)
    assert "nearly equal" not in failed(report).get(name, "")
    assert "1 nearly equal to another, left in by the settings" in report.text()


def test_held_out_articles_that_two_versions_of_an_act_share_are_no_duplicates(one_act_corpus: Path, tmp_path: Path):
    corpus = Path(shutil.copytree(one_act_corpus, tmp_path / "corpus", symlinks=True))

    def add_version(rows: list[dict]) -> None:
        held_out = next(row for row in rows if row["id"].endswith("#held-out"))
        rows.append({**held_out, "id": "version#held-out"})

    edit_rows(corpus, add_version)
    report = check(corpus)
    assert "duplicates" not in failed(report)
    assert "1 held-out parts are the same in two versions of their act" in report.text()
