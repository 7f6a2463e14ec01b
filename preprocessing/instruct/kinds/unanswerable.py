"""Questions without an answer: articles and paragraphs that the act does not have, asked for like any other."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import Act, Candidate
from preprocessing.instruct.naming import PROVISIONS, provision_slots

KIND = "unanswerable"
MIN_ARTICLES = 3
BEYOND_ARTICLE = (1, 4, 11, 23, 42)  # how far past the last article, by turns near and far
BEYOND_PARAGRAPH = (1, 3, 6)
MIN_PARAGRAPHS = 2
MAX_MISSING_PARAGRAPHS = 6  # per act


def find(act: Act) -> Iterator[Candidate]:
    """Yield questions on articles past the act's last one, and on paragraphs past an article's last one."""
    yield from _missing_articles(act)
    yield from _missing_paragraphs(act)


def _missing_articles(act: Act) -> Iterator[Candidate]:
    numbers = [number for number in act.article_numbers if number.isdigit()]
    if len(numbers) < MIN_ARTICLES or len(numbers) != len(act.article_numbers):
        return  # with articles like "5a" among them, what is the last one is not for figures to say
    last = max(map(int, numbers))
    for beyond in BEYOND_ARTICLE:
        missing = str(last + beyond)
        yield Candidate(
            kind=KIND,
            template="missing_article",
            article=None,
            source_id=f"{act.celex}/no_art_{missing}",
            slots={
                **act.slots(),
                **provision_slots(missing, None, act.name, act.language),
                "missing": PROVISIONS[act.language].number(missing),
                "last": PROVISIONS[act.language].number(str(last)),
            },
        )


def _missing_paragraphs(act: Act) -> Iterator[Candidate]:
    made = 0
    for article in act.articles:
        numbers = [paragraph.number for paragraph in article.paragraphs]
        count = len(numbers)
        if count < MIN_PARAGRAPHS or numbers != [str(number) for number in range(1, count + 1)]:
            continue
        if made == MAX_MISSING_PARAGRAPHS:
            return
        missing = str(count + BEYOND_PARAGRAPH[made % len(BEYOND_PARAGRAPH)])
        made += 1
        whole = provision_slots(article.number, None, act.name, act.language)
        yield Candidate(
            kind=KIND,
            template="missing_paragraph",
            article=article.number,
            source_id=f"{act.celex}/no_par_{missing}_of_art_{article.number}",
            slots={
                **act.slots(article, missing),
                "paragraph": missing,
                "count": str(count),
                "whole_article": whole["provision"],
                "in_whole_article": whole["in_provision"],
            },
        )
