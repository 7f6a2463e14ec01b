"""Requirements and conditions: paragraphs that open with a sentence and list their points."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import Act, Candidate, quotable
from preprocessing.instruct.kinds.obligation import is_of_substance

KIND = "requirement"
MIN_POINTS = 2


def find(act: Act) -> Iterator[Candidate]:
    """Yield one candidate for each paragraph whose list fits whole into an answer."""
    for article in act.articles:
        if is_of_substance(act, article):
            for paragraph in article.paragraphs:
                if (
                    (paragraph.number or len(article.paragraphs) == 1)
                    and len(paragraph.points) >= MIN_POINTS
                    and quotable(paragraph.text)
                ):
                    yield Candidate(
                        kind=KIND,
                        template=KIND if article.heading else f"{KIND}_plain",
                        article=article.number,
                        source_id=act.source_id(article, paragraph),
                        slots={**act.slots(article, paragraph.number), "passage": paragraph.text},
                        passages=(paragraph.text,),
                    )
