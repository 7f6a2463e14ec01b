"""What the kinds about duties and conditions share: paragraphs of the articles of substance, each quoted whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from preprocessing.instruct.candidates import Act, Candidate, OpenedArticle, quotable
from preprocessing.instruct.structure import Paragraph

# Articles of these sorts have kinds of their own or lay down no duty of substance.
OTHER_SORTS = ("definitions", "subject", "scope", "entry_into_force", "penalties", "housekeeping")


def quoted_paragraphs(act: Act, kind: str, fits: Callable[[Paragraph], bool]) -> Iterator[Candidate]:
    """Yield a candidate of ``kind`` for each quotable paragraph that ``fits``, if it has a number or stands alone."""
    for article in act.articles:
        if not _is_of_substance(act, article):
            continue
        for paragraph in article.paragraphs:
            citable = paragraph.number or len(article.paragraphs) == 1
            if citable and quotable(paragraph.text) and fits(paragraph):
                yield Candidate(
                    kind=kind,
                    template=kind if article.heading else f"{kind}_plain",
                    article=article.number,
                    source_id=act.source_id(article, paragraph),
                    slots={**act.slots(article, paragraph.number), "passage": paragraph.text},
                    passages=(paragraph.text,),
                )


def _is_of_substance(act: Act, article: OpenedArticle) -> bool:
    """Say whether an article is neither definitions, scope, final provisions nor the like, by its heading."""
    return not any(act.book.patterns[sort].search(article.heading) for sort in OTHER_SORTS if article.heading)
