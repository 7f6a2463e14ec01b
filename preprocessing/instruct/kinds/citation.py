"""Acts and their numbers: what a CELEX number refers to, and which CELEX number an act has."""

from __future__ import annotations

from collections.abc import Iterator

from preprocessing.instruct.candidates import MAX_ANSWER_WORDS, MIN_PASSAGE_WORDS, Act, Candidate, words_in

KIND = "citation"


def find(act: Act) -> Iterator[Candidate]:
    """Yield the question from number to title, and the one back where the act's name does not hold the number."""
    if MIN_PASSAGE_WORDS <= words_in(act.title) <= MAX_ANSWER_WORDS:
        yield Candidate(
            kind=KIND,
            template="celex_title",
            article=None,
            source_id=f"{act.celex}/title",
            slots={**act.slots(), "passage": act.title},
            passages=(act.title,),
        )
    if act.celex not in act.name.bare:
        yield Candidate(KIND, "celex_number", None, f"{act.celex}/celex", act.slots())
