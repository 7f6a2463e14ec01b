"""From per-question scores to figures: overall, per language and per kind, base against tuned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from preprocessing.instruct.prompts import system_prompt
from tools.evaluation.metrics import METRICS, Metric, Scores, score, verdict
from tools.evaluation.questions import Question
from tools.evaluation.statistics import interval, paired

# Under one percentage point a ratio to the base says nothing: from 0.2 % to 29 % would be +14400 %.
MIN_BASE_FOR_RATIO = 0.01


@dataclass(frozen=True)
class Row:
    """One question with both answers and their scores; ``outcome`` is the tuned answer's: win, loss or tie."""

    question: Question
    base_answer: str
    tuned_answer: str
    base: Scores
    tuned: Scores

    @property
    def outcome(self) -> str:
        """``"win"``, ``"loss"`` or ``"tie"`` for the tuned answer."""
        return verdict(self.base, self.tuned)


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the figures of all ``rows`` and of each language and kind among them, as plain JSON values."""
    languages = dict.fromkeys(row.question.language for row in rows)
    kinds = sorted({row.question.kind for row in rows})
    by_language = {code: _group([row for row in rows if row.question.language == code]) for code in languages}
    return {
        "overall": _group(rows),
        "by_language": by_language,
        "by_kind": {kind: _group([row for row in rows if row.question.kind == kind]) for kind in kinds},
        "tuned_relative_to_english": _relative_to_english(by_language),
    }


def copying_floors(questions: Sequence[Question]) -> dict[str, dict[str, float | None]]:
    """Return what answers score that only repeat the question, or only the system prompt.

    A question names its act and the system prompt shows the citation form, so that mere copying can look like
    knowledge: what a checkpoint scores is worth no more than its distance to these.
    """
    copies = {
        "question": [question.question for question in questions],
        "system prompt": [system_prompt(question.language) for question in questions],
    }
    floors: dict[str, dict[str, float | None]] = {}
    for name, answers in copies.items():
        scores = [score(question, answer) for question, answer in zip(questions, answers, strict=True)]
        floors[name] = {}
        for metric in ("citation_accuracy", "article_accuracy", "form_obeyed"):
            values = [value for item in scores if (value := item[metric]) is not None]
            floors[name][metric] = sum(values) / len(values) if values else None
    return floors


def _group(rows: Sequence[Row]) -> dict[str, Any]:
    outcomes = Counter(row.outcome for row in rows)
    return {
        "questions": len(rows),
        "outcomes": {name: outcomes[name] for name in ("win", "tie", "loss")},
        "metrics": {metric.name: _figures(metric, rows) for metric in METRICS},
    }


def _figures(metric: Metric, rows: Sequence[Row]) -> dict[str, Any] | None:
    """One metric over the questions to which it applies; None where there are none (or no registry was given)."""
    pairs = [(row.base[metric.name], row.tuned[metric.name]) for row in rows]
    base = [value for value, _ in pairs if value is not None]
    tuned = [value for _, value in pairs if value is not None]
    if not base:
        return None
    test = paired(base, tuned, yes_or_no=metric.yes_or_no)
    before, after = interval(base), interval(tuned)
    gain = after.mean - before.mean if metric.higher_is_better else before.mean - after.mean
    return {
        "base": asdict(before),
        "tuned": asdict(after),
        "difference": asdict(test.difference),
        "relative_improvement": gain / before.mean if before.mean >= MIN_BASE_FOR_RATIO else None,
        "p_value": test.p_value,
        "test": test.test,
    }


def _relative_to_english(by_language: dict[str, Any]) -> dict[str, float] | None:
    """The tuned checkpoint's citation accuracy in each language divided by that in English; None without the latter."""

    def accuracy(code: str) -> float:
        return float(by_language[code]["metrics"]["citation_accuracy"]["tuned"]["mean"])

    if "en" not in by_language or not accuracy("en"):
        return None
    return {code: accuracy(code) / accuracy("en") for code in by_language}
