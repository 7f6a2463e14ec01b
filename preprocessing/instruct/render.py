"""From candidate to question and answer: choose a phrasing, fill it in, close with the citation, check the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import xxhash

from preprocessing.citations import find_citations, format_citation
from preprocessing.instruct.candidates import Act, Candidate, comparable
from preprocessing.instruct.prompts import system_prompt


class KnownActs(Protocol):
    """What is asked of the registry of the corpus (``preprocessing.corpus.registry.Registry``)."""

    def has_act(self, celex: str) -> bool: ...

    def has_article(self, celex: str, article: str) -> bool: ...


@dataclass(frozen=True)
class Pair:
    """One question with its answer, in words."""

    question: str
    answer: str
    language: str
    kind: str
    celex: str
    article: str | None
    source_id: str

    def metadata(self) -> dict[str, Any]:
        """The metadata of a chat record."""
        return {
            "language": self.language,
            "kind": self.kind,
            "celex": self.celex,
            "article": self.article,
            "source_id": self.source_id,
        }

    def chat(self) -> dict[str, Any]:
        """The chat record that SFT trains on."""
        return {
            "messages": [
                {"role": "system", "content": system_prompt(self.language)},
                {"role": "user", "content": self.question},
                {"role": "assistant", "content": self.answer},
            ],
            "metadata": self.metadata(),
        }


def draw(seed: int, *parts: str) -> int:
    """A number drawn once and for all for ``parts``: the same in every run, whatever else the corpus holds."""
    return xxhash.xxh3_64_intdigest("\x1f".join((str(seed), *parts)).encode())


def render(candidate: Candidate, act: Act, seed: int) -> Pair:
    """Put a candidate into words: one of its phrasings, drawn by seed and passage, and the citation at the end."""
    wording = act.book.wordings[candidate.template]
    drawn = draw(seed, act.language, candidate.kind, candidate.source_id)
    question = wording.questions[drawn % len(wording.questions)].format(**candidate.slots)
    answer = wording.answers[drawn // 97 % len(wording.answers)].format(**candidate.slots)
    cited = format_citation(candidate.article, act.document_type, act.celex, act.language)
    return Pair(
        question=question,
        answer=f"{answer}\n\n{cited}",
        language=act.language,
        kind=candidate.kind,
        celex=act.celex,
        article=candidate.article,
        source_id=candidate.source_id,
    )


def defect(pair: Pair, candidate: Candidate, act: Act, registry: KnownActs) -> str | None:
    """Say why a pair must not be kept, or None: its citation must exist, the act must hold its passages."""
    closing = find_citations(pair.answer.rsplit("\n", 1)[-1], pair.language)
    if [(citation.celex, citation.article) for citation in closing] != [(pair.celex, pair.article)]:
        return "closing citation not readable"
    if not registry.has_act(pair.celex):
        return "act not in the registry"
    if pair.article is not None and not registry.has_article(pair.celex, pair.article):
        return "article not in the registry"
    for passage in candidate.passages:
        if not act.holds(passage):
            return "passage not in the source"
        if comparable(passage) not in comparable(f"{pair.question}\n{pair.answer}"):
            return "passage not in the answer"
    return None
