"""The phrase books: how questions and answers are worded, one YAML file per language, read and checked once."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from preprocessing.errors import UsageError, did_you_mean

FOLDER = Path(__file__).parent / "phrases"


@dataclass(frozen=True)
class Wording:
    """The phrasings of one kind of question, and of its answer (without the closing citation)."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True)
class PhraseBook:
    """One language's wordings by name, its system prompt, and the words that headings and duties are told by.

    ``patterns`` are regular expressions, matched without regard to case.
    """

    language: str
    system_prompt: str
    wordings: Mapping[str, Wording]
    patterns: Mapping[str, re.Pattern[str]]

    def slots_of(self, name: str) -> set[str]:
        """The slots that a wording's templates use."""
        wording = self.wordings[name]
        formatter = string.Formatter()
        return {
            slot for text in (*wording.questions, *wording.answers) for _, slot, _, _ in formatter.parse(text) if slot
        }


@cache
def phrase_book(language: str) -> PhraseBook:
    """Read the phrase book of a language.

    Raises:
        UsageError: there is none for it.
    """
    path = FOLDER / f"{language}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in FOLDER.glob("*.yaml"))
        raise UsageError(f"no phrase book for language '{language}'.{did_you_mean(language, known)}")
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return PhraseBook(
        language=language,
        system_prompt=" ".join(content["system_prompt"].split()),
        wordings={
            name: Wording(tuple(wording["questions"]), tuple(wording["answers"]))
            for name, wording in content["wordings"].items()
        },
        patterns={name: re.compile(pattern, re.IGNORECASE) for name, pattern in content["patterns"].items()},
    )
