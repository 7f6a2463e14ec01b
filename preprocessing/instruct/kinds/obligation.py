"""Obligations: paragraphs without a list that lay down a duty, told by the language's own words of duty.

A paragraph that also permits something or grants a right is left out: words alone do not tell which of the two it is
about.
"""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import Act, Candidate, OpenedArticle, quotable

KIND = "obligation"
# Articles of these sorts have kinds of their own or lay down no duty of substance.
OTHER_SORTS = ("definitions", "subject", "scope", "entry_into_force", "penalties", "housekeeping")


def find(act: Act) -> Iterator[Candidate]:
    """Yield one candidate for each paragraph that lays down a duty."""
    for article in act.articles:
        if is_of_substance(act, article):
            for paragraph in article.paragraphs:
                if (
                    (paragraph.number or len(article.paragraphs) == 1)
                    and not paragraph.points
                    and quotable(paragraph.text)
                    and act.book.patterns["duty"].search(paragraph.text)
                    and not act.book.patterns["permission"].search(paragraph.text)
                ):
                    yield Candidate(
                        kind=KIND,
                        template=KIND if article.heading else f"{KIND}_plain",
                        article=article.number,
                        source_id=act.source_id(article, paragraph),
                        slots={**act.slots(article, paragraph.number), "passage": paragraph.text},
                        passages=(paragraph.text,),
                    )


def is_of_substance(act: Act, article: OpenedArticle) -> bool:
    """Say whether an article is neither definitions, scope, final provisions nor the like, by its heading."""
    return not any(act.book.patterns[sort].search(article.heading) for sort in OTHER_SORTS if article.heading)
