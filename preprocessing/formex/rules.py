"""What each FORMEX element does to the text and the structure: two tables of rules, for its start and its end.

A rule is a string to put into the text, or a function of the reader. Elements in neither table are blocks: they break
the line before and after them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Union

from preprocessing.document import Reference
from preprocessing.formex.parsed import METADATA, ArticleLines, Span
from preprocessing.formex.references import celex_of_uri
from preprocessing.formex.text import (
    BIG_OPERATORS,
    BRACKETS,
    BREAK,
    CALL,
    CALL_END,
    CELL,
    INLINE,
    JOIN,
    LABELS,
    LIST_MARKERS,
    OPERATORS,
    format_number,
    glyph,
    subscript,
    superscript,
    to_lines,
    to_row,
)

if TYPE_CHECKING:
    from preprocessing.formex.reader import FileReader

Attributes = dict[str, str]
StartRule = Union[str, Callable[["FileReader", Attributes], None]]
EndRule = Union[str, Callable[["FileReader"], None]]

# Roots whose CONSID elements are not recitals: "after considering the observations submitted ..."
_CASE_LAW = frozenset({"JUDGMENT", "ORDER", "OPINION", "CONCLUSION", "RULING", "CASE", "DECISION.ECR"})


class OpenNote(NamedTuple):
    """A footnote being read: its number (0 in deleted text), the sink to go back to, whether it is called here."""

    number: int
    outer: list[str]
    called: bool


# -- structure: titles, divisions, recitals, articles, annexes


def _open_span(kind: str) -> Callable[[FileReader, Attributes], None]:
    def rule(reader: FileReader, _: Attributes) -> None:
        reader.emit(BREAK)
        if not reader.guard:
            start = reader.flush_notes() if kind == "annex" else 0
            reader.spans.append(Span(kind, start))

    return rule


def _close_span(reader: FileReader) -> None:
    reader.emit(BREAK)
    if reader.guard:
        return
    span = reader.spans.pop()
    if span.kind == "annex":
        span.end = reader.flush_notes()
        if span.end > span.start:  # else it stands in a deleted span
            reader.annexes.append(span)
    elif reader.waiting_notes and not any(outer.kind == "section" for outer in reader.spans):
        reader.flush_notes()


def _open_title(reader: FileReader, _: Attributes) -> None:
    reader.emit(BREAK)
    if not reader.guard:
        reader.titles.append(reader.flush())


def _close_title(reader: FileReader) -> None:
    reader.emit(BREAK)
    if reader.guard:
        return
    start = reader.titles.pop()
    title = reader.lines[start : reader.flush()]
    span = reader.spans[-1]
    if span.kind == "root":
        reader.title = reader.title or title
        reader.flush_notes()
    else:
        span.title = span.title or title


def _date(reader: FileReader, attributes: Attributes) -> None:
    if reader.titles and reader.spans[-1].kind == "root" and "ISO" in attributes:
        reader.title_dates.append(attributes["ISO"])


def _open_recital(reader: FileReader, _: Attributes) -> None:
    reader.emit(BREAK)
    if not reader.guard:
        reader.spans.append(Span("recital", reader.flush()))


def _close_recital(reader: FileReader) -> None:
    reader.emit(BREAK)
    if reader.guard:
        return
    span = reader.spans.pop()
    span.end = reader.flush()
    if span.end > span.start and reader.root not in _CASE_LAW:
        reader.recitals.append(span)
    reader.flush_notes()


def _open_article(reader: FileReader, attributes: Attributes) -> None:
    reader.emit(BREAK)
    article = None
    own = not reader.guard and reader.article is None and not any(span.kind == "annex" for span in reader.spans)
    if own:
        path = [" – ".join(span.title) for span in reader.spans if span.kind == "division" and span.title]
        start = reader.flush()
        article = ArticleLines(start, attributes.get("IDENTIFIER", ""), path, body=start)
        article.dead = bool(reader.deleted)
        reader.article = article
        reader.paragraph_depth = 0
    reader.open_articles.append(article)


def _close_article(reader: FileReader) -> None:
    reader.emit(BREAK)
    article = reader.open_articles.pop()
    if article is None:
        return
    article.end = reader.flush()
    reader.article = None
    if not article.dead:
        reader.articles.append(article)
    reader.flush_notes()


def _open_article_title(reader: FileReader, _: Attributes) -> None:
    reader.emit(BREAK)
    if reader.article is not None and not reader.guard:
        reader.article.body = reader.flush()


def _close_article_title(reader: FileReader) -> None:
    reader.emit(BREAK)
    article = reader.article
    if article is not None and not reader.guard:
        start, article.body = article.body, reader.flush()
        article.title = article.title or " ".join(reader.lines[start : article.body])


def _close_article_heading(reader: FileReader) -> None:
    reader.emit(BREAK)
    article = reader.article
    if article is not None and not reader.guard:
        start, article.body = article.body, reader.flush()
        article.heading += reader.lines[start : article.body]


def _open_paragraph(reader: FileReader, _: Attributes) -> None:
    reader.emit(BREAK)
    if reader.article is not None and not reader.guard:
        if reader.paragraph_depth == 0:
            reader.article.marks.append(reader.flush())
        reader.paragraph_depth += 1


def _close_paragraph(reader: FileReader) -> None:
    reader.emit(BREAK)
    if reader.article is not None and not reader.guard:
        reader.paragraph_depth -= 1
        if reader.paragraph_depth == 0:
            reader.article.marks.append(reader.flush())


# -- quoted acts and tables: text, but not the act's own structure


def _open_guarded(reader: FileReader, _: Attributes) -> None:
    reader.emit(BREAK)
    reader.guard += 1


def _close_guarded(reader: FileReader) -> None:
    reader.emit(BREAK)
    reader.guard -= 1


def _close_table(reader: FileReader) -> None:
    _close_guarded(reader)
    if not reader.guard and reader.waiting_notes:
        reader.flush_notes()


def _open_row(reader: FileReader, _: Attributes) -> None:
    reader.marks.append(len(reader.sink))


def _close_row(reader: FileReader) -> None:
    sink = reader.sink
    mark = reader.marks.pop()
    row = to_row(sink[mark:])
    del sink[mark:]
    # straight into the sink: what a deleted span took out is already missing from the row
    sink.append(f"{BREAK}{row}{BREAK}")


# -- footnotes


def _open_note(reader: FileReader, attributes: Attributes) -> None:
    key = attributes.get("NOTE.ID") or attributes.get("NOTE.REF") or f"unnamed {reader.next_note}"
    number = 0
    if not reader.deleted:
        number = reader.note_numbers.get(key, 0)
        if not number:
            number = reader.note_numbers[key] = reader.next_note
            reader.next_note += 1
    reader.note_stack.append(OpenNote(number, reader.sink, not reader.in_note_group))
    reader.guard += 1
    reader.sink = []
    reader.route()


def _close_note(reader: FileReader) -> None:
    note = reader.note_stack.pop()
    text = " ".join(to_lines(reader.sink))
    reader.guard -= 1
    reader.sink = note.outer
    reader.route()
    if not note.number:
        return
    if text:
        reader.waiting_notes.append((note.number, text))
    if note.called:
        reader.emit(f"{CALL}{note.number}{CALL_END}")


def _open_note_group(reader: FileReader, _: Attributes) -> None:
    reader.in_note_group += 1
    reader.emit(BREAK)


def _close_note_group(reader: FileReader) -> None:
    reader.in_note_group -= 1
    reader.emit(BREAK)


# -- text inside a line


def _open_highlight(reader: FileReader, attributes: Attributes) -> None:
    kind = attributes.get("TYPE")
    if kind in ("SUP", "SUB"):
        reader.closers.append(kind)
        reader.marks.append(len(reader.sink))
    else:
        reader.closers.append("")


def _close_highlight(reader: FileReader) -> None:
    kind = reader.closers.pop()
    if kind:
        _rewrite(reader, superscript if kind == "SUP" else subscript)


def _rewrite(reader: FileReader, change: Callable[[str], str]) -> None:
    """Replace what was put into the sink since the last mark."""
    sink = reader.sink
    mark = reader.marks.pop()
    if mark < len(sink):
        sink[mark:] = [change("".join(sink[mark:]))]


def _open_formatted(reader: FileReader, attributes: Attributes) -> None:
    reader.closers.append(attributes.get("TYPE", ""))
    reader.marks.append(len(reader.sink))


def _close_formatted(reader: FileReader) -> None:
    if reader.closers.pop() == "NUMBER":
        _rewrite(reader, format_number)
    else:
        reader.marks.pop()


def _quotation_mark(reader: FileReader, attributes: Attributes) -> None:
    reader.emit(glyph(attributes.get("CODE")))


def _open_list(reader: FileReader, attributes: Attributes) -> None:
    reader.lists.append(LIST_MARKERS.get(attributes.get("TYPE", ""), ""))
    reader.emit(BREAK)


def _close_list(reader: FileReader) -> None:
    reader.lists.pop()
    reader.emit(BREAK)


def _open_item(reader: FileReader, _: Attributes) -> None:
    marker = reader.lists[-1] if reader.lists else ""
    reader.emit(f"{BREAK}{marker}{JOIN}" if marker else BREAK)


def _open_definitions(reader: FileReader, attributes: Attributes) -> None:
    reader.closers.append(attributes.get("SEPARATOR", "").strip())
    reader.emit(BREAK)


def _close_definitions(reader: FileReader) -> None:
    reader.closers.pop()
    reader.emit(BREAK)


def _close_term(reader: FileReader) -> None:
    separator = reader.closers[-1] if reader.closers else ""
    reader.emit(f"{separator}{JOIN}")


def _open_keywords(reader: FileReader, attributes: Attributes) -> None:
    reader.closers.append(attributes.get("IDX.CLOSE", ""))
    reader.closers.append(attributes.get("SEPARATOR", " — "))
    reader.closers.append("")  # what goes before the next keyword
    reader.emit(f"{BREAK}{attributes.get('IDX.OPEN', '')}")


def _open_keyword(reader: FileReader, _: Attributes) -> None:
    if len(reader.closers) >= 3:
        reader.emit(reader.closers[-1] or "")
        reader.closers[-1] = reader.closers[-2]


def _close_keywords(reader: FileReader) -> None:
    del reader.closers[-2:]
    reader.emit(f"{reader.closers.pop()}{BREAK}")


def _open_reference(reader: FileReader, attributes: Attributes) -> None:
    reader.open_references.append((len(reader.sink), attributes))


def _close_reference(reader: FileReader) -> None:
    mark, attributes = reader.open_references.pop()
    surface = " ".join(to_lines(reader.sink[mark:]))
    if surface:
        reader.references.append(Reference(celex_of_uri(attributes.get("URI", "")), None, surface))


def _image(reader: FileReader, attributes: Attributes) -> None:
    kind = "formula" if attributes.get("CONTENT") == "FORMULA" else "image"
    reader.emit(f" [{kind}] ")


# -- formulas, written on one line


def _open_formula(reader: FileReader, attributes: Attributes) -> None:
    around = BREAK if attributes.get("TYPE") == "OUTLINE" else " "
    reader.closers.append(around)
    reader.emit(around)


def _open_expression(reader: FileReader, attributes: Attributes) -> None:
    bracket = BRACKETS.get(attributes.get("TYPE", ""), "")
    reader.closers.append(bracket[1:])
    reader.emit(bracket[:1])


def _close_with_closer(reader: FileReader) -> None:
    reader.emit(reader.closers.pop())


def _open_marked(reader: FileReader, _: Attributes) -> None:
    reader.marks.append(len(reader.sink))


def _close_exponent(reader: FileReader) -> None:
    _rewrite(reader, lambda text: _attached(text, superscript(text), "^"))


def _close_index(reader: FileReader) -> None:
    _rewrite(reader, lambda text: _attached(text, subscript(text), "_"))


def _attached(text: str, changed: str, sign: str) -> str:
    if changed != text or not text.strip():
        return changed
    text = text.strip()
    return f"{sign}{text}" if len(text) == 1 else f"{sign}({text})"


def _operator(tag: str) -> Callable[[FileReader, Attributes], None]:
    signs = OPERATORS[tag]

    def rule(reader: FileReader, attributes: Attributes) -> None:
        sign = signs.get(attributes.get("TYPE", ""), "")
        reader.emit(f" {sign} ")

    return rule


def _metadata(tag: str) -> Callable[[FileReader, Attributes], None]:
    def rule(reader: FileReader, attributes: Attributes) -> None:
        reader.gather_metadata(tag, attributes)

    return rule


START: dict[str, StartRule] = {
    **dict.fromkeys(INLINE, ""),
    **{tag: _metadata(tag) for tag in METADATA},
    **{tag: _operator(tag) for tag in OPERATORS},
    "TITLE": _open_title,
    "DATE": _date,
    "DIVISION": _open_span("division"),
    "GR.SEQ": _open_span("section"),
    "GR.VISA": _open_span("visas"),
    "CONS.ANNEX": _open_span("annex"),
    "ANNEX": _open_span("annex"),
    "CONSID": _open_recital,
    "ARTICLE": _open_article,
    "TI.ART": _open_article_title,
    "STI.ART": _open_article_title,
    "PARAG": _open_paragraph,
    "ALINEA": _open_paragraph,
    "QUOT.S": _open_guarded,
    "TBL": _open_guarded,
    "ROW": _open_row,
    "CELL": CELL,
    "NOTE": _open_note,
    "GR.NOTES": _open_note_group,
    "HT": _open_highlight,
    "FT": _open_formatted,
    "QUOT.START": _quotation_mark,
    "QUOT.END": _quotation_mark,
    "LIST": _open_list,
    "ITEM": _open_item,
    "DLIST": _open_definitions,
    "DEFINITION": "",
    "INDEX": _open_keywords,
    "KEYWORD": _open_keyword,
    "REF.DOC": _open_reference,
    "REF.DOC.OJ": _open_reference,
    "INCL.ELEMENT": _image,
    "FORMULA": _open_formula,
    "FORMULA.S": _open_formula,
    "EXPR": _open_expression,
    "EXPONENT": _open_marked,
    "IND": _open_marked,
    "FRACTION": " ",
    "DIVIDEND": "(",
    "DIVISOR": "/(",
    **{tag: f" {sign}" for tag, sign in BIG_OPERATORS.items()},
    "ROOT": " √(",
    "DEGREE": "[",
    "OVER": "^(",
    "UNDER": "_(",
}

END: dict[str, EndRule] = {
    **dict.fromkeys(INLINE, ""),
    **dict.fromkeys(LABELS, JOIN),
    **dict.fromkeys(OPERATORS, ""),
    "TITLE": _close_title,
    "DIVISION": _close_span,
    "GR.SEQ": _close_span,
    "GR.VISA": _close_span,
    "CONS.ANNEX": _close_span,
    "ANNEX": _close_span,
    "CONSID": _close_recital,
    "ARTICLE": _close_article,
    "TI.ART": _close_article_title,
    "STI.ART": _close_article_heading,
    "PARAG": _close_paragraph,
    "ALINEA": _close_paragraph,
    "QUOT.S": _close_guarded,
    "TBL": _close_table,
    "ROW": _close_row,
    "CELL": "",
    "NOTE": _close_note,
    "GR.NOTES": _close_note_group,
    "HT": _close_highlight,
    "FT": _close_formatted,
    "QUOT.START": "",
    "QUOT.END": "",
    "LIST": _close_list,
    "DLIST": _close_definitions,
    "TERM": _close_term,
    "INDEX": _close_keywords,
    "KEYWORD": "",
    "REF.DOC": _close_reference,
    "REF.DOC.OJ": _close_reference,
    "INCL.ELEMENT": "",
    "FORMULA": _close_with_closer,
    "FORMULA.S": _close_with_closer,
    "EXPR": _close_with_closer,
    "EXPONENT": _close_exponent,
    "IND": _close_index,
    "FRACTION": " ",
    "DIVIDEND": ")",
    "DIVISOR": ")",
    **dict.fromkeys(BIG_OPERATORS, " "),
    "ROOT": ") ",
    "DEGREE": "]",
    "OVER": ")",
    "UNDER": ")",
}
