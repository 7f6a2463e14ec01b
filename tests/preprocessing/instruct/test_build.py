"""Building SFT data: whole, deterministic, split by act, without the test set's passages, and clear about bad input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import RecipeError, UsageError
from preprocessing.instruct.build import build_sft
from preprocessing.instruct.test_set import build_test_set
from preprocessing.languages import LANGUAGES
from tests.preprocessing.instruct.invented import act, acts, write_corpus

SPLITS = ("train", "validation", "test")


def chats(output: Path, split: str) -> Iterator[dict[str, Any]]:
    for path in sorted((output / split).glob("*.jsonl")):
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def every_chat(output: Path) -> list[dict[str, Any]]:
    return [chat for split in SPLITS for chat in chats(output, split)]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus", acts(range(1, 7)))


def test_chats_have_the_agreed_form_in_every_language(corpus: Path, tmp_path: Path) -> None:
    summary = build_sft(corpus, tmp_path / "sft")
    found = every_chat(tmp_path / "sft")
    assert len(found) == summary.pairs > 0
    assert {chat["metadata"]["language"] for chat in found} == set(LANGUAGES)
    for chat in found:
        assert [message["role"] for message in chat["messages"]] == ["system", "user", "assistant"]
        assert set(chat["metadata"]) == {"language", "kind", "celex", "article", "source_id"}
        assert f"(CELEX: {chat['metadata']['celex']})" in chat["messages"][-1]["content"].split("\n")[-1]


def test_every_split_holds_other_acts(corpus: Path, tmp_path: Path) -> None:
    build_sft(corpus, tmp_path / "sft")
    by_split = [{chat["metadata"]["celex"] for chat in chats(tmp_path / "sft", split)} for split in SPLITS]
    assert all(by_split)
    assert sum(map(len, by_split)) == len(set.union(*by_split)) == 6


def test_a_corpus_of_one_act_is_split_by_article_and_says_so(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", acts((1,)))
    summary = build_sft(corpus, tmp_path / "sft", held_out=0.3)
    assert "by article" in summary.text()
    articles = [{chat["metadata"]["article"] for chat in chats(tmp_path / "sft", split)} - {None} for split in SPLITS]
    assert sum(map(len, articles)) == len(set.union(*articles)) == 5


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_ones(corpus: Path, tmp_path: Path) -> None:
    def content(name: str, seed: int) -> dict[str, bytes]:
        build_sft(corpus, tmp_path / name, seed=seed)
        return {
            str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*.jsonl")
        }

    assert content("first", 7) == content("second", 7)
    assert content("first", 7) != content("third", 8)


def test_the_number_of_workers_changes_nothing(corpus: Path, tmp_path: Path) -> None:
    contents = []
    for workers in (1, 2):
        output = tmp_path / f"sft-{workers}"
        build_sft(corpus, output, pairs=120, workers=workers)
        contents.append({path.name: path.read_bytes() for path in output.rglob("*.jsonl")})
    assert contents[0] == contents[1]


def test_no_question_is_asked_twice(corpus: Path, tmp_path: Path) -> None:
    build_sft(corpus, tmp_path / "sft")
    questions = [
        (chat["metadata"]["language"], chat["messages"][1]["content"].casefold())
        for chat in every_chat(tmp_path / "sft")
    ]
    assert len(set(questions)) == len(questions)


def test_two_versions_of_an_act_do_not_repeat_its_questions(tmp_path: Path) -> None:
    later = act("en")
    later.id, later.celex = "02099R0001-20990601-en", "02099R0001-20990601"
    later.consolidated, later.consolidation_date = True, "2099-06-01"
    once = build_sft(write_corpus(tmp_path / "one", [act("en")]), tmp_path / "once")
    twice = build_sft(write_corpus(tmp_path / "two", [act("en"), later]), tmp_path / "twice")
    assert twice.pairs == once.pairs
    assert twice.left_out["pair: question asked before"] > 0


def test_pairs_are_bounded_and_train_is_sharded(corpus: Path, tmp_path: Path) -> None:
    summary = build_sft(corpus, tmp_path / "sft", pairs=100, shards=4)
    assert summary.pairs <= 100
    assert len(list((tmp_path / "sft" / "train").glob("*.jsonl"))) == 4
    shares = {language: row["share"] for language, row in summary.by_language.items()}
    assert shares == pytest.approx({code: language.share for code, language in LANGUAGES.items()}, abs=0.03)


def test_unanswerable_questions_stay_a_small_share(corpus: Path, tmp_path: Path) -> None:
    summary = build_sft(corpus, tmp_path / "sft")
    unanswerable = sum(summary.by_kind["unanswerable"].values())
    assert 0 < unanswerable <= 0.08 * summary.pairs  # rounding up in each of five languages


def test_passages_of_the_test_set_are_kept_out_in_every_language(corpus: Path, tmp_path: Path) -> None:
    test_set = tmp_path / "test.jsonl"
    build_test_set(corpus, test_set, "32099R0001", per_language=5, languages=("en", "fr"))
    asked = {json.loads(line)["metadata"]["source_id"] for line in test_set.read_text(encoding="utf-8").splitlines()}
    summary = build_sft(corpus, tmp_path / "sft", exclude=test_set)
    trained = {chat["metadata"]["source_id"] for chat in every_chat(tmp_path / "sft")}
    for source_id in asked:
        assert not any(
            other == source_id or other.startswith(f"{source_id}/") or source_id.startswith(f"{other}/")
            for other in trained
        )
    assert summary.left_out["pair: passage of the test set"] > 0
    assert any(source_id.startswith("32099R0001/") for source_id in trained)


def test_the_report_counts_what_was_left_out(tmp_path: Path) -> None:
    notice, unnumbered = act("en", 2), act("en", 3)
    notice.document_type = "notice"
    unnumbered.base_celex = None
    corpus = write_corpus(tmp_path / "corpus", [act("en"), notice, unnumbered])
    build_sft(corpus, tmp_path / "sft")
    report = json.loads((tmp_path / "sft" / "report.json").read_text(encoding="utf-8"))
    assert report["left_out"]["document: document type notice"] == 1
    assert report["left_out"]["document: no CELEX number"] == 1
    assert report["citation_coverage"] == report["citation_validity"] == 1.0
    assert report["samples"]


def test_a_second_run_replaces_the_first(corpus: Path, tmp_path: Path) -> None:
    build_sft(corpus, tmp_path / "sft")
    summary = build_sft(corpus, tmp_path / "sft", pairs=50)
    assert len(every_chat(tmp_path / "sft")) == summary.pairs


def test_a_folder_with_other_things_is_not_replaced(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="something else"):
        build_sft(corpus, corpus)
    assert (corpus / "registry.parquet").is_file()


@pytest.mark.parametrize(
    ("argument", "value"), [("pairs", 0), ("shards", 0), ("workers", 0), ("held_out", 1.5), ("languages", ("xx",))]
)
def test_a_wrong_argument_is_refused(corpus: Path, tmp_path: Path, argument: str, value: Any) -> None:
    with pytest.raises(UsageError):
        build_sft(corpus, tmp_path / "sft", **{argument: value})
    assert not (tmp_path / "sft").exists()


def test_a_folder_without_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="preprocess"):
        build_sft(tmp_path, tmp_path / "sft")


def test_a_corpus_without_usable_acts_fails_and_says_why(tmp_path: Path) -> None:
    empty = act("en")
    empty.articles = []
    with pytest.raises(RecipeError, match=r"no articles \(1\)"):
        build_sft(write_corpus(tmp_path / "corpus", [empty]), tmp_path / "sft")
    assert not (tmp_path / "sft").exists()


def test_a_test_set_that_is_missing_or_broken_is_refused_by_line(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no test set"):
        build_sft(corpus, tmp_path / "sft", exclude=tmp_path / "none.jsonl")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"metadata": {"source_id": "32099R0001/art_1"}}\n{"metadata": {}}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="line 2"):
        build_sft(corpus, tmp_path / "sft", exclude=broken)
