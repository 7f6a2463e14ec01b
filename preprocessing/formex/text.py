"""Text rules: which elements break lines, what empty elements print, how pieces of text become clean lines.

Pieces of text are gathered with marks that cannot occur in XML (control characters) and turned into lines at once:
joining and replacing long strings is many times faster than cleaning each small piece.
"""

from __future__ import annotations

import re

BREAK = "\x1e"  # a block begins or ends here
JOIN = "\x1d"  # what follows stays on this line: a number or a list marker and its text
INNER_ROW = "\x05"  # around a row of a table that stands in a cell
CELL, COLUMN = "\x1f", "\x1c"  # around the column number, if there is one, where a table cell begins
PARAGRAPH = "\x04"  # alone on a line: a paragraph of an article begins or ends here
BAR = "\x07"  # a fraction bar whose operands are not complete yet
CALL, CALL_END = "\x02", "\x03"  # around the number of a footnote, where it is called

CELL_SEPARATOR = " | "

#: Markers of lists whose items carry no number of their own.
LIST_MARKERS = {"DASH": "—", "NDASH": "–", "BULLET": "•"}

#: Operators of formulas, by element and TYPE.
OPERATORS = {
    "OP.MATH": {"CARTPROD": "×", "DIV": "/", "MINUS": "−", "MULT": "·", "PLUS": "+", "PLUSMINUS": "±"},
    "OP.CMP": {"EQ": "=", "LT": "<", "GT": ">", "NE": "≠", "LE": "≤", "GE": "≥", "AP": "≈", "EQV": "≡"},
}
BRACKETS = {"BRACKET": "()", "SQBRACKET": "[]", "BRACE": "{}", "BAR": "||"}
BIG_OPERATORS = {"SUM": "∑", "PRODUCT": "∏", "INTEGRAL": "∫", "ROOT": "√"}

_SUPERSCRIPT = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_SUBSCRIPT = str.maketrans("0123456789+-−", "₀₁₂₃₄₅₆₇₈₉₊₋₋")
_SIGNED_DIGITS = re.compile(r"[+−-]?\d+[+−-]?|[+−-]")
# Raised or lowered numbers with a dash for a minus: there is no small dash, so that it stays, after a sign.
_DASHED_DIGITS = re.compile(r"–\d+|\d*–")

_LONG_NUMBER = re.compile(r"([+−–-]?)([1-9]\d{3,30})([.,]\d+)?", re.ASCII)
_CUSTOMS_CODE = re.compile(r"(ex)?\s?(\d{4})((?:\d\d){0,3})", re.ASCII)
_PAIRS = re.compile(r"\d\d")

_CELL_MARK = re.compile(f"{CELL}[^{COLUMN}]*{COLUMN}")
# A column number beyond this is a mistake, not a table.
_MAX_COLUMNS = 200
# What ends a sentence around a block, as after a quoted article: it belongs to the block's last line.
_JOINED_TO_NOTHING = re.compile(f"{JOIN}[{JOIN}{BREAK} ]*(?={PARAGRAPH})")
# A supplied marker where the item of the list has one of its own, at times in quotation marks.
_MARKED_TWICE = re.compile(f"— (?<={BREAK}— )(?=[‘“«„'\"]?[—–•-] )")
_JOINED = re.compile(f"{JOIN}[{JOIN}{BREAK} ]*")
# What a footnote call is parted from by a space, beside letters and digits.
_AFTER_CALLS = ("_", "(", "«", "“", "‘", "„")
# Marks that no line may hold; calls of footnotes are taken off later.
_MARKS = (BREAK, JOIN, CELL, COLUMN, PARAGRAPH, INNER_ROW, BAR)
_MARKS_AS_SPACES = {ord(mark): " " for mark in _MARKS}


def _clean(text: str) -> str:
    """Join labels to their text and leave one space between words."""
    if JOIN in text:
        if PARAGRAPH in text:
            text = _JOINED_TO_NOTHING.sub(BREAK, text)
        text = _JOINED.sub(" ", text)
    shorter = text.replace("  ", " ")
    while shorter is not text:
        text, shorter = shorter, shorter.replace("  ", " ")
    return text


def to_lines(text: str, loose: bool = True) -> list[str]:
    """Turn gathered text into clean, non-empty lines (footnote calls still marked).

    ``loose`` says that there may be more than one space between words.
    """
    if CELL in text:
        text = _CELL_MARK.sub(BREAK, text)  # outside any row
    if INNER_ROW in text:
        text = text.replace(INNER_ROW, BREAK)  # in a cell outside any row
    if loose or JOIN in text:
        text = _clean(text)
    if "—" in text:
        text = _MARKED_TWICE.sub("", text)
    lines = [line for part in text.split(BREAK) if part and (line := part.strip(" "))]
    return _with_lone_marks(lines) if ";" in lines or "." in lines else lines


def _with_lone_marks(lines: list[str]) -> list[str]:
    """Put marks that stand alone at the end of the line before them."""
    joined: list[str] = []
    for line in lines:
        if line in (";", ".") and joined and joined[-1] != PARAGRAPH:
            joined[-1] += line
        else:
            joined.append(line)
    return joined


def to_line(text: str) -> str:
    """Turn gathered text into one clean line."""
    if PARAGRAPH in text:
        text = text.replace(PARAGRAPH, BREAK)
    return " ".join(to_lines(text))


def to_row(text: str) -> str:
    """Turn the text of one table row into one line, cells apart by `` | ``; empty string for an empty row.

    Cells stand at their column: where others reach down or across into the row, empty cells keep the place.
    """
    if PARAGRAPH in text:
        text = text.replace(PARAGRAPH, " ")
    text = _clean(text.replace(BREAK, " "))
    before, *marked = text.split(CELL)
    cells: list[str] = []
    for cell in marked:
        column, _, content = cell.partition(COLUMN)
        if column and len(cells) < (place := int(column)) <= _MAX_COLUMNS:
            cells += [""] * (place - len(cells) - 1)
        cells.append(content.strip(" "))
    if before.strip(" "):  # usually nothing
        cells.insert(0, before.strip(" "))
    while cells and not cells[-1]:
        cells.pop()
    row = CELL_SEPARATOR.join(cells)
    return row.replace("  ", " ") if "" in cells else row


def without_stray_marks(lines: list[str]) -> list[str]:
    """Return the lines as they are; where elements stood so oddly that their marks are left, spaces for the marks."""
    text = "\n".join(lines)
    if not any(mark in text for mark in _MARKS):
        return lines
    return [_clean(line.translate(_MARKS_AS_SPACES)).strip(" ") for line in lines]


def with_calls(text: str) -> str:
    """Print footnote calls as `` [12]``, apart from a word or bracket after them."""
    return _replace_calls(text, " [{}]") if CALL in text else text


def without_calls(text: str) -> str:
    """Take footnote calls out."""
    return _replace_calls(text, "") if CALL in text else text


def _replace_calls(text: str, printed: str) -> str:
    # whole documents are changed at once, in which calls are rare: splitting is far faster than a pattern
    before, *called = text.split(CALL)
    pieces = [before.removesuffix(" ")]
    last = len(called) - 1
    for place, piece in enumerate(called):
        number, _, after = piece.partition(CALL_END)
        pieces.append(printed.format(number))
        if after[:1].isalnum() or after[:1] in _AFTER_CALLS:
            pieces.append(" ")
        pieces.append(after if place == last else after.removesuffix(" "))
    return "".join(pieces)


def format_number(text: str) -> str:
    """Group the digits before the decimal comma by threes with no-break spaces, as printed: ``35000`` -> ``35 000``."""
    match = _LONG_NUMBER.fullmatch(text)
    if not match:
        return text
    digits = f"{int(match[2]):,}".replace(",", "\u00a0")
    return f"{match[1]}{digits}{match[3] or ''}"


def format_code(text: str) -> str:
    """Part the digits of a customs code as printed: ``08103010`` -> ``0810 30 10``."""
    match = _CUSTOMS_CODE.fullmatch(text)
    return "\u00a0".join([*filter(None, match.groups()[:2]), *_PAIRS.findall(match[3])]) if match else text


def superscript(text: str) -> str:
    """Raise digits and signs (``m2`` is not ``m²``); words stay as they are, as in ``1er``."""
    return _small(text, _SUPERSCRIPT, "^")


def subscript(text: str) -> str:
    """Lower digits and signs: ``CO₂``; words stay as they are."""
    return _small(text, _SUBSCRIPT, "_")


def _small(text: str, forms: dict[int, int], sign: str) -> str:
    if _SIGNED_DIGITS.fullmatch(text.strip()):
        return text.translate(forms)
    return f"{sign}{text.strip()}" if _DASHED_DIGITS.fullmatch(text.strip()) else text


def glyph(code: str | None) -> str:
    """Return the quotation mark for a hexadecimal CODE; a plain double one where it is missing or malformed."""
    try:
        mark = chr(int(code or "22", 16))
    except (ValueError, OverflowError):
        return '"'
    return mark if mark.isprintable() else '"'
