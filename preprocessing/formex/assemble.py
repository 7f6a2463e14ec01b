"""From files read to one LegalDocument: the act and its annexes, with numbers, headings and references."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from preprocessing.document import Annex, Article, LegalDocument, Recital
from preprocessing.formex import caselaw
from preprocessing.formex.descriptions import Description
from preprocessing.formex.language import language_of_text
from preprocessing.formex.legal_basis import legal_basis
from preprocessing.formex.metadata import identify
from preprocessing.formex.notices import Notice
from preprocessing.formex.numbering import article_number
from preprocessing.formex.parsed import ArticleLines, ParsedFile, Span
from preprocessing.formex.references import find_references
from preprocessing.formex.text import with_calls, without_calls

_RECITAL_NUMBER = re.compile(r"[«»„“”‘’\"']?\((\d+\s?[a-z]{0,3})\)\s*|(\d+[a-z]?)[.)]\s+")
# An unnumbered CONSID that only introduces the recitals, "Whereas:", ends in a colon and is short.
_MAX_INTRODUCTION = 60


def assemble(
    files: Sequence[ParsedFile], description: Description | None, source: str, notice: Notice | None = None
) -> LegalDocument:
    """Make one document of the act's file (first) and its annex files, in order.

    ``description`` is what its ``.doc.xml`` says, ``notice`` what the metadata archive of a bulk dump says.
    """
    act = files[0]
    identity = identify(act, description, source, notice)
    warnings = [warning for file in files for warning in file.warnings] + identity.warnings
    text = with_calls("\n".join([line for file in files for line in file.lines] if len(files) > 1 else act.lines))
    spoken = language_of_text(text, identity.language)
    if spoken and spoken != identity.language:
        if identity.language:
            warnings.append(f"language: marked {identity.language}, but the text is {spoken}")
        identity.language = spoken
    if act.repealed:
        warnings.append("repealed: the act as a whole is marked as no longer in force")
    if not text:
        warnings.append("no text: nothing of this document is text in force")
    if not identity.celex and not identity.base_celex:
        warnings.append("no CELEX number: neither given nor derivable")
    return LegalDocument(
        id=_id(identity.celex, identity.language, text),
        source=source,
        language=identity.language,
        document_type=identity.document_type,
        title=identity.title,
        text=text,
        celex=identity.celex,
        base_celex=identity.base_celex,
        date=identity.date,
        consolidated=act.root in ("CONS.ACT", "CONS.OTH"),
        consolidation_date=identity.consolidation_date,
        publication_date=identity.publication_date,
        eli=identity.eli,
        recitals=[recital for span in act.recitals if (recital := _recital(act, span))],
        articles=[_article(act, article) for article in act.articles],
        annexes=[_annex(file, span) for file in files for span in file.annexes],
        references=find_references(
            text, (mark for file in files for mark in file.references), identity.language, identity.base_celex
        ),
        legal_basis=legal_basis(_visas(act), identity.language, notice.legal_basis if notice else ()),
        parties=caselaw.parties(act),
        points=caselaw.points(act),
        operative_part=caselaw.operative_part(act),
        warnings=warnings,
    )


def _id(celex: str | None, language: str, text: str) -> str:
    if celex:
        return f"{celex}-{language}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _visas(file: ParsedFile) -> Iterator[str]:
    """Yield the lines of the act's own preamble in which it has regard to others."""
    for span in file.passages:
        if span.kind == "visas" and not any(annex.start <= span.start < annex.end for annex in file.annexes):
            yield from (
                with_calls(file.lines[number]) for number in range(span.start, span.end) if number not in file.notes
            )


def _recital(file: ParsedFile, span: Span) -> Recital | None:
    text = without_calls("\n".join(file.lines[span.start : span.end]))
    match = _RECITAL_NUMBER.match(text)
    if match:
        return Recital((match[1] or match[2]).replace(" ", ""), text[match.end() :].lstrip("\n "))
    if text.endswith(":") and len(text) < _MAX_INTRODUCTION:
        return None
    return Recital("", text)


def _article(file: ParsedFile, article: ArticleLines) -> Article:
    # in ascending order, those of the title and the number before the body among them
    marks = article.marks[bisect_left(article.marks, article.body) :]
    lines = file.lines
    notes = file.notes.intersection(range(article.body, article.end)) if file.notes else ()
    paragraphs = []
    for start, end in pairwise((article.body, *marks, article.end)):
        own = [lines[number] for number in range(start, end) if number not in notes] if notes else lines[start:end]
        if own:
            paragraphs.append(without_calls("\n".join(own)))
    return Article(
        number=article_number(without_calls(article.title), article.identifier),
        heading=without_calls(" ".join(article.heading)),
        path=[without_calls(title) for title in article.path],
        text="\n".join(paragraphs),
        paragraphs=paragraphs,
    )


def _annex(file: ParsedFile, span: Span) -> Annex:
    lines = file.lines[span.start : span.end]
    if lines[: len(span.title)] == span.title:
        lines = lines[len(span.title) :]
    return Annex(without_calls(" ".join(span.title)), with_calls("\n".join(lines)))
