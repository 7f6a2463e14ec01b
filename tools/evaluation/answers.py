"""Answers on disk: JSON Lines ``{"language", "question", "answer"}``, added to as they come.

A killed run leaves at most one torn line at the end, which is cut off before the next answer is written.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from preprocessing.errors import UsageError
from tools.evaluation.questions import Question

Key = tuple[str, str]  # (language, question)


def read_answers(path: Path) -> dict[Key, str]:
    """Read saved answers by (language, question); the last one counts where a question stands twice.

    Raises:
        UsageError: the file is missing, or a line is no answer (other than a torn last one).
    """
    if not path.is_file():
        raise UsageError(f"there is no answers file {path}")
    answers: dict[Key, str] = {}
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            if not raw.endswith(b"\n"):
                break  # torn by a kill in the middle of writing
            try:
                record = json.loads(raw)
                key, answer = (record["language"], record["question"]), record["answer"]
            except (ValueError, KeyError, TypeError):
                raise UsageError(
                    f"{path}, line {number}: not an answer with language, question and answer; delete the file to"
                    " answer anew"
                ) from None
            answers[key] = str(answer)
    return answers


class AnswerFile:
    """The answers of one checkpoint under one setting, safe against a kill at any moment."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Open ``path``; earlier answers in it are kept when ``resume``, else dropped."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            path.unlink(missing_ok=True)
        self.answers = read_answers(path) if path.exists() else {}
        if path.exists():
            whole = path.read_bytes().rfind(b"\n") + 1
            os.truncate(path, whole)

    def add(self, question: Question, answer: str) -> None:
        """Append one answer and force it to disk; on an error (disk full) nothing of it stays."""
        row = {"language": question.language, "question": question.question, "answer": answer}
        before = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("ab") as stream:
                stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            if self.path.exists():
                os.truncate(self.path, before)
            raise
        self.answers[question.key] = answer
