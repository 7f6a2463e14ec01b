"""Plans of invented acts: what each act says, apart from the language it is said in.

The same plan is written out in every language, so that the languages are parallel by construction.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tools.sample.grammar import ActReference, ArticleReference, Clause, Noun, phrase_book

YEAR = 2099
TEST_ACT_NUMBER = 17
SAMPLE_TEST_ACT = f"3{YEAR}R{TEST_ACT_NUMBER:04d}"

# Every act has these, because other articles point at them.
_CORE = ("subject", "scope", "definitions", "authority", "licence", "marking", "insurance", "inspection", "penalties")
_LAST = "entry"
_CHAPTERS = ("general", "licence", "duties", "supervision", "penalties", "final")
_ROLES = ("operator", "worker", "site", "item", "device", "event", "book")
_NUMBERS: dict[str, tuple[int, ...]] = {
    "n": (3, 4, 5, 6, 7, 8, 9, 12),
    "days": (5, 7, 10, 14, 15, 20, 21, 28, 30, 45, 60, 90),
    "months": (2, 3, 4, 6, 8, 9, 12, 18, 24),
    "years": (2, 3, 4, 5, 6, 7, 8, 10),
    "hours": (2, 3, 4, 6, 8, 12, 24, 36, 48, 72),
    "metres": (10, 15, 25, 40, 50, 80, 120, 200),
    "millimetres": (4, 6, 8, 10, 12, 15, 20),
    "lux": (50, 75, 100, 150, 200, 300),
    "degrees": (18, 22, 25, 28, 30, 35, 38),
    "wind": (6, 8, 10, 12, 14, 17),
    "pct": (2, 3, 4, 5, 6, 8),
    "age": (15, 16, 17, 18),
    "mass": (3, 5, 8, 12, 20, 25, 40, 60),
    "pages": (48, 64, 96, 120, 200),
}
_AMOUNTS = {"eur": (80, 120, 150, 240, 360, 500), "fine": (20000, 35000, 50000, 75000, 120000, 400000, 1500000)}


@dataclass(frozen=True)
class Definition:
    """A defined term and what it means."""

    term: Noun
    meaning: Clause


@dataclass(frozen=True)
class Table:
    """A table of figures: column names (keys of ``columns``), and rows of a class name and numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Noun, str, tuple[int, ...]], ...]  # the thing, its class letter, one number for each other column


@dataclass(frozen=True)
class Paragraph:
    """One paragraph: a sentence, or a lead with a list of points or definitions, and perhaps a table."""

    lead: Clause
    points: tuple[Clause, ...] = ()
    definitions: tuple[Definition, ...] = ()
    table: Table | None = None


@dataclass(frozen=True)
class ArticlePlan:
    """One article of the plan."""

    number: int
    heading: Clause
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True)
class Chapter:
    """One division of the enacting terms."""

    heading: Clause
    articles: tuple[ArticlePlan, ...]


@dataclass(frozen=True)
class Act:
    """An invented act. ``index`` is also its place in the Official Journal: one issue an act."""

    index: int
    number: int
    kind: str
    day: date
    subject: Clause
    visas: tuple[Clause, ...]
    recitals: tuple[Clause, ...]
    chapters: tuple[Chapter, ...]
    annex: tuple[Paragraph, ...] = ()
    slots: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def celex(self) -> str:
        """Return the CELEX number that follows from year, kind and number."""
        return f"3{YEAR}{phrase_book('formulas')['kinds'][self.kind]['letter']}{self.number:04d}"

    @property
    def published(self) -> date:
        """Return the day of publication."""
        return self.day + timedelta(days=5)

    def reference(self) -> ActReference:
        """Return a mention of this act with its footnote."""
        return ActReference(_reference_noun(self.kind, YEAR, self.number), self.index)


def topics() -> list[dict[str, Noun]]:
    """Return the subject matters, the test act's first."""
    books = {**phrase_book("topics"), **phrase_book("topics_more")}
    return [{role: Noun(tuple(words)) for role, words in topic.items()} for topic in books.values()]


def plan_acts(count: int, seed: int) -> list[Act]:
    """Plan ``count`` acts; each depends on ``seed``, its index and the acts before it, never on ``count``."""
    themes, subjects = topics(), phrase_book("formulas")["subjects"]
    acts: list[Act] = []
    for index in range(count):
        rng = random.Random(f"{seed}/{index}")
        # the second time round every topic meets another subject, so that no two acts are about the same thing
        subject = subjects[0] if index == 0 else subjects[(index + index // len(themes)) % len(subjects)]
        acts.append(_Planner(rng, themes[index % len(themes)], index, acts).plan(subject))
    return acts


def most_acts() -> int:
    """Return how many different acts there are words for."""
    return len(topics()) * len(phrase_book("formulas")["subjects"])


def _reference_noun(kind: str, year: int, number: int) -> Noun:
    words = phrase_book("formulas")["kinds"][kind]["reference"]
    union = ("EU", "UE", "EU", "UE", "UE")
    # after the whole German genitive and before the number: "des Beschlusses (EU) 2099/5"
    return Noun(tuple(f"{word} ({name}) {year}/{number}" for word, name in zip(words, union, strict=True)))


class _Planner:
    """Draws one act; all its random choices come from ``rng``, none depends on a language."""

    def __init__(self, rng: random.Random, topic: dict[str, Noun], index: int, earlier: list[Act]) -> None:
        self.rng, self.topic, self.index, self.earlier = rng, topic, index, earlier
        self.formulas, self.clauses = phrase_book("formulas"), phrase_book("clauses")
        self.library = {**phrase_book("general"), **phrase_book("duties"), **phrase_book("final")}
        self.kind = "regulation" if index == 0 else rng.choice(("regulation", "regulation", "directive", "decision"))
        self.number = TEST_ACT_NUMBER + 3 * index + (rng.randrange(3) if index else 0)
        self.day = date(YEAR, 1, 9) + timedelta(days=2 * index + rng.randrange(2))
        self.slots: dict[str, Any] = {
            **{name: Noun(tuple(words)) for name, words in self.formulas["nouns"].items()},
            **topic,
            "op": topic["operator"],
            "act": Noun(tuple(self.formulas["kinds"][self.kind]["this"])),
            "old": ActReference(_reference_noun("regulation", YEAR - 10, rng.randrange(5, 900)), -1),
            "apply": date(YEAR + 1, rng.randrange(1, 13), rng.randrange(2, 28)),
        }

    def plan(self, subject: dict[str, str]) -> Act:
        keys = self._choose_articles()
        numbers = {f"a_{key}": ArticleReference(number) for number, key in enumerate(keys, 1)}
        self.slots.update(numbers)
        chapters = []
        for chapter in _CHAPTERS:
            members = [key for key in keys if self.library[key]["chapter"] == chapter]
            articles = tuple(self._article(key, numbers[f"a_{key}"].number) for key in members)
            chapters.append(Chapter(Clause(self.formulas["chapters"][chapter]), articles))
        visas = [self._clause(text) for text in self.formulas["visas"] if self.earlier or "$other" not in text["en"]]
        recitals = [text for text in self.clauses["recitals"] if self.earlier or "$other" not in text["en"]]
        chosen = recitals if self.index == 0 else self._sample(recitals, 5, 8)
        return Act(
            index=self.index,
            number=self.number,
            kind=self.kind,
            day=self.day,
            subject=self._clause(subject),
            visas=tuple(visas),
            recitals=tuple(self._clause(text) for text in chosen),
            chapters=tuple(chapters),
            annex=tuple(self._annex()) if self.index % 3 == 0 else (),
            slots=self.slots,
        )

    def _choose_articles(self) -> list[str]:
        """All articles for the test act, else the core and a draw; in the order of the library."""
        optional = [key for key in self.library if key not in _CORE and key != _LAST]
        drawn = optional if self.index == 0 else self.rng.sample(optional, self.rng.randint(8, 14))
        chosen = {*_CORE, *drawn, _LAST}
        keys = [key for chapter in _CHAPTERS for key in self.library if self.library[key]["chapter"] == chapter]
        return [key for key in keys if key in chosen]

    def _article(self, key: str, number: int) -> ArticlePlan:
        entry = self.library[key]
        paragraphs = list(self._definitions()) if key == "definitions" else []
        for position, item in enumerate(entry["paragraphs"]):
            text = item.get("lead", item)
            if not self.earlier and "$other" in text["en"]:
                continue
            points = item.get("items", [])
            if len(points) > 3 and self.index:
                points = self._sample(points, 3, len(points))
            table = self._table(("class", "fee")) if entry.get("table") and position == 0 else None
            paragraphs.append(Paragraph(self._clause(text), tuple(self._clause(point) for point in points), (), table))
        if entry["chapter"] == "duties":
            paragraphs += [Paragraph(self._duty()) for _ in range(self.rng.randint(1, 3))]
        return ArticlePlan(number, Clause(entry["heading"]), tuple(paragraphs))

    def _definitions(self) -> Iterator[Paragraph]:
        roles = ("activity", *_ROLES) if self.index == 0 else tuple(self._sample(list(_ROLES), 4, len(_ROLES)))
        definitions = [
            Definition(self.topic[role], self._clause(self.rng.choice(self.clauses["definitions"][role])))
            for role in roles
        ]
        terms = self.clauses["terms"] if self.index == 0 else self._sample(self.clauses["terms"], 1, 3)
        definitions += [Definition(Noun(tuple(entry["term"])), self._clause(entry["meaning"])) for entry in terms]
        yield Paragraph(self._clause(self.formulas["define"]), definitions=tuple(definitions))

    def _duty(self) -> Clause:
        """One composed sentence: an actor, what it has to do, when, and under which condition."""
        actor = self.rng.choice(("op", "worker"))
        verb, time = self.rng.choice(self.clauses["verbs"]), self._clause(self.rng.choice(self.clauses["times"]))
        condition = self._clause(self.rng.choice(self.clauses["conditions"]))
        frame = {language: f"${actor} {text} $condition." for language, text in verb.items()}
        return self._clause(frame, t=time, condition=condition)

    def _annex(self) -> Iterator[Paragraph]:
        for place, section in enumerate(self.formulas["annex_sections"]):
            table = self._table(("class", "mass", "interval")) if place == 0 else None
            yield Paragraph(Clause(section["heading"]), (self._clause(section["text"]),), (), table)

    def _table(self, columns: tuple[str, ...]) -> Table:
        names = {"mass": _NUMBERS["mass"], "interval": _NUMBERS["days"], "fee": (800, 1200, 1500, 2400, 3600)}
        rows = tuple(
            (self.topic[role], letter, tuple(self.rng.choice(names[column]) for column in columns[1:]))
            for role in ("item", "device")
            for letter in "ABCD"[: self.rng.randint(2, 4)]
        )
        return Table(columns, rows)

    def _sample(self, items: list[Any], low: int, high: int) -> list[Any]:
        """Draw ``low`` to ``high`` of ``items``, kept in their order."""
        count = self.rng.randint(min(low, len(items)), min(high, len(items)))
        return [items[position] for position in sorted(self.rng.sample(range(len(items)), count))]

    def _clause(self, texts: dict[str, str], **slots: Any) -> Clause:
        """Fill in ``texts``: the act's nouns, fresh numbers, and an earlier act for ``$other``."""
        values: dict[str, Any] = {**self.slots, **slots}
        values.update({name: self.rng.choice(choices) for name, choices in _NUMBERS.items()})
        values.update({name: f"~{self.rng.choice(choices)}~" for name, choices in _AMOUNTS.items()})
        if self.earlier:
            values["other"] = self.rng.choice(self.earlier).reference()
        return Clause(texts, values)
