"""Instruction data and test set from the genuine GDPR in five languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from preprocessing.citations import find_citations
from preprocessing.document import LegalDocument
from preprocessing.formex.parse import read_documents
from preprocessing.instruct.build import build_sft
from preprocessing.instruct.exclusion import Exclusion, unanswerable_path
from preprocessing.instruct.test_set import TEST_KINDS, build_test_set
from preprocessing.languages import LANGUAGES
from tests.preprocessing.instruct.invented import write_corpus

GDPR = "32016R0679"
# one definition of the real act in each language: the term and how its meaning begins
PROCESSOR = {
    "en": ("processor", "‘processor’ means a natural or legal person"),
    "fr": ("sous-traitant", "on entend par «sous-traitant», la personne physique ou morale"),
    "de": (
        "Auftragsverarbeiter",
        "bezeichnet der Ausdruck „Auftragsverarbeiter“ eine natürliche oder juristische Person",
    ),
    "es": (
        "encargado del tratamiento",
        "se entenderá por «encargado del tratamiento» o «encargado»: la persona física",
    ),
    "pt": ("Subcontratante", "entende-se por «Subcontratante», uma pessoa singular ou coletiva"),
}


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def corpus(gdpr_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    documents = [document for document in read_documents([gdpr_folder]) if isinstance(document, LegalDocument)]
    return write_corpus(tmp_path_factory.mktemp("gdpr"), documents)


@pytest.fixture(scope="module")
def test_set(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("test-set") / "gdpr.jsonl"
    summary = build_test_set(corpus, path)
    assert summary.notes == []
    return path


@pytest.fixture(scope="module")
def chats(corpus: Path, test_set: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    output = tmp_path_factory.mktemp("sft") / "sft"
    summary = build_sft(corpus, output, exclude=test_set)
    assert summary.citation_coverage == summary.citation_validity == 1.0
    return [chat for path in sorted(output.rglob("*.jsonl")) for chat in records(path)]


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The chats without a test set to keep out."""
    output = tmp_path_factory.mktemp("whole") / "sft"
    build_sft(corpus, output)
    return [chat for path in sorted(output.rglob("*.jsonl")) for chat in records(path)]


def test_the_test_set_has_twenty_questions_of_five_kinds_on_the_same_passages(test_set: Path) -> None:
    found = records(test_set)
    for language in LANGUAGES:
        of_language = [record for record in found if record["language"] == language]
        kinds = [record["metadata"]["kind"] for record in of_language]
        assert {kind: kinds.count(kind) for kind in TEST_KINDS} == dict.fromkeys(TEST_KINDS, 4)
        assert {record["metadata"]["source_id"] for record in of_language} == {
            record["metadata"]["source_id"] for record in found
        }


def test_every_reference_answer_cites_its_provision(test_set: Path) -> None:
    for record in [*records(test_set), *records(unanswerable_path(test_set))]:
        cited = find_citations(record["answer"].split("\n")[-1], record["language"])
        assert [(found.celex, found.article) for found in cited] == [(GDPR, record["metadata"]["article"])]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_definition_is_taken_with_its_real_quotation_marks(whole: list[dict[str, Any]], language: str) -> None:
    term, meaning = PROCESSOR[language]
    (chat,) = (
        chat
        for chat in whole
        if chat["metadata"]["language"] == language and chat["metadata"]["source_id"] == f"{GDPR}/art_4/point_8"
    )
    assert term in chat["messages"][1]["content"]
    assert meaning in chat["messages"][2]["content"]


def test_every_language_gets_hundreds_of_pairs_of_every_kind(chats: list[dict[str, Any]]) -> None:
    for language in LANGUAGES:
        kinds = [chat["metadata"]["kind"] for chat in chats if chat["metadata"]["language"] == language]
        assert len(kinds) > 300
        assert {"definition", "article_by_heading", "obligation", "requirement", "scope", "unanswerable"} <= set(kinds)


def test_no_passage_of_the_test_set_is_trained_on(chats: list[dict[str, Any]], test_set: Path) -> None:
    excluded = Exclusion.of_test_set(test_set)
    assert len(excluded) > 20
    assert not [chat for chat in chats if chat["metadata"]["source_id"] in excluded]


def test_answers_end_their_sentences_before_the_citation(chats: list[dict[str, Any]]) -> None:
    for chat in chats:
        body = chat["messages"][-1]["content"].rpartition("\n\n")[0]
        assert body.rstrip().endswith((".", ")", "»", "“", "’")), body
