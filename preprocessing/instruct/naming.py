"""How acts and provisions are named in running text: "l'article 5, paragraphe 1, du règlement (UE) 2016/679"

The noun and number come from the act's title in that language; the words and cases from ``citations.words``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from preprocessing.celex import TYPE_LETTERS
from preprocessing.citations.form import language_words
from preprocessing.citations.numbers import act_celex
from preprocessing.citations.patterns import act_patterns
from preprocessing.citations.words import ActNoun
from preprocessing.document import LegalDocument

LATIN_SUFFIX = re.compile(r"^(\d+)([a-z]{3,})$")
TITLE_HEAD = 200  # the number stands in the first words of a title, other acts' numbers further on


@dataclass(frozen=True)
class ActName:
    """An act's short name in its cases.

    ``bare`` "règlement (UE) 2016/679", ``the`` "le règlement ...", ``of`` "du règlement ...", ``in_`` "dans le ...".
    """

    bare: str
    the: str
    of: str
    in_: str

    def slots(self) -> dict[str, str]:
        """The name's forms as slots of the phrase book; a capital opens a sentence."""
        return {
            "act": self.bare,
            "the_act": self.the,
            "The_act": capitalised(self.the),
            "of_act": self.of,
            "in_act": self.in_,
            "In_act": capitalised(self.in_),
        }


@dataclass(frozen=True)
class ProvisionForms:
    """How a language writes an article with its paragraph; ``{n}`` is the article, ``{p}`` the paragraph."""

    article: str
    paragraph: str
    the: str
    of: str
    in_: str
    ordinal: str = ""  # after plain figures: "5.º"

    def number(self, article: str) -> str:
        """The article's number as this language prints it: ``12.º``, ``12 bis``."""
        return article + self.ordinal if article.isdigit() else LATIN_SUFFIX.sub(r"\1 \2", article)


PROVISIONS: dict[str, ProvisionForms] = {
    "en": ProvisionForms("Article {n} ", "Article {n}({p}) ", "", "of ", "in "),
    "fr": ProvisionForms("article {n} ", "article {n}, paragraphe {p}, ", "l'", "de l'", "à l'"),
    "de": ProvisionForms("Artikel {n} ", "Artikel {n} Absatz {p} ", "", "von ", "in "),
    "es": ProvisionForms("artículo {n} ", "artículo {n}, apartado {p}, ", "el ", "del ", "en el "),
    "pt": ProvisionForms("artigo {n} ", "artigo {n}, n.º {p}, ", "o ", "do ", "no ", ".º"),
}


def act_name(document: LegalDocument) -> ActName | None:
    """Return the act's name in the document's language; None for what is no regulation, directive, decision, ....

    Where the title does not give the act's own number, the CELEX number takes its place.
    """
    celex = document.base_celex
    if celex is None:
        return None
    head = " ".join(document.title[:TITLE_HEAD].split())
    patterns = act_patterns()
    match = patterns.numbered.search(head)
    # "IMPLEMENTING REGULATION", "Règlement d'exécution": the table's own spelling is the one for running text
    noun = _nouns(document.language).get(_plain(match["noun"])) if match else None
    if match and noun and act_celex(noun.letter, match["first"], match["second"], bool(match["no"])) == celex:
        return _name(noun, " ".join(match["figures"].split()), document.language)
    letter = TYPE_LETTERS.get(document.document_type)
    plain = [noun for noun in language_words(document.language).nouns if noun.letter == letter]
    if not plain:
        return None
    return _name(min(plain, key=lambda noun: len(noun.name)), f"(CELEX: {celex})", document.language)


def _name(noun: ActNoun, number: str, language: str) -> ActName:
    the, of, in_ = language_words(language).prepositions[noun.grammar]
    return ActName(
        bare=f"{noun.name} {number}",
        the=f"{the}{noun.name} {number}",
        of=f"{of}{noun.genitive or noun.name} {number}",
        in_=f"{in_}{noun.dative or noun.name} {number}",
    )


def provision_slots(article: str, paragraph: str | None, act: ActName, language: str) -> dict[str, str]:
    """Name an article, or one of its numbered paragraphs, of ``act``: nominative, "of ..." and "in ..."."""
    forms = PROVISIONS[language]
    number = forms.number(article)
    if language == "fr" and article == "1":
        number = "1er" if paragraph else "premier"
    pattern = forms.article if paragraph is None else forms.paragraph
    name = pattern.format(n=number, p=paragraph) + act.of
    return {
        "provision": forms.the + name,
        "Provision": capitalised(forms.the + name),
        "of_provision": forms.of + name,
        "in_provision": forms.in_ + name,
        "In_provision": capitalised(forms.in_ + name),
    }


def capitalised(text: str) -> str:
    """Raise the first letter, and nothing else."""
    return text[:1].upper() + text[1:]


@cache
def _nouns(language: str) -> dict[str, ActNoun]:
    return {_plain(form): noun for noun in language_words(language).nouns for form in noun.forms()}


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("’", "'")).casefold()
