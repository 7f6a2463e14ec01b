"""What the question kinds work with: one act in one language, opened up, and the candidates they find in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from preprocessing.document import Article, LegalDocument
from preprocessing.instruct.naming import ActName, provision_slots
from preprocessing.instruct.phrasebook import PhraseBook
from preprocessing.instruct.structure import Paragraph, paragraphs_of, squeeze

MAX_ANSWER_WORDS = 150
FOOTNOTE_CALL = re.compile(r"[ \u00a0]?\[\d{1,3}\]")
MIN_PASSAGE_WORDS = 6


@dataclass(frozen=True)
class Candidate:
    """One question that an act answers, before it is put into words.

    ``template`` is the phrase-book entry that words it, usually named like the kind. ``source_id`` names the passage
    the answer stands on, the same in every language: ``32016R0679/art_4/point_1``. Every line of ``passages`` must
    stand in the source; ``slots`` fill the templates.
    """

    kind: str
    template: str
    article: str | None
    source_id: str
    slots: Mapping[str, str]
    passages: tuple[str, ...] = ()


@dataclass
class OpenedArticle:
    """An article with its paragraphs read."""

    article: Article
    paragraphs: list[Paragraph]

    @property
    def number(self) -> str:
        return self.article.number

    @property
    def heading(self) -> str:
        return " ".join(self.article.heading.split()).rstrip(".")

    @property
    def text(self) -> str:
        """The whole article; the number of an only paragraph is left out."""
        if len(self.paragraphs) == 1:
            return self.paragraphs[0].text
        return "\n".join(paragraph.printed for paragraph in self.paragraphs)


@dataclass
class Act:
    """One act in one language: its document(s), its name, the phrase book, and what the corpus knows of it."""

    documents: list[LegalDocument]
    name: ActName
    book: PhraseBook
    article_numbers: list[str]  # of the whole act, from the registry
    celex: str = field(init=False)

    def __post_init__(self) -> None:
        self.celex = self.documents[0].base_celex or ""

    @property
    def language(self) -> str:
        return self.documents[0].language

    @property
    def document_type(self) -> str:
        return self.documents[0].document_type

    @property
    def title(self) -> str:
        return " ".join(self.documents[0].title.split())

    @cached_property
    def articles(self) -> list[OpenedArticle]:
        """The act's articles in order; of two with one number (other versions) the first.

        A sole article is left out: it has no number to ask for.
        """
        opened: dict[str, OpenedArticle] = {}
        for document in self.documents:
            for article in document.articles:
                if article.number[:1].isdigit() and article.number not in opened and article.text.strip():
                    opened[article.number] = OpenedArticle(article, paragraphs_of(article))
        return list(opened.values())

    @cached_property
    def unique_headings(self) -> frozenset[str]:
        """The headings that only one article bears: the others cannot tell an article from another."""
        counts = Counter(article.heading.casefold() for article in self.articles if article.heading)
        return frozenset(heading for heading, count in counts.items() if count == 1)

    @cached_property
    def source(self) -> str:
        """The whole text that a quoted passage must stand in, comparable with :func:`comparable` passages."""
        return "\n".join(comparable(f"{document.title}\n{document.text}") for document in self.documents)

    def holds(self, passage: str) -> bool:
        """Whether every line of a passage stands word for word in the act's text, be it over several lines there."""
        lines = comparable(passage).split("\n")
        return all(line in self.source or line in self._flat_source for line in lines)

    @cached_property
    def _flat_source(self) -> str:
        return self.source.replace("\n", " ")

    def slots(self, article: OpenedArticle | None = None, paragraph: str | None = None) -> dict[str, str]:
        """The slots that every kind may use: the act's name, and the provision's where there is one."""
        slots = {**self.name.slots(), "celex": self.celex}
        if article is not None:
            slots |= provision_slots(article.number, paragraph, self.name, self.language)
            slots |= {"article": article.number, "heading": article.heading}
        return slots

    def source_id(self, article: OpenedArticle, paragraph: Paragraph | None = None, point: str | None = None) -> str:
        """Name a passage: ``celex/art_4``, ``.../par_2``, ``.../point_a``; an unnumbered only paragraph has no part."""
        parts = [self.celex, f"art_{article.number}"]
        if paragraph is not None and (paragraph.number or len(article.paragraphs) > 1):
            parts.append(f"par_{paragraph.number or f'n{article.paragraphs.index(paragraph) + 1}'}")
        if point is not None:
            parts.append(f"point_{point}")
        return "/".join(parts)


def comparable(text: str) -> str:
    """The form in which passages are looked up in their source: white space squeezed, calls of footnotes dropped."""
    return squeeze(FOOTNOTE_CALL.sub("", text))


def words_in(text: str) -> int:
    """The number of words, by white space."""
    return len(text.split())


def quotable(text: str) -> bool:
    """Say whether ``text`` can be an answer's passage: whole sentences, long enough to say something, short enough."""
    return MIN_PASSAGE_WORDS <= words_in(text) <= MAX_ANSWER_WORDS and text.rstrip().endswith(
        (".", ".’", ".”", ".»", ".“")
    )


def quotable_parts(act: Act, article: OpenedArticle) -> Iterator[tuple[str, Paragraph | None, str, dict[str, str]]]:
    """Yield (source_id, paragraph, passage, slots): the whole article if it is short, else its numbered paragraphs."""
    if quotable(article.text):
        yield act.source_id(article), None, article.text, act.slots(article)
        return
    for paragraph in article.paragraphs:
        if paragraph.number and quotable(paragraph.text):
            yield act.source_id(article, paragraph), paragraph, paragraph.text, act.slots(article, paragraph.number)
