"""The answers: the text of each provision asked for, or one sentence that says what is missing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from textwrap import shorten
from typing import Any

from preprocessing.citations import format_citation
from preprocessing.citations.words import SOLE, WORDS
from preprocessing.corpus.provisions import read_article
from preprocessing.corpus.registry import Act, Registry, TextPlace
from preprocessing.corpus.registry_rows import comparable
from preprocessing.errors import UsageError, did_you_mean
from preprocessing.languages import LANGUAGES
from tools.cite.question import Asked, read_question

NEAREST = 3


@dataclass
class Answer:
    """One provision, or the act where no article was asked for; what is not known is None.

    ``version`` is the text's own CELEX number, ``consolidation_date`` the day of its consolidation (None: as
    published); ``message`` says what is missing, or what to know of the text; ``nearest`` are article numbers of the
    act that come near the one asked for, ``candidates`` the acts that an ambiguous name may mean.
    """

    found: bool
    message: str = ""
    citation: str | None = None
    celex: str | None = None
    article: str | None = None
    document_type: str | None = None
    title: str | None = None
    date: str | None = None
    language: str | None = None
    version: str | None = None
    consolidation_date: str | None = None
    path: list[str] = field(default_factory=list)
    heading: str | None = None
    text: str | None = None
    articles: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    referenced_by: int | None = None
    nearest: list[str] = field(default_factory=list)
    candidates: list[str] = field(default_factory=list)

    def show(self) -> str:
        """Return the answer for people."""
        if not self.found:
            return f"not found: {self.message}"
        version = f"as consolidated on {self.consolidation_date}" if self.consolidation_date else "as published"
        language = LANGUAGES[self.language].name if self.language in LANGUAGES else self.language
        facts = [f"CELEX {self.version or self.celex}", f"of {self.date}" if self.date else "", version, str(language)]
        lines = [str(self.citation), str(self.title), " · ".join(fact for fact in facts if fact)]
        if self.message:
            lines.append(f"note: {self.message}")
        if self.article is None:
            lines += [
                f"articles: {spans(self.articles) or 'none'}",
                f"languages: {', '.join(self.languages)} · referred to by {self.referenced_by:,} acts of the corpus",
            ]
            lines += [f"also called: {', '.join(self.names)}"] if self.names else []
        else:
            lines += ["", *self.path, *([self.heading] if self.heading else []), "", str(self.text)]
        return "\n".join(lines)


@dataclass
class CiteReport:
    """The answers to one question, in its order."""

    asked: str
    answers: list[Answer]
    not_read: list[str] = field(default_factory=list)  # recitals, annexes, ... which are not looked up

    @property
    def found(self) -> bool:
        """Whether everything asked for was found."""
        return all(answer.found for answer in self.answers)

    @property
    def exit_status(self) -> int:
        """0 where all was found, else 1."""
        return 0 if self.found else 1

    def to_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return {
            "asked": self.asked,
            "found": self.found,
            "not_read": self.not_read,
            "answers": [asdict(answer) for answer in self.answers],
        }

    def text(self) -> str:
        """Return the answers for people."""
        shown = f"\n\n{'-' * 40}\n".join(answer.show() for answer in self.answers)
        return (
            f"note: only articles and acts are looked up, not {', '.join(self.not_read)}\n{shown}"
            if self.not_read
            else shown
        )


def cite(words: str, corpus: Path, language: str | None = None) -> CiteReport:
    """Answer from ``corpus`` what ``words`` cite, in ``language`` (None: that of the words, else the first there is).

    Raises:
        UsageError: there are no words, the corpus has no registry, or ``language`` is not one of ours.
        RecipeError: the documents are not those that the registry was made of.
    """
    if not words.strip():
        raise UsageError("nothing to look up; give a citation, as in 'Article 17 GDPR'")
    registry = Registry.load(corpus)
    if language is not None and language not in LANGUAGES:
        raise UsageError(f"unknown language '{language}'.{did_you_mean(language, LANGUAGES)}")
    question = read_question(words, registry)
    answers = []
    for asked in question.asked:
        act = registry.act(asked.celex) if asked.celex else None
        if act is None:
            answers.append(_no_act(asked, registry))
        else:
            answers.append(_answer(corpus, act, asked, language, question.language))
    return CiteReport(words, answers, list(question.not_read))


def spans(numbers: Sequence[str]) -> str:
    """Return article numbers in short: ``1 to 12, 12bis, 13 to 99``."""
    parts = []
    for _, group in groupby(
        enumerate(numbers), key=lambda item: int(item[1]) - item[0] if item[1].isdecimal() else item[1]
    ):
        run = [number for _, number in group]
        parts.append(run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}")
    return ", ".join(parts)


def nearest(article: str, numbers: Sequence[str], most: int = NEAREST) -> list[str]:
    """Return the numbers that come nearest to ``article``, in the act's order."""
    figure = _figure(article)
    if figure is None:
        chosen = difflib.get_close_matches(article, numbers, n=most, cutoff=0.5)
    else:
        figures = [
            (abs(found - figure), place)
            for place, number in enumerate(numbers)
            if (found := _figure(number)) is not None
        ]
        chosen = [numbers[place] for _, place in sorted(figures)[:most]]
    return [number for number in numbers if number in chosen]


def _figure(article: str) -> int | None:
    match = re.match(r"\d+", article)
    return int(match[0]) if match else None


def _no_act(asked: Asked, registry: Registry) -> Answer:
    answer = Answer(False, celex=asked.celex, article=asked.article, candidates=list(asked.candidates))
    name = shorten(asked.name, 80, placeholder=" ...")
    if asked.celex:
        answer.message = f"the corpus does not hold the act {asked.celex}{f' ({name})' if name else ''}"
    elif asked.candidates:
        answer.message = f"'{name}' may be any of {', '.join(asked.candidates)}; name the act by its number"
    elif name:
        similar = registry.names.similar(asked.name)
        hint = f"; there is {', '.join(similar)}" if similar else ""
        answer.message = f"no act is known as '{name}'{hint}; name it by number, as in 'Regulation (EU) 2016/679'"
    else:
        answer.message = f"no act is named with Article {asked.article}; add one, as in 'Article {asked.article} GDPR'"
    return answer


def _answer(corpus: Path, act: Act, asked: Asked, wanted: str | None, of_words: str | None) -> Answer:
    """Answer for an act that the corpus holds."""
    titles, places = act.titles, act.texts
    with_text = list(dict.fromkeys(place.language for place in places))
    languages = with_text or list(titles)
    answer = Answer(
        False,
        celex=act.celex,
        article=asked.article,
        document_type=act.document_type,
        date=act.date,
        languages=languages,
    )
    if wanted and wanted not in languages:
        answer.message = (
            f"the corpus has no {LANGUAGES[wanted].name} text of {act.celex}; it has {', '.join(languages)}"
        )
        return answer
    language = wanted or (of_words if of_words in languages else None) or languages[0]
    answer.language, answer.title = language, titles[language]
    own = [place for place in places if place.language == language]
    numbers = list(dict.fromkeys(number for place in own for number in place.articles))
    if asked.article is None:
        answer.found = True
        answer.articles, answer.referenced_by = numbers, act.referenced_by
        answer.names = list(dict.fromkeys([*act.names.get(language, ()), *act.names.get("", ())]))
        if own:
            answer.version, answer.consolidation_date = own[0].celex, own[0].version or None
        if not with_text:
            answer.message = "the corpus holds only corrigenda or annexes of it"
    else:
        provision = read_article(corpus, act, own, asked.article)
        if provision is None:
            answer.message, answer.nearest = _no_article(act, asked.article, numbers, places)
            return answer
        answer.found = True
        answer.article, answer.title, answer.date = provision.number, provision.title, provision.date
        answer.version, answer.consolidation_date = provision.celex, provision.consolidation_date
        answer.path, answer.heading, answer.text = provision.path, provision.heading, provision.text
    if of_words and of_words != language and not wanted:
        answer.message = answer.message or f"the corpus has no {LANGUAGES[of_words].name} text of it"
    if asked.celex and asked.celex not in (act.celex, answer.version):
        answer.message = f"this is the newest text in the corpus, not {asked.celex}"
    answer.citation = format_citation(
        answer.article, act.document_type, act.celex, language if language in WORDS else "en"
    )
    return answer


def _no_article(act: Act, article: str, numbers: list[str], places: Sequence[TextPlace]) -> tuple[str, list[str]]:
    """Say why an article is not there; return the sentence and the nearest numbers."""
    name = "sole article" if article == SOLE else f"Article {article}"
    number = comparable(article)
    elsewhere = [place.language for place in places if number in place.articles]
    if elsewhere:
        return f"{act.celex} has no {name} in this language; in {', '.join(elsewhere)} it has", []
    if number in act.other_articles:
        return f"the newest version of {act.celex} has no {name}; another one in the corpus has", []
    if not numbers:
        return f"{act.celex} has no articles", []
    near = nearest(number, numbers)
    hint = f"; nearest: {', '.join(near)}" if near else ""
    return f"{act.celex} has no {name}: its articles are {spans(numbers)}{hint}", near
