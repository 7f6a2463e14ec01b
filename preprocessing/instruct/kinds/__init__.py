"""The question kinds: each file finds the candidates of one kind in an act's structure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from preprocessing.instruct.candidates import Act, Candidate
from preprocessing.instruct.kinds import (
    article_by_heading,
    article_text,
    citation,
    definition,
    entry_into_force,
    obligation,
    penalties,
    requirement,
    scope,
    unanswerable,
)

#: Kind -> what finds its candidates. The share is the part of a language's pairs that the kind may take.
FINDERS: dict[str, Callable[[Act], Iterator[Candidate]]] = {
    module.KIND: module.find
    for module in (
        definition,
        article_by_heading,
        article_text,
        scope,
        obligation,
        requirement,
        entry_into_force,
        penalties,
        citation,
        unanswerable,
    )
}
SHARES: dict[str, float] = {
    definition.KIND: 0.20,
    article_by_heading.KIND: 0.14,
    article_text.KIND: 0.16,
    scope.KIND: 0.08,
    obligation.KIND: 0.15,
    requirement.KIND: 0.10,
    entry_into_force.KIND: 0.05,
    penalties.KIND: 0.03,
    citation.KIND: 0.04,
    unanswerable.KIND: 0.05,
}


def find_all(act: Act) -> Iterator[Candidate]:
    """Yield every candidate of every kind in an act."""
    for find in FINDERS.values():
        yield from find(act)
