"""The list of metrics, the scores of one answer, and the rule by which one answer beats another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.evaluation.citation_metrics import ActRegistry, citation_scores
from tools.evaluation.questions import Question
from tools.evaluation.text_metrics import text_scores

Scores = Mapping[str, float | None]  # metric name -> value from 0 to 1, None where it does not apply


@dataclass(frozen=True)
class Metric:
    """One metric; all lie between 0 and 1. ``yes_or_no`` ones are shares of answers, the others means."""

    name: str
    label: str
    meaning: str
    higher_is_better: bool = True
    yes_or_no: bool = True


METRICS: tuple[Metric, ...] = (
    Metric("citation_accuracy", "Citation accuracy", "the right act is cited and no wrong one"),
    Metric("article_accuracy", "Article accuracy", "the right article of the right act is cited and no wrong one"),
    Metric("citation_precision", "Citation precision", "share of cited provisions that are right", yes_or_no=False),
    Metric("citation_recall", "Citation recall", "the required provision is cited"),
    Metric("citation_f1", "Citation F1", "harmonic mean of citation precision and recall", yes_or_no=False),
    Metric(
        "hallucinated",
        "Hallucination rate",
        "cites an act or article that the registry does not know",
        higher_is_better=False,
    ),
    Metric(
        "wrong_but_existing",
        "Wrong but existing",
        "cites an existing provision, but a wrong one",
        higher_is_better=False,
    ),
    Metric("uncited", "Uncited rate", "cites nothing at all", higher_is_better=False),
    Metric("form_obeyed", "Citation form", "cites in the fixed form, in the question's language"),
    Metric("rouge_l", "ROUGE-L", "longest common subsequence with the reference, F-measure", yes_or_no=False),
    Metric("exact_match", "Exact match", "same words as the reference, articles and punctuation aside"),
    Metric("token_f1", "Token F1", "words shared with the reference", yes_or_no=False),
)

ROUGE_MARGIN = 0.05
WIN_RULE = (
    "The answer with the better citation accuracy wins; if equal, the one with the better article accuracy; if equal, "
    f"the one whose ROUGE-L is higher by more than {ROUGE_MARGIN}; else it is a tie."
)


def score(question: Question, answer: str, registry: ActRegistry | None = None) -> dict[str, float | None]:
    """Score one answer by every metric of :data:`METRICS`; None where one does not apply."""
    return {
        **citation_scores(question, answer, registry),
        **text_scores(question.answer, answer, question.language),
    }


def verdict(base: Scores, tuned: Scores) -> str:
    """Return ``"win"``, ``"loss"`` or ``"tie"`` for the tuned answer by :data:`WIN_RULE`."""
    for name, margin in (("citation_accuracy", 0.0), ("article_accuracy", 0.0), ("rouge_l", ROUGE_MARGIN)):
        difference = (tuned[name] or 0.0) - (base[name] or 0.0)
        if abs(difference) > margin:
            return "win" if difference > 0 else "loss"
    return "tie"
