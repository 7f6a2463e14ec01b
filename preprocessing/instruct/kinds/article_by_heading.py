"""Which article governs X: from a heading to the article that bears it, where only one does."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import Act, Candidate

KIND = "article_by_heading"


def find(act: Act) -> Iterator[Candidate]:
    """Yield one candidate for each article with a heading of its own."""
    for article in act.articles:
        if article.heading.casefold() in act.unique_headings:
            yield Candidate(
                kind=KIND,
                template=KIND,
                article=article.number,
                source_id=act.source_id(article),
                slots=act.slots(article),
                passages=(article.heading,),
            )
