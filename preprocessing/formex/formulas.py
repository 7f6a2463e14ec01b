"""Rules of formulas, written on one line: ``a / (b + c)``, ``x²``, ``∑_(i=1)^(n)``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from preprocessing.formex.taken import rewrite, take
from preprocessing.formex.text import BAR, BRACKETS, BREAK, OPERATORS, subscript, superscript

if TYPE_CHECKING:
    from preprocessing.formex.reader import FileReader

Attributes = dict[str, str]


_OPERATION = re.compile(r"[+−–±·×*/-]")


def open_formula(reader: FileReader, attributes: Attributes) -> None:
    around = BREAK if attributes.get("TYPE") == "OUTLINE" else " "
    reader.closers.append(around)
    reader.put_loosely(around)
    reader.marks.append(len(reader.text))
    reader.open_formulas += 1


def open_expression(reader: FileReader, attributes: Attributes) -> None:
    bracket = BRACKETS.get(attributes.get("TYPE", ""), "")
    reader.closers.append(bracket[1:])
    reader.put_loosely(bracket[:1])
    reader.marks.append(len(reader.text))
    reader.open_formulas += 1


def close_formula(reader: FileReader) -> None:
    reader.open_formulas -= 1
    rewrite(reader, _with_fractions)
    reader.put_loosely(reader.closers.pop())


def _with_fractions(text: str) -> str:
    return " / ".join(map(_operand, text.split(BAR))) if BAR in text else text


def _operand(text: str) -> str:
    text = text.strip(" ")
    return f"({text})" if _OPERATION.search(text) and "=" not in text else text


def open_index(reader: FileReader, attributes: Attributes) -> None:
    reader.closers.append(attributes.get("LOC", "SUB"))
    reader.marks.append(len(reader.text))


def close_index(reader: FileReader) -> None:
    if reader.closers.pop() in ("SUP", "OVER"):
        close_exponent(reader)
    else:
        rewrite(reader, lambda text: _attached(text, subscript(text), "_"))


def close_exponent(reader: FileReader) -> None:
    rewrite(reader, lambda text: _attached(text, superscript(text), "^"))


def _attached(text: str, changed: str, sign: str) -> str:
    if changed != text or not text.strip():
        return changed
    text = text.strip()
    return f"{sign}{text}" if len(text) == 1 else f"{sign}({text})"


def close_over(reader: FileReader) -> None:
    """End what stands over a sign; where it is empty, as in the schemas until 05.30, it is a fraction bar."""
    text = take(reader)
    bar = BAR if reader.open_formulas else " / "
    reader.put_loosely(f"^({text})" if text.strip(" ") else bar)


def operator(tag: str) -> Callable[[Attributes], str]:
    signs = OPERATORS[tag]
    return lambda attributes: f" {signs.get(attributes.get('TYPE', ''), '')} "


def symbol(attributes: Attributes) -> str:
    """A sign that only an attribute names."""
    return attributes.get("value", "")
