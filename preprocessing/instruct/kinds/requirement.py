"""Requirements and conditions: paragraphs that open with a sentence and list their points."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import Act, Candidate
from preprocessing.instruct.kinds.substance import quoted_paragraphs

KIND = "requirement"
MIN_POINTS = 2


def find(act: Act) -> Iterator[Candidate]:
    """Yield one candidate for each paragraph whose list fits whole into an answer."""
    return quoted_paragraphs(act, KIND, lambda paragraph: len(paragraph.points) >= MIN_POINTS)
