"""From the corpus to opened acts: which documents questions are built from, and why others are not."""

from __future__ import annotations

from collections.abc import Collection

from preprocessing.celex import TYPE_LETTERS
from preprocessing.corpus.registry import Registry
from preprocessing.document import LegalDocument
from preprocessing.instruct.candidates import Act
from preprocessing.instruct.naming import act_name
from preprocessing.instruct.phrasebook import phrase_book

#: The types of document whose articles are law of their own.
DOCUMENT_TYPES = tuple(TYPE_LETTERS)


def unfit(document: LegalDocument, languages: Collection[str]) -> str | None:
    """Say why no questions are built from a document, or None."""
    if document.language not in languages:
        return "language not asked for"
    if not document.base_celex:
        return "no CELEX number"
    if document.document_type not in DOCUMENT_TYPES:
        return f"document type {document.document_type}"
    if not document.articles:
        return "no articles"
    return None


def open_act(documents: list[LegalDocument], registry: Registry) -> Act | None:
    """Open the documents of one act in one language, or return None where the act cannot be named."""
    first = documents[0]
    name = act_name(first)
    known = registry.act(first.base_celex or "")
    if name is None or known is None:
        return None
    return Act(documents, name, phrase_book(first.language), [*known.articles, *known.other_articles])


def acts_of_law(registry: Registry) -> dict[str, set[str]]:
    """Return the base CELEX numbers of the regulations, directives, ... by the languages they are there in."""
    acts: dict[str, set[str]] = {}
    for act in registry:
        if act.document_type in DOCUMENT_TYPES:
            for language in act.languages:
                acts.setdefault(language, set()).add(act.celex)
    return acts
