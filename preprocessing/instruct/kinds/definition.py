"""Definitions: points or sentences that open with a term in the language's real quotation marks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from preprocessing.instruct.candidates import MAX_ANSWER_WORDS, Act, Candidate, OpenedArticle, words_in
from preprocessing.instruct.structure import Paragraph

KIND = "definition"

# The opening glyph decides the closing one: ‘…’ “…” «…» „…“ ‚…‘ "…" '…'; a bracketed short name may follow the term.
TERM = re.compile(
    r"(?:‘(?P<a>[^‘’]{2,90})’|“(?P<b>[^“”]{2,90})”|«\s?(?P<c>[^«»]{2,90}?)\s?»|„(?P<d>[^„“”]{2,90})[“”]|‚(?P<e>[^‚‘]{2,90})‘"
    r"|\"(?P<f>[^\"]{2,90})\"|'(?P<g>[^']{2,90})')(?P<rest>.*)",
    re.DOTALL,
)
# The connectives that join a point to the next one: they are no part of the definition.
POINT_END = re.compile(r"[;,.]?(?:\s(?:and|or|et|ou|und|oder|y|o|e))?\s*$")
MIN_DEFINITION_WORDS = 4
FITS_WITHIN = 80  # characters after the term: "‘consent’ of the data subject means"
MIN_DEFINED_TERMS = 2  # an article without the heading needs as many to count as one of definitions


def find(act: Act) -> Iterator[Candidate]:
    """Yield one candidate for each term that the act defines."""
    for article in act.articles:
        headed = bool(act.book.patterns["definitions"].search(article.heading))
        found = list(_terms(act, article, headed))
        if headed or len(found) >= MIN_DEFINED_TERMS:
            yield from found


def _terms(act: Act, article: OpenedArticle, headed: bool) -> Iterator[Candidate]:
    for paragraph in article.paragraphs:
        lead = " ".join(paragraph.lead)
        for point in paragraph.points:
            yield from _candidate(act, article, paragraph, point.label, lead, point.text, headed)
        if not paragraph.points:
            yield from _candidate(act, article, paragraph, None, "", paragraph.text, headed)


def _candidate(
    act: Act, article: OpenedArticle, paragraph: Paragraph, point: str | None, lead: str, text: str, headed: bool
) -> Iterator[Candidate]:
    match = TERM.match(text)
    passage = POINT_END.sub("", text)
    if match is None or words_in(match["rest"]) < MIN_DEFINITION_WORDS or words_in(passage) > MAX_ANSWER_WORDS:
        return
    fits = bool(act.book.patterns["definition_fits"].search(f"{lead} {text[: match.start('rest') + FITS_WITHIN]}"))
    if not headed and not fits:
        return  # quoted words that open a point of another article are replaced text, say
    term = next(group for name, group in match.groupdict().items() if name != "rest" and group)
    yield Candidate(
        kind=KIND,
        template=KIND if fits else f"{KIND}_plain",
        article=article.number,
        source_id=act.source_id(article, paragraph, point),
        slots={**act.slots(article), "term": term.strip(), "passage": passage},
        passages=(passage,),
    )
