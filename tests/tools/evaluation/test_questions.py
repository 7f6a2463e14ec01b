"""A test set with bad lines: each is named with its reason, the others go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.errors import RecipeError, UsageError
from tests.tools.evaluation.conftest import record, write_lines
from tools.evaluation.questions import read_questions, take_evenly


def test_bad_lines_are_rejected_by_number_with_the_reason(tmp_path: Path) -> None:
    good = record("en", 1)
    rows = [
        good,
        ["not", "an", "object"],
        {**good, "question": " "},
        {**good, "language": "xx"},
        {**good, "metadata": {"celex": "not one"}},
        {**good, "metadata": None},
        {**record("en", 2), "metadata": {"celex": "32099R0001", "article": 5}},
        good,
    ]
    path = write_lines(tmp_path / "test.jsonl", rows)
    with path.open("ab") as stream:
        stream.write(b'{"question": \n\n\xff\xfe\n' + b"[" * 100_000 + b"\n")
    questions, rejected = read_questions(path)
    assert [question.line for question in questions] == [1]
    reasons = {line.line: line.reason for line in rejected}
    assert sorted(reasons) == [2, 3, 4, 5, 6, 7, 8, 9, 11, 12]
    expected = {
        2: "object",
        3: "'question'",
        4: "unknown language 'xx'",
        5: "'not one' is no CELEX",
        6: "'metadata'",
        7: "metadata.article",
        8: "repeats the question of line 1",
        9: "not JSON",
        11: "not UTF-8",
        12: "not JSON",
    }
    for line, words in expected.items():
        assert words in reasons[line]


def test_a_missing_test_set_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"launch\.py test-set"):
        read_questions(tmp_path / "none.jsonl")


@pytest.mark.parametrize("content", ["", "\n\n", "nonsense\n"])
def test_a_test_set_without_a_usable_question_is_an_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text(content)
    with pytest.raises(RecipeError, match="no usable question"):
        read_questions(path)


def test_a_limit_leaves_out_no_language(test_set: Path) -> None:
    questions, _ = read_questions(test_set)
    taken = take_evenly(questions, 5)
    assert sorted(question.language for question in taken) == ["de", "en", "es", "fr", "pt"]
    assert take_evenly(questions, None) == take_evenly(questions, 99) == questions
