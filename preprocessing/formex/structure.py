"""Rules of structure: titles, divisions, recitals, articles with their paragraphs, annexes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from preprocessing.formex.caselaw import CASE_LAW
from preprocessing.formex.parsed import ArticleLines, Span
from preprocessing.formex.text import BREAK, JOIN

if TYPE_CHECKING:
    from preprocessing.formex.reader import FileReader

Attributes = dict[str, str]

# Spans whose title is that of the document.
_DOCUMENT = ("root", "part")
# Roots that begin such a span of their own.
_TITLED_ROOTS = ("ANNEX", "CONS.ANNEX", "LETTER")
# Spans whose titles stand above the articles in them.
_ABOVE = ("division", "section")
#: Parts whose titles are theirs and not those of the document, the division or the annex around them.
SECTIONS = (
    *("ANNOTATION", "DIV.CONSID", "GR.ANNOTATION", "GR.CORRIG.ECR", "GR.SEQ", "GR.TBL", "LETTER", "OBJECT"),
    *("PREAMBLE.GEN", "REF.APPEAL.TABLE", "REF.CHRON.TABLE", "REF.CHRON.TABLE.NP", "REF.CONCLUSION"),
    *("REF.DECISION.ECR", "REF.JUDGMENT", "REF.NOTICE", "REF.OPINION", "REF.ORDER", "REF.REPORT.HEARING"),
    *("REF.RULING", "REF.SUMMARY.JUDGMENT", "SUBDIV"),
)
#: Text that is not the act's own, or names its parts: nothing in it is recital, article or title of this document.
GUARDED = ("GR.AMEND", "QUOT.S", "TOC")


def open_span(kind: str) -> Callable[[FileReader, Attributes], None]:
    def rule(reader: FileReader, _: Attributes) -> None:
        reader.put(BREAK)
        if not reader.guard:
            start = reader.flush_notes() if kind == "annex" else 0
            reader.spans.append(Span(kind, start))

    return rule


def open_consolidated(reader: FileReader, attributes: Attributes) -> None:
    """Begin a consolidated text of any kind: an annex, or the document itself and what is nested in it."""
    nested = any(span.kind == "part" for span in reader.spans)
    open_span("annex" if attributes.get("TYPE") == "ANNEX" else "section" if nested else "part")(reader, attributes)


def close_span(reader: FileReader) -> None:
    reader.put(BREAK)
    if reader.guard:
        return
    span = reader.spans.pop()
    if span.kind == "annex":
        span.end = reader.flush_notes()
        if span.end > span.start:  # else it stands in a deleted span
            reader.annexes.append(span)


def close_part(reader: FileReader) -> None:
    """End the preamble or the act with its signatures: their footnotes follow, as at the foot of a page."""
    reader.put(BREAK)
    if not reader.guard and reader.waiting_notes:
        reader.flush_notes()


def open_title(reader: FileReader, _: Attributes) -> None:
    if reader.guard:
        reader.put(BREAK)
        return
    label = _take_label(reader)
    reader.put(BREAK)
    reader.titles.append(reader.flush())
    reader.put(label)


def _take_label(reader: FileReader) -> str:
    """Take off the number of a section that stands before its title: it belongs on the title's line."""
    text = reader.text
    end = len(text)
    while end and not text[end - 1].strip(" "):
        end -= 1
    if not end or not text[end - 1].endswith(JOIN):
        return ""
    start = end - 1
    while start and BREAK not in text[start]:
        start -= 1
    # a piece may hold whole lines before the label's
    before, _, first = text[start].rpartition(BREAK)
    label = "".join((first, *text[start + 1 :]))
    text[start:] = [before] if before else []
    return label


def close_title(reader: FileReader) -> None:
    reader.put(BREAK)
    if reader.guard:
        return
    start = reader.titles.pop()
    end = reader.flush()
    title = reader.lines[start:end]
    span = reader.spans[-1]
    if reader.root in CASE_LAW:
        reader.passages.append(Span("heading", start, end))
    if span.kind in _DOCUMENT or (reader.root in _TITLED_ROOTS and len(reader.spans) == 2):
        reader.title = reader.title or title
    span.title = span.title or title


def date(reader: FileReader, attributes: Attributes) -> None:
    if reader.titles and reader.spans[-1].kind in _DOCUMENT and "ISO" in attributes:
        reader.title_dates.append(attributes["ISO"])


def open_recital(reader: FileReader, _: Attributes) -> None:
    reader.put(BREAK)
    if not reader.guard:
        reader.spans.append(Span("recital", reader.flush()))


def close_recital(reader: FileReader) -> None:
    reader.put(BREAK)
    if reader.guard:
        return
    span = reader.spans.pop()
    span.end = reader.flush()
    if span.end > span.start and reader.root not in CASE_LAW:
        reader.recitals.append(span)


def open_article(reader: FileReader, attributes: Attributes) -> None:
    reader.put(BREAK)
    article = None
    own = not reader.guard and reader.article is None and not any(span.kind == "annex" for span in reader.spans)
    if own:
        path = [" – ".join(span.title) for span in reader.spans if span.kind in _ABOVE and span.title]
        start = reader.flush()
        article = ArticleLines(start, attributes.get("IDENTIFIER", ""), path, body=start)
        article.dead = bool(reader.deleted)
        reader.article = article
    reader.open_articles.append(article)


def close_article(reader: FileReader) -> None:
    reader.put(BREAK)
    article = reader.open_articles.pop()
    if article is None:
        return
    article.end = reader.flush()
    reader.article = None
    if not article.dead:
        reader.articles.append(article)


def open_article_title(reader: FileReader, _: Attributes) -> None:
    reader.put(BREAK)
    if reader.article is not None and not reader.guard:
        reader.article.body = reader.flush()


def close_article_title(reader: FileReader) -> None:
    reader.put(BREAK)
    article = reader.article
    if article is not None and not reader.guard:
        start, article.body = article.body, reader.flush()
        article.title = article.title or " ".join(reader.lines[start : article.body])


def close_article_heading(reader: FileReader) -> None:
    reader.put(BREAK)
    article = reader.article
    if article is not None and not reader.guard:
        start, article.body = article.body, reader.flush()
        article.heading += reader.lines[start : article.body]
