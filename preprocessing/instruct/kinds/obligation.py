"""Obligations: paragraphs without a list that lay down a duty, told by the language's own words of duty.

A paragraph that also permits something or grants a right is left out: words alone do not tell which of the two it is
about.
"""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import Act, Candidate
from preprocessing.instruct.kinds.substance import quoted_paragraphs
from preprocessing.instruct.structure import Paragraph

KIND = "obligation"


def find(act: Act) -> Iterator[Candidate]:
    """Yield one candidate for each paragraph that lays down a duty."""
    duty, permission = act.book.patterns["duty"], act.book.patterns["permission"]

    def is_duty(paragraph: Paragraph) -> bool:
        return bool(not paragraph.points and duty.search(paragraph.text) and not permission.search(paragraph.text))

    return quoted_paragraphs(act, KIND, is_duty)
