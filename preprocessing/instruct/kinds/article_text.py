"""What an article provides: its text where it is short, else one of its numbered paragraphs."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import Act, Candidate, quotable_parts

KIND = "article_text"


def find(act: Act) -> Iterator[Candidate]:
    """Yield one candidate for each short article, and for each short paragraph of a long one."""
    for article in act.articles:
        for source_id, _, passage, slots in quotable_parts(act, article):
            yield Candidate(KIND, KIND, article.number, source_id, {**slots, "passage": passage}, (passage,))
