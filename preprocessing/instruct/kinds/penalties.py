"""Penalties: the articles headed so, whole where they are short, else paragraph by paragraph."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import Act, Candidate, quotable_parts

KIND = "penalties"


def find(act: Act) -> Iterator[Candidate]:
    """Yield one candidate for each quotable part of an article on penalties."""
    for article in act.articles:
        if act.book.patterns["penalties"].search(article.heading):
            for source_id, paragraph, passage, slots in quotable_parts(act, article):
                template = KIND if paragraph is None else "scope_part"
                yield Candidate(KIND, template, article.number, source_id, {**slots, "passage": passage}, (passage,))
