"""Entry into force: the article headed so, or the act's last article where it says so without a heading."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import Act, Candidate, quotable

KIND = "entry_into_force"


def find(act: Act) -> Iterator[Candidate]:
    """Yield at most one candidate: two articles on it leave open which one answers the question."""
    patterns = act.book.patterns
    found = [
        article
        for article in act.articles
        if patterns["entry_into_force_text"].search(article.text)
        and (patterns["entry_into_force"].search(article.heading) if article.heading else article is act.articles[-1])
    ]
    if len(found) == 1 and quotable(found[0].text):
        article = found[0]
        yield Candidate(
            kind=KIND,
            template=KIND,
            article=article.number,
            source_id=act.source_id(article),
            slots={**act.slots(article), "passage": article.text},
            passages=(article.text,),
        )
