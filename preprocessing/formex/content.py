"""Rules of content: footnotes, lists, numbers, quotation marks, references, images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocessing.formex.references import Marked
from preprocessing.formex.taken import rewrite, take
from preprocessing.formex.text import (
    BREAK,
    CALL,
    CALL_END,
    COLUMN,
    JOIN,
    LIST_MARKERS,
    PARAGRAPH,
    format_code,
    format_number,
    glyph,
    subscript,
    superscript,
    to_line,
    with_calls,
)

if TYPE_CHECKING:
    from preprocessing.formex.reader import FileReader

Attributes = dict[str, str]

# Separators of terms and definitions that follow the term without a space, unlike "=" or a dash.
_CLOSE_UP = ("", ":", ";", ",", ".")
_KEYWORD_SEPARATOR = " — "
# Kinds of unknown elements that are named in warnings, and letters of their names: more say nothing new.
_MAX_UNKNOWN = 50
_MAX_NAME = 60


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
    reader.closers.append(attributes.get("TYPE", ""))
    reader.marks.append(len(reader.text))
    reader.guard += 1


def close_note(reader: FileReader) -> None:
    number = reader.open_notes.pop()
    kind = reader.closers.pop()
    reader.guard -= 1
    text = to_line(take(reader))
    if not number:
        return
    # further calls of a note may repeat its text; the note of a quoted act is part of each quotation
    if text and (kind == "QUOTATION" or (number, text) not in reader.printed_notes):
        reader.printed_notes.add((number, text))
        reader.waiting_notes.append((number, text))
    reader.put("" if reader.in_note_group else f"{CALL}{number}{CALL_END}")


def open_note_group(reader: FileReader, _: Attributes) -> None:
    reader.in_note_group += 1
    reader.put(BREAK)
    reader.marks.append(len(reader.text))


def close_note_group(reader: FileReader) -> None:
    """End the notes of a table: they stand before its rows in the file, below them on the page."""
    reader.in_note_group -= 1
    text = take(reader)
    if text.strip(f"{BREAK} "):
        (reader.below_tables[-1].append if reader.below_tables else reader.put)(text)
    reader.put(BREAK)


# -- text inside a line


def is_plain(attributes: Attributes) -> bool:
    return attributes.get("TYPE") not in ("SUP", "SUB")


def open_highlight(reader: FileReader, attributes: Attributes) -> None:
    reader.closers.append(attributes["TYPE"])
    reader.marks.append(len(reader.text))


def close_highlight(reader: FileReader) -> None:
    rewrite(reader, superscript if reader.closers.pop() == "SUP" else subscript)


def is_unformatted(attributes: Attributes) -> bool:
    return attributes.get("TYPE") not in ("NUMBER", "DECIMAL", "CN", "TARIC")


def open_formatted(reader: FileReader, attributes: Attributes) -> None:
    reader.closers.append(attributes["TYPE"])
    reader.marks.append(len(reader.text))


def close_formatted(reader: FileReader) -> None:
    rewrite(reader, format_number if reader.closers.pop() in ("NUMBER", "DECIMAL") else format_code)


def quotation_mark(attributes: Attributes) -> str:
    return glyph(attributes.get("CODE"))


def list_marker(attributes: Attributes) -> str:
    """What begins each item of a list: a marker, if the items carry no number of their own."""
    marker = LIST_MARKERS.get(attributes.get("TYPE", ""))
    return f"{marker}{JOIN}" if marker else ""


def open_definitions(reader: FileReader, attributes: Attributes) -> None:
    separator = attributes.get("SEPARATOR", "").strip()
    reader.separators.append(separator if separator[:1] in _CLOSE_UP else f" {separator}")
    reader.put(BREAK)


def close_definitions(reader: FileReader) -> None:
    reader.separators.pop()
    reader.put(BREAK)


def close_term(reader: FileReader) -> None:
    separator = reader.separators[-1] if reader.separators else ""
    reader.put_loosely(f"{separator}{JOIN}")


def open_keyword_group(reader: FileReader, attributes: Attributes) -> None:
    """Begin paragraphs that may hold keywords."""
    reader.keyword_marks = attributes
    reader.put(BREAK)


def open_keywords(reader: FileReader, attributes: Attributes) -> None:
    reader.keyword_marks = attributes
    reader.keyword_end = (0, 0)
    reader.put_loosely(f"{BREAK}{attributes.get('IDX.OPEN', '')}")


def open_keyword(reader: FileReader, _: Attributes) -> None:
    lines, pieces = reader.keyword_end
    if lines == len(reader.lines) and pieces and not "".join(reader.text[pieces:]).strip(" "):
        reader.put_loosely(reader.keyword_marks.get("SEPARATOR", _KEYWORD_SEPARATOR))


def close_keyword(reader: FileReader) -> None:
    reader.keyword_end = (len(reader.lines), len(reader.text))


def close_keywords(reader: FileReader) -> None:
    reader.put_loosely(f"{reader.keyword_marks.get('IDX.CLOSE', '')}{BREAK}")
    reader.keyword_marks = {}


def open_on_same_line(reader: FileReader, _: Attributes) -> None:
    """Begin what ends the line before it: the page number of an entry in a table of contents."""
    text = reader.text
    start = max(reader.marks[-1] if reader.marks else 0, reader.deleted_from if reader.deleted else 0)
    while len(text) > start:
        if last := text[-1].rstrip(f"{BREAK} "):
            text[-1] = last
            break
        text.pop()
    reader.put_loosely(" ")


def open_reference(reader: FileReader, attributes: Attributes) -> None:
    reader.open_references.append((len(reader.text), attributes))


def close_reference(reader: FileReader) -> None:
    mark, attributes = reader.open_references.pop()
    if reader.deleted:
        return
    surface = with_calls(to_line("".join(reader.text[mark:])))
    if surface:
        reader.references.append(Marked(surface, attributes))


def close_language(reader: FileReader) -> None:
    """End words of another language: part of their line, although they may hold elements that are blocks."""
    start = reader.marks[-1]
    before = reader.text[start - 1 : start] if start else []  # none where a block inside has been printed already
    space = " " if before and before[0][-1:].isalnum() else ""
    rewrite(reader, lambda text: _without_outer_breaks(text, space))


def _without_outer_breaks(text: str, space: str) -> str:
    inner = text.strip(" ")
    return f"{space}{inner.strip(f'{BREAK} ')}" if BREAK in (inner[:1], inner[-1:]) else text


def anonymous(attributes: Attributes) -> str:
    """What stands for a name that must not be published; the reason is in a footnote."""
    return attributes.get("PLACEHOLDER", "")


def image(attributes: Attributes) -> str:
    if attributes.get("TYPE", "").startswith("FORMEX"):
        return ""  # another file of the same document: read as such
    kind = "formula" if attributes.get("CONTENT") == "FORMULA" else "image"
    return f" [{kind}] "


# -- elements that no schema knows


def open_unknown(reader: FileReader, tag: str) -> None:
    """Begin an unknown element: its text is kept, in the line if it begins within one."""
    if tag not in reader.unknown and tag != reader.root and len(reader.unknown) < _MAX_UNKNOWN:
        reader.unknown.add(tag)
        reader.warnings.append(f"unknown element: {tag[:_MAX_NAME]}")
    last = _last_text(reader)
    around = BREAK if not last or last[-1] in (BREAK, PARAGRAPH, COLUMN) else " "
    reader.closers.append(around)
    reader.put_loosely(around)


def close_unknown(reader: FileReader) -> None:
    reader.put_loosely(reader.closers.pop())


def _last_text(reader: FileReader) -> str:
    """Return the last piece of text that is not blank, of the last few."""
    for piece in reversed(reader.text[-8:]):
        if piece := piece.rstrip(" "):
            return piece
    return ""
