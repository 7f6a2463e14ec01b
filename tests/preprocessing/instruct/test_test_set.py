"""The test set asks about the same passages in every language, in five kinds, and names what it cannot do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import RecipeError, UsageError
from preprocessing.instruct.exclusion import unanswerable_path
from preprocessing.instruct.test_set import TEST_KINDS, build_test_set
from preprocessing.languages import LANGUAGES
from tests.preprocessing.instruct.invented import act, acts, write_corpus

CELEX = "32099R0001"


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus", acts((1, 2)))


def test_every_language_gets_every_kind_on_the_same_passages(corpus: Path, tmp_path: Path) -> None:
    summary = build_test_set(corpus, tmp_path / "test.jsonl", CELEX, per_language=5)
    found = records(tmp_path / "test.jsonl")
    assert len(found) == 5 * len(LANGUAGES)
    passages = {
        language: {(r["metadata"]["kind"], r["metadata"]["source_id"]) for r in found if r["language"] == language}
        for language in LANGUAGES
    }
    assert {kind for kind, _ in passages["en"]} == set(TEST_KINDS)
    assert all(of_language == passages["en"] for of_language in passages.values())
    assert summary.parallel_passages == 5
    assert summary.notes == []


def test_records_have_the_agreed_form(corpus: Path, tmp_path: Path) -> None:
    build_test_set(corpus, tmp_path / "test.jsonl", CELEX, per_language=5)
    for record in [*records(tmp_path / "test.jsonl"), *records(unanswerable_path(tmp_path / "test.jsonl"))]:
        assert set(record) == {"question", "answer", "language", "metadata"}
        assert set(record["metadata"]) == {"celex", "article", "kind", "source_id"}
        assert record["metadata"]["celex"] == CELEX


def test_unanswerable_questions_stand_apart(corpus: Path, tmp_path: Path) -> None:
    build_test_set(corpus, tmp_path / "test.jsonl", CELEX, per_language=5)
    apart = records(tmp_path / "test.unanswerable.jsonl")
    assert len(apart) == 5 * len(LANGUAGES)
    assert {record["metadata"]["kind"] for record in apart} == {"unanswerable"}


def test_an_act_that_offers_too_little_gives_what_it_has_and_says_so(corpus: Path, tmp_path: Path) -> None:
    summary = build_test_set(corpus, tmp_path / "test.jsonl", CELEX, per_language=20)
    assert summary.by_language["en"]["definition"] == 3
    assert any("en: 3 of 4 questions of the kind definition" in note for note in summary.notes)


def test_a_language_the_act_lacks_is_named(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", [act("en"), act("fr")])
    summary = build_test_set(corpus, tmp_path / "test.jsonl", CELEX, per_language=5)
    assert set(summary.by_language) == {"en", "fr"}
    assert any("German" in note for note in summary.notes)


def test_the_same_seed_gives_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    for name in ("one.jsonl", "two.jsonl"):
        build_test_set(corpus, tmp_path / name, CELEX, seed=3)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_a_consolidated_number_means_its_act(corpus: Path, tmp_path: Path) -> None:
    assert build_test_set(corpus, tmp_path / "test.jsonl", "02099R0001-20990601").celex == CELEX


def test_an_act_outside_the_corpus_is_refused_with_the_nearest(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"32099R0003 is not in the corpus .*nearest in it: 32099R000"):
        build_test_set(corpus, tmp_path / "test.jsonl", "32099R0003")
    assert not (tmp_path / "test.jsonl").exists()


@pytest.mark.parametrize(("argument", "value"), [("celex", "GDPR"), ("per_language", 0), ("languages", ("en", "xx"))])
def test_a_wrong_argument_is_refused(corpus: Path, tmp_path: Path, argument: str, value: Any) -> None:
    with pytest.raises(UsageError):
        build_test_set(corpus, tmp_path / "test.jsonl", **{"celex": CELEX, argument: value})


def test_an_act_without_articles_offers_no_question(tmp_path: Path) -> None:
    empty = act("en")
    empty.articles = []
    with pytest.raises(RecipeError, match="offers no question"):
        build_test_set(write_corpus(tmp_path / "corpus", [empty]), tmp_path / "test.jsonl", CELEX)
