"""Subject matter and scope: the articles headed so, whole where they are short, else paragraph by paragraph."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import Act, Candidate, OpenedArticle, quotable, quotable_parts

KIND = "scope"
OPENING_ARTICLES = 5  # an article headed "Scope" further down is about its own chapter


def find(act: Act) -> Iterator[Candidate]:
    """Yield the act's subject matter and scope; a question about the whole act only where one article settles it."""
    by_topic = {topic: _headed(act, topic) for topic in ("subject", "scope")}
    seen: set[str] = set()
    for topic, articles in by_topic.items():
        for article in articles:
            if article.number in seen:
                continue  # "Subject matter and scope"
            seen.add(article.number)
            settles = len(articles) == 1 and article in act.articles[:OPENING_ARTICLES] and quotable(article.text)
            for source_id, paragraph, passage, slots in quotable_parts(act, article):
                template = topic if settles and paragraph is None else "scope_part"
                yield Candidate(KIND, template, article.number, source_id, {**slots, "passage": passage}, (passage,))


def _headed(act: Act, topic: str) -> list[OpenedArticle]:
    return [article for article in act.articles if act.book.patterns[topic].search(article.heading)]
