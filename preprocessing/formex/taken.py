"""Text that an element takes off again when it ends: a table row, a footnote, a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from preprocessing.formex.reader import FileReader

Attributes = dict[str, str]


def mark(reader: FileReader, _: Attributes) -> None:
    """The rule for the start of an element whose end takes or rewrites its text."""
    reader.marks.append(len(reader.text))


def take(reader: FileReader) -> str:
    """Take off and return the text since the last mark, without what is deleted of it.

    The caller puts one piece in its place: where a deleted span began inside, it goes on after that piece.
    """
    text = reader.text
    mark = reader.marks.pop()
    if reader.deleted and reader.deleted_from < len(text):
        del text[max(mark, reader.deleted_from) :]
        reader.deleted_from = min(reader.deleted_from, mark + 1)
    taken = "".join(text[mark:])
    del text[mark:]
    return taken


def rewrite(reader: FileReader, change: Callable[[str], str]) -> None:
    """Replace what was put into the text since the last mark."""
    if reader.marks[-1] < len(reader.text):
        reader.put(change(take(reader)))
    else:
        reader.marks.pop()
