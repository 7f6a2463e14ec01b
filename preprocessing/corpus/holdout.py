"""What each document gives to training and to validation.

By act, as :mod:`preprocessing.split` decides. A language of a single act (or a corpus of one) cannot spare it: there
the last tenth of its articles is held out, the same article numbers in every language, and taken out of the training
text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from preprocessing.document import Article, LegalDocument

TRAIN = "train"
VALIDATION = "validation"
SPLITS = (TRAIN, VALIDATION)
HELD_OUT_SHARE = 0.1
_NOT_COMPARED = re.compile(r"\[\d+\]|\s")


def act_of(document: LegalDocument) -> str:
    """Return what ties languages and versions together: the base CELEX number, else the document's own id."""
    return document.base_celex or document.id


def articles_to_hold_out(numbers: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the last tenth (at least one) of the article numbers that every document of the act has.

    Args:
        numbers: the article numbers of each document; documents without articles (annexes) are passed over.

    Returns:
        An empty tuple when fewer than two articles are shared: nothing can be held out.
    """
    with_articles = [list(dict.fromkeys(document)) for document in numbers if document]
    if not with_articles:
        return ()
    shared = set(with_articles[0]).intersection(*with_articles[1:])
    ordered = [number for number in with_articles[0] if number in shared]
    if len(ordered) < 2:
        return ()
    return tuple(ordered[-max(1, round(HELD_OUT_SHARE * len(ordered))) :])


@dataclass(frozen=True)
class SplitPlan:
    """The acts of validation, and the articles held out of every document of an act that could not be spared."""

    acts: frozenset[str] = frozenset()
    articles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def split_of(self, act: str) -> str:
        """Return the split of an act's documents; what is held out of them goes to validation all the same."""
        return VALIDATION if act in self.acts else TRAIN

    def apply(self, document: LegalDocument) -> list[tuple[str, LegalDocument]]:
        """Return the document with its split; two of them where articles are held out."""
        held_out = hold_out(document, self.articles.get(act_of(document), ()))
        if held_out is None:
            return [(self.split_of(act_of(document)), document)]
        return list(zip(SPLITS, held_out, strict=True))


def hold_out(document: LegalDocument, numbers: Sequence[str]) -> tuple[LegalDocument, LegalDocument] | None:
    """Divide a document into one without the articles ``numbers`` and one with nothing else.

    The second one's id ends in ``#held-out``. An article takes along the lines above it (its number, heading and the
    titles of a division that begins with it).

    Returns:
        None when the document has none of these articles, or an article cannot be found in its text.
    """
    chosen = set(numbers)
    if not chosen:
        return None
    lines = document.text.split("\n")
    keys = [comparable(line) for line in lines]
    kept: list[str] = []
    held: list[str] = []
    end = 0  # of the last article found: the lines from here to the next one's end go with that next one
    for article in document.articles:
        body = [key for line in article.text.split("\n") if (key := comparable(line))]
        if not body:
            continue
        place = _find(keys, body, end)
        if place is None:
            return None
        # all the preamble stands above the first article: it stays in training
        start = end or place[0]
        kept += lines[end:start]
        (held if article.number in chosen else kept).extend(lines[start : place[1]])
        end = place[1]
    if not held:
        return None
    kept += lines[end:]

    def part(part_lines: list[str], articles: list[Article], suffix: str) -> LegalDocument:
        text = "\n".join(part_lines).strip("\n")
        references = [item for item in document.references if item.surface in text]
        return replace(document, id=document.id + suffix, text=text, articles=articles, references=references)

    train = part(kept, [article for article in document.articles if article.number not in chosen], "")
    validation = part(held, [article for article in document.articles if article.number in chosen], "#held-out")
    return train, replace(validation, recitals=[], annexes=[])


def comparable(line: str) -> str:
    """A line without spaces and footnote calls, which a document's text shows and an article's own text does not."""
    return _NOT_COMPARED.sub("", line)


def _find(keys: Sequence[str], body: Sequence[str], start: int) -> tuple[int, int] | None:
    """Return where the lines ``body`` stand in ``keys`` from ``start`` on; footnotes may stand between them."""
    first = None
    for wanted in body:
        try:
            found = keys.index(wanted, start)
        except ValueError:
            return None
        first = found if first is None else first
        start = found + 1
    return (first, start) if first is not None else None
