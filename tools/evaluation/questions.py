"""The test set: questions with their reference answers and the provision each answer must cite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.celex import is_celex
from preprocessing.errors import RecipeError, UsageError
from preprocessing.languages import LANGUAGES

UNNAMED_KIND = "other"


@dataclass(frozen=True)
class Question:
    """One question with its reference answer.

    ``celex`` is the act that the answer must cite; ``article`` the bare number of its article, or None where the
    question is about the act as a whole.
    """

    line: int  # in the test set, from 1
    question: str
    answer: str
    language: str
    kind: str
    celex: str
    article: str | None

    @property
    def key(self) -> tuple[str, str]:
        """What a saved answer is found by: (language, question)."""
        return self.language, self.question


@dataclass(frozen=True)
class RejectedLine:
    """A line of the test set that could not be used, and why."""

    line: int
    reason: str


def read_questions(path: Path) -> tuple[list[Question], list[RejectedLine]]:
    """Read a test set of JSON Lines ``{"question", "answer", "language", "metadata": {"celex", "article", "kind"}}``.

    A bad line is set aside with its reason and the rest goes on; blank lines are skipped. A line that repeats an
    earlier question is bad too: it would count twice.

    Raises:
        UsageError: there is no such file.
        RecipeError: not one usable question is in it.
    """
    if not path.is_file():
        raise UsageError(f"there is no test set {path}; write one with: python launch.py test-set")
    questions: list[Question] = []
    rejected: list[RejectedLine] = []
    seen: dict[tuple[str, str], int] = {}
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            if not raw.strip():
                continue
            try:
                question = _question(number, raw)
                if question.key in seen:
                    raise ValueError(f"repeats the question of line {seen[question.key]}")
            except ValueError as error:
                rejected.append(RejectedLine(number, str(error)))
                continue
            seen[question.key] = number
            questions.append(question)
    if not questions:
        why = f": line {rejected[0].line}: {rejected[0].reason}" if rejected else "; it is empty"
        raise RecipeError(f"no usable question in the test set {path}{why}")
    return questions, rejected


def take_evenly(questions: Sequence[Question], limit: int | None) -> list[Question]:
    """Return at most ``limit`` questions, in file order, taken in turn from each language so that none is left out."""
    if limit is None or limit >= len(questions):
        return list(questions)
    rank: dict[str, int] = {}
    turns = []
    for question in questions:
        rank[question.language] = rank.get(question.language, -1) + 1
        turns.append((rank[question.language], question.line))
    kept = {line for _, line in sorted(turns)[:limit]}
    return [question for question in questions if question.line in kept]


def _question(number: int, raw: bytes) -> Question:
    """Read one line; ValueError says what is wrong with it."""
    try:
        record = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    metadata = record.get("metadata")
    if not isinstance(metadata, dict):
        raise ValueError("no 'metadata' object")
    language = _text(record, "language")
    if language not in LANGUAGES:
        raise ValueError(f"unknown language '{language}'; known: {', '.join(LANGUAGES)}")
    celex = _text(metadata, "celex")
    if not is_celex(celex):
        raise ValueError(f"metadata.celex '{celex}' is no CELEX number")
    article = metadata.get("article")
    if article is not None and (not isinstance(article, str) or not article.strip()):
        raise ValueError("metadata.article is neither text nor null")
    kind = metadata.get("kind") or UNNAMED_KIND
    if not isinstance(kind, str):
        raise ValueError("metadata.kind is not text")
    return Question(
        line=number,
        question=_text(record, "question"),
        answer=_text(record, "answer"),
        language=language,
        kind=kind,
        celex=celex,
        article=article.strip() if article else None,
    )


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"no '{name}', or not a text")
    return value.strip()
