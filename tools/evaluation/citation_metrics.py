"""Does an answer cite what it must, nothing wrong, nothing that does not exist, and in the fixed form?

The gold provision is the question's own (its act and article). Provisions that the reference answer mentions besides
are allowed, not required: a quoted provision may itself refer to others. Anything else that is cited is wrong, so that
spraying citations never wins, and an answer without any citation is *uncited*, never faithful.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Protocol

from preprocessing.celex import CELEX_PATTERN, base_celex, is_celex
from preprocessing.citations import find_citations, format_citation, normalise_article_number
from preprocessing.document import DOCUMENT_TYPES
from tools.evaluation.questions import Question

Pair = tuple[str, str | None]  # (base CELEX, bare article number or None where the whole act is cited)

NAMED_CELEX = re.compile(r"(?i:CELEX)\W{0,3}(?=[0-9A-Za-z()\-]*\d)([0-9A-Z][0-9A-Za-z()\-]*)")
SAMPLE_ARTICLE, SAMPLE_CELEX = "987", "32099R9876"


class ActRegistry(Protocol):
    """What is asked of the corpus's registry of acts (``preprocessing.corpus.registry.Registry``)."""

    def has_act(self, celex: str) -> bool: ...

    def has_article(self, celex: str, article: str) -> bool: ...


def cited_provisions(text: str, language: str) -> set[Pair]:
    """Return every (base CELEX, article) that ``text`` cites.

    An act cited both with and without an article counts with its article only. A number that stands after "CELEX:"
    and is no CELEX number is kept as it stands: it is a citation too, of an act that cannot exist. Mentions of an
    article whose act could not be told ("paragraph 2 of Article 5") name nothing that could be checked: left out.
    """
    pairs: set[Pair] = {
        (act, citation.article) for citation in find_citations(text, language) if (act := citation.base) is not None
    }
    pairs |= {(named, None) for named in map(_unwrapped, NAMED_CELEX.findall(text)) if not is_celex(named)}
    with_article = {celex for celex, article in pairs if article is not None}
    return {(celex, article) for celex, article in pairs if article is not None or celex not in with_article}


def citation_scores(question: Question, answer: str, registry: ActRegistry | None) -> dict[str, float | None]:
    """Score one answer's citations; yes and no are 1.0 and 0.0, None means that the metric does not apply.

    Precision, recall and F1 are over (CELEX, article) pairs and all 0 for an uncited answer. ``hallucinated`` and
    ``wrong_but_existing`` need the registry.
    """
    gold: Pair = (
        base_celex(question.celex),
        None if question.article is None else normalise_article_number(question.article),
    )
    allowed = {gold} | cited_provisions(question.answer, question.language)
    cited = cited_provisions(answer, question.language)

    def right(pair: Pair) -> bool:
        return pair in allowed or (gold[1] is None and pair[0] == gold[0])

    acts, allowed_acts = {celex for celex, _ in cited}, {celex for celex, _ in allowed}
    act_right = gold[0] in acts and acts <= allowed_acts
    right_pairs = [pair for pair in cited if right(pair)]
    found = gold in cited or (gold[1] is None and gold[0] in acts)
    precision = len(right_pairs) / len(cited) if cited else 0.0
    recall = float(found)
    wrong_articles = any(article is not None and not right((celex, article)) for celex, article in cited)
    # To say that an article does not exist, as a reference answer may, is not to invent it.
    invented = [pair for pair in cited - allowed if registry is not None and not _exists(pair, registry)]
    wrong_existing = [pair for pair in cited if not right(pair) and pair not in invented]
    return {
        "citation_accuracy": float(act_right),
        "article_accuracy": None if gold[1] is None else float(act_right and found and not wrong_articles),
        "citation_precision": precision,
        "citation_recall": recall,
        "citation_f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "hallucinated": None if registry is None else float(bool(invented)),
        "wrong_but_existing": None if registry is None else float(bool(wrong_existing)),
        "uncited": float(not cited),
        "form_obeyed": float(form_obeyed(question, answer)),
    }


def form_obeyed(question: Question, answer: str) -> bool:
    """Say whether ``answer`` carries a citation in the fixed form, in the question's language.

    This is about the form alone; whether the citation is right is what the accuracies say. Where the question has an
    article, the form must carry one.
    """
    with_article, act_alone = _forms(question.language)
    pattern = with_article if question.article is not None else act_alone
    return any(is_celex(celex) for celex in pattern.findall(answer))


@cache
def _forms(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return patterns for the fixed citation with an article and for the act alone; their group is the CELEX number.

    Made from what ``format_citation`` writes, so that there is one place that knows the form.
    """

    def pattern(article: str | None) -> re.Pattern[str]:
        written = {format_citation(article, kind, SAMPLE_CELEX, language) for kind in DOCUMENT_TYPES}
        choices = []
        for text in sorted(written, key=len, reverse=True):
            before, after = (re.escape(part) for part in text.split(SAMPLE_CELEX))
            before = before.replace(SAMPLE_ARTICLE, r"\d+\w*(?:\(\w+\))*")
            choices.append((before, after))
        ends = {after for _, after in choices}
        heads = "|".join(before for before, _ in choices)
        return re.compile(rf"(?:{heads})({CELEX_PATTERN})(?:{'|'.join(sorted(ends))})")

    return pattern(SAMPLE_ARTICLE), pattern(None)


def _exists(pair: Pair, registry: ActRegistry) -> bool:
    celex, article = pair
    return registry.has_act(celex) and (article is None or registry.has_article(celex, article))


def _unwrapped(named: str) -> str:
    """Drop the closing bracket of ``(CELEX: N)`` and other trailing punctuation, but not that of ``N R(01)``."""
    named = named.rstrip("-")
    while named.count(")") > named.count("("):
        head, _, _ = named.rpartition(")")
        named = head
    return named
