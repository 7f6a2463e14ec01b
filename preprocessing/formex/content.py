"""Rules of content: quoted acts, tables, footnotes, lists, numbers, quotation marks, references, formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from preprocessing.document import Reference
from preprocessing.formex.references import celex_of_uri
from preprocessing.formex.text import (
    BRACKETS,
    BREAK,
    CALL,
    CALL_END,
    CELL,
    COLUMN,
    JOIN,
    LIST_MARKERS,
    OPERATORS,
    format_code,
    format_number,
    glyph,
    subscript,
    superscript,
    to_line,
    to_row,
)

if TYPE_CHECKING:
    from preprocessing.formex.reader import FileReader

Attributes = dict[str, str]

# Separators of terms and definitions that follow the term without a space, unlike "=" or a dash.
_CLOSE_UP = ("", ":", ";", ",", ".")


# -- quoted acts and tables: text, but not the act's own structure


def open_guarded(reader: FileReader, _: Attributes) -> None:
    reader.put(BREAK)
    reader.guard += 1


def close_guarded(reader: FileReader) -> None:
    reader.put(BREAK)
    reader.guard -= 1


def close_table(reader: FileReader) -> None:
    close_guarded(reader)
    if not reader.guard and reader.waiting_notes:
        reader.flush_notes()


def open_row(reader: FileReader, _: Attributes) -> None:
    reader.marks.append(len(reader.text))


def cell(attributes: Attributes) -> str:
    column = attributes.get("COL", "")
    return f"{CELL}{column if column.isdecimal() and len(column) < 4 else ''}{COLUMN}"


def close_row(reader: FileReader) -> None:
    reader.put(f"{BREAK}{to_row(_take(reader))}{BREAK}")


def _take(reader: FileReader) -> str:
    """Take off and return the text since the last mark, without what is deleted of it."""
    text = reader.text
    mark = reader.marks.pop()
    if reader.deleted and reader.deleted_from < len(text):
        del text[max(mark, reader.deleted_from) :]
    taken = "".join(text[mark:])
    del text[mark:]
    return taken


# -- footnotes


def open_note(reader: FileReader, attributes: Attributes) -> None:
    key = attributes.get("NOTE.ID") or attributes.get("NOTE.REF") or f"unnamed {reader.next_note}"
    number = 0
    if not reader.deleted:
        number = reader.note_numbers.get(key, 0)
        if not number:
            number = reader.note_numbers[key] = reader.next_note
            reader.next_note += 1
    reader.open_notes.append(number)
    reader.marks.append(len(reader.text))
    reader.guard += 1


def close_note(reader: FileReader) -> None:
    number = reader.open_notes.pop()
    reader.guard -= 1
    text = to_line(_take(reader))
    if not number:
        return
    if text:
        reader.waiting_notes.append((number, text))
    if not reader.in_note_group:
        reader.put(f"{CALL}{number}{CALL_END}")


def open_note_group(reader: FileReader, _: Attributes) -> None:
    reader.in_note_group += 1
    reader.put(BREAK)


def close_note_group(reader: FileReader) -> None:
    reader.in_note_group -= 1
    reader.put(BREAK)


# -- text inside a line


def open_highlight(reader: FileReader, attributes: Attributes) -> None:
    kind = attributes.get("TYPE")
    if kind in ("SUP", "SUB"):
        reader.closers.append(kind)
        reader.marks.append(len(reader.text))
    else:
        reader.closers.append("")


def close_highlight(reader: FileReader) -> None:
    kind = reader.closers.pop()
    if kind:
        _rewrite(reader, superscript if kind == "SUP" else subscript)


def _rewrite(reader: FileReader, change: Callable[[str], str]) -> None:
    """Replace what was put into the text since the last mark."""
    text = reader.text
    mark = reader.marks.pop()
    if mark < len(text):
        text[mark:] = [change("".join(text[mark:]))]


def open_formatted(reader: FileReader, attributes: Attributes) -> None:
    reader.closers.append(attributes.get("TYPE", ""))
    reader.marks.append(len(reader.text))


def close_formatted(reader: FileReader) -> None:
    kind = reader.closers.pop()
    if kind in ("NUMBER", "DECIMAL"):
        _rewrite(reader, format_number)
    elif kind in ("CN", "TARIC"):
        _rewrite(reader, format_code)
    else:
        reader.marks.pop()


def quotation_mark(attributes: Attributes) -> str:
    return glyph(attributes.get("CODE"))


def open_list(reader: FileReader, attributes: Attributes) -> None:
    reader.lists.append(LIST_MARKERS.get(attributes.get("TYPE", ""), ""))
    reader.put(BREAK)


def close_list(reader: FileReader) -> None:
    reader.lists.pop()
    reader.put(BREAK)


def open_item(reader: FileReader, _: Attributes) -> None:
    marker = reader.lists[-1] if reader.lists else ""
    reader.put(f"{BREAK}{marker}{JOIN}" if marker else BREAK)


def open_definitions(reader: FileReader, attributes: Attributes) -> None:
    separator = attributes.get("SEPARATOR", "").strip()
    reader.closers.append(separator if separator[:1] in _CLOSE_UP else f" {separator}")
    reader.put(BREAK)


def close_definitions(reader: FileReader) -> None:
    reader.closers.pop()
    reader.put(BREAK)


def close_term(reader: FileReader) -> None:
    separator = reader.closers[-1] if reader.closers else ""
    reader.put(f"{separator}{JOIN}")


def open_keywords(reader: FileReader, attributes: Attributes) -> None:
    reader.keyword_marks = attributes
    reader.keywords = 0
    reader.put(f"{BREAK}{attributes.get('IDX.OPEN', '')}")


def open_keyword(reader: FileReader, _: Attributes) -> None:
    if reader.keywords:
        reader.put(reader.keyword_marks.get("SEPARATOR", " — "))
    reader.keywords += 1


def close_keywords(reader: FileReader) -> None:
    reader.put(f"{reader.keyword_marks.get('IDX.CLOSE', '')}{BREAK}")


def open_reference(reader: FileReader, attributes: Attributes) -> None:
    reader.open_references.append((len(reader.text), attributes))


def close_reference(reader: FileReader) -> None:
    mark, attributes = reader.open_references.pop()
    surface = to_line("".join(reader.text[mark:]))
    if surface:
        reader.references.append(Reference(celex_of_uri(attributes.get("URI", "")), None, surface))


def image(attributes: Attributes) -> str:
    if attributes.get("TYPE", "").startswith("FORMEX"):
        return ""  # another file of the same document: read as such
    kind = "formula" if attributes.get("CONTENT") == "FORMULA" else "image"
    return f" [{kind}] "


# -- formulas, written on one line


def open_formula(reader: FileReader, attributes: Attributes) -> None:
    around = BREAK if attributes.get("TYPE") == "OUTLINE" else " "
    reader.closers.append(around)
    reader.put(around)


def open_expression(reader: FileReader, attributes: Attributes) -> None:
    bracket = BRACKETS.get(attributes.get("TYPE", ""), "")
    reader.closers.append(bracket[1:])
    reader.put(bracket[:1])


def close_with_closer(reader: FileReader) -> None:
    reader.put(reader.closers.pop())


def open_marked(reader: FileReader, _: Attributes) -> None:
    reader.marks.append(len(reader.text))


def close_exponent(reader: FileReader) -> None:
    _rewrite(reader, lambda text: _attached(text, superscript(text), "^"))


def close_index(reader: FileReader) -> None:
    _rewrite(reader, lambda text: _attached(text, subscript(text), "_"))


def _attached(text: str, changed: str, sign: str) -> str:
    if changed != text or not text.strip():
        return changed
    text = text.strip()
    return f"{sign}{text}" if len(text) == 1 else f"{sign}({text})"


def operator(tag: str) -> Callable[[Attributes], str]:
    signs = OPERATORS[tag]
    return lambda attributes: f" {signs.get(attributes.get('TYPE', ''), '')} "
