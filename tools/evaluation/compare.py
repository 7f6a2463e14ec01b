"""Base against tuned on one test set: answer, score, test, report.

The same command again continues a run that was killed: answers are saved as they come, under a name made of the
checkpoint's fingerprint and everything that shapes an answer (template, system prompts, length, precision).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocessing.corpus.registry import Registry
from preprocessing.errors import RecipeError, UsageError
from preprocessing.progress import progress
from tools.evaluation.answers import AnswerFile
from tools.evaluation.backends import Backend, Replay, open_backend
from tools.evaluation.metrics import METRICS, WIN_RULE, score
from tools.evaluation.questions import Question, read_questions, take_evenly
from tools.evaluation.report import summary_table, write_reports
from tools.evaluation.results import Row, copying_floors, summarise


@dataclass(frozen=True)
class ComparisonSummary:
    """What ``comparison_results.json`` holds, and where the files are."""

    results: dict[str, Any]
    output: Path

    def text(self) -> str:
        """Return the table that a person wants to see, and where the rest is."""
        return f"{summary_table(self.results)}\n\nreport: {self.output / 'report.html'}"

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``comparison_results.json``."""
        return self.results


def compare(
    base: Path,
    tuned: Path,
    test_set: Path,
    output: Path,
    *,
    registry: Path | None = None,
    batch_size: int = 8,
    max_new_tokens: int = 256,
    limit: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
    resume: bool = True,
) -> ComparisonSummary:
    """Answer ``test_set`` with the ``base`` and then the ``tuned`` checkpoint and write the comparison to ``output``.

    Both are Hugging Face checkpoint folders (one in memory at a time), or files of saved answers to replay. Only with
    the ``registry`` of the corpus can it be told whether a cited act exists: without it no hallucination rate is
    given. ``limit`` takes that many questions, evenly over the languages.

    Raises:
        UsageError: a checkpoint, the test set or the registry is not there or not whole, before anything is loaded.
        RecipeError: no usable question, a checkpoint that does not load, or a disk that is full.
    """
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; give a folder for the comparison")
    if limit is not None and limit < 1:
        raise UsageError(f"the limit of questions must be at least 1, not {limit}")
    questions, rejected = read_questions(test_set)
    questions = take_evenly(questions, limit)
    known = Registry.load(registry) if registry is not None else None
    backends = [
        open_backend(path, batch_size=batch_size, max_new_tokens=max_new_tokens, device=device, dtype=dtype)
        for path in (base, tuned)
    ]
    try:
        answers = [
            _answer_all(backend, questions, output / "answers", resume=resume, what=f"{role} model answers")
            for role, backend in zip(("base", "tuned"), backends, strict=True)
        ]
        rows = [
            Row(question, before, after, score(question, before, known), score(question, after, known))
            for question, before, after in zip(questions, *answers, strict=True)
        ]
        results = {
            "base": backends[0].about,
            "tuned": backends[1].about,
            "test_set": {
                "path": str(test_set),
                "questions": len(questions),
                "rejected": [asdict(line) for line in rejected],
            },
            "registry": str(registry) if registry is not None else None,
            "metrics": {metric.name: metric.meaning for metric in METRICS},
            "win_rule": WIN_RULE,
            "copying_floors": copying_floors(questions),
            **summarise(rows),
        }
        write_reports(output, results, rows)
    except OSError as error:
        raise RecipeError(
            f"cannot write the comparison to {output}: {error.strerror or error}; mend that and give the same command"
            " again, the answers so far are kept"
        ) from error
    return ComparisonSummary(results, output)


def _answer_all(backend: Backend, questions: Sequence[Question], folder: Path, *, resume: bool, what: str) -> list[str]:
    """Return the backend's answers in the order of ``questions``, asking only for those that are not saved yet."""
    if isinstance(backend, Replay):
        return list(backend.answer(questions))
    saved = AnswerFile(folder / f"{backend.identity}.jsonl", resume=resume)
    # Longest first: questions of like length share a batch, and one that does not fit in memory shows at once.
    pending = sorted(
        (question for question in questions if question.key not in saved.answers),
        key=lambda question: (-len(question.question), question.line),
    )
    try:
        with progress(what=what, total=len(questions), unit=" questions") as bar:
            bar.update(len(questions) - len(pending))
            for question, answer in zip(pending, backend.answer(pending), strict=True):
                saved.add(question, answer)
                bar.update()
    finally:
        backend.close()
    return [saved.answers[question.key] for question in questions]
