"""Rules of tables: a row is a line, its cells in their columns; and of entries that are printed like rows.

The nomenclatures of customs law and the catalogues of plants have elements of their own for rows and cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocessing.formex.taken import mark, rewrite, take
from preprocessing.formex.text import BREAK, CELL, COLUMN, INNER_ROW, format_code, to_row

if TYPE_CHECKING:
    from preprocessing.formex.reader import FileReader

Attributes = dict[str, str]

_CELL = f"{CELL}{COLUMN}"
# How a row begins whose first cell may be its only one.
_WHOLE_ROWS = (_CELL, f"{CELL}1{COLUMN}")

#: Rows with elements of their own for their cells.
CATALOGUE_ROWS = ("CN.HEADER", "DEF.HEAD.TA", "DEF.HEAD.VI", "HEADER.LIST.AMEND", "UNIT.VI")
#: Rows that have a level: so many dashes before the description of the goods.
GOODS_ROWS = ("CN.UNIT", "UNIT.TA")
#: Their cells. Some have an ALIAS, a number of the column printed below its name.
CATALOGUE_CELLS = (
    *("CN.AUT.RATE", "CN.CONV.RATE", "CN.RATE", "CN.SUP.UNIT", "DEF.AREA", "DEF.CN.CODE", "DEF.DESC"),
    *("DEF.OBS.VAR", "DEF.OBS.VARX", "DEF.PART.RATE", "DEF.REM", "DEF.SH.TARIC", "DEF.SUP.UNIT", "DEF.TA.CODE"),
    *("DEF.THIRD.RATE", "DEF.VARIETY", "EXPORT", "FORMA.H", "GEN.OBS", "HEADER.NEW", "HEADER.OLD", "IMPORT"),
    *("INDEX.MAT", "NAME.VAR", "OBS.VAR", "OPREF", "SH.TARIC", "SPG", "SUP.UNIT", "TA.CODE", "THIRD.RATE"),
)
#: Cells with the description of goods.
GOODS_CELLS = ("CN.DESC", "DESC")
#: Titles of one line, whatever blocks they hold.
TITLE_LINES = ("TI.SPECIE", "TI.GR.PLANT", "TI.GR.UNIT.VI")


def open_guarded(reader: FileReader, _: Attributes) -> None:
    """Begin what is text of the document but none of its own structure: a quoted act, a table, an amendment."""
    reader.put(BREAK)
    reader.guard += 1


def close_guarded(reader: FileReader) -> None:
    reader.put(BREAK)
    reader.guard -= 1


def open_table(reader: FileReader, _: Attributes) -> None:
    open_guarded(reader, _)
    reader.below_tables.append([])


def close_table(reader: FileReader) -> None:
    for text in reader.below_tables.pop():
        reader.put(f"{BREAK}{text}")
    close_guarded(reader)
    if not reader.guard and reader.waiting_notes:
        reader.flush_notes()


def open_row(reader: FileReader, _: Attributes) -> None:
    reader.marks.append(len(reader.text))
    reader.rows.append(len(reader.marks))


def cell(attributes: Attributes) -> str:
    column = attributes.get("COL", "")
    return f"{CELL}{column if column.isdecimal() and len(column) < 4 else ''}{COLUMN}"


def close_row(reader: FileReader) -> None:
    reader.rows.pop()
    text = take(reader)
    # directly in a cell, and not in a note or another text that a cell holds
    inner = bool(reader.rows) and reader.rows[-1] == len(reader.marks)
    if text.startswith(_WHOLE_ROWS) and text.count(CELL) == 1 and not inner:
        # a box around paragraphs or a table, which stay what they are
        reader.put(f"{BREAK}{text.partition(COLUMN)[2].replace(INNER_ROW, BREAK)}{BREAK}")
        return
    around = INNER_ROW if inner else BREAK
    if INNER_ROW in text:
        parts = text.split(INNER_ROW)
        # what stands around the inner rows; they themselves are lines already
        parts[::2] = [to_row(f"{_CELL if place else ''}{part}") for place, part in enumerate(parts[::2])]
        row = around.join(part for part in parts if part)
    else:
        row = to_row(text)
    reader.put(f"{around}{row}{around}")


# -- nomenclatures of goods and catalogues of plants


def open_goods(reader: FileReader, attributes: Attributes) -> None:
    """Begin a row of goods; its LEVEL is printed as dashes before the description."""
    level = attributes.get("LEVEL", "")
    reader.lists.append("– " * int(level) if level.isdecimal() and len(level) == 1 else "")
    open_row(reader, attributes)


def close_goods(reader: FileReader) -> None:
    reader.lists.pop()
    close_row(reader)


def open_goods_cell(reader: FileReader, attributes: Attributes) -> None:
    open_catalogue_cell(reader, attributes)
    if reader.lists and reader.rows:
        reader.put_loosely(reader.lists[-1])


def open_catalogue_cell(reader: FileReader, attributes: Attributes) -> None:
    alias = attributes.get("ALIAS", "")
    reader.closers.append(f" ({alias})" if alias else "")
    reader.put(_CELL)


def open_goods_code(reader: FileReader, attributes: Attributes) -> None:
    """Begin the code of goods, written without the spaces that it is printed with."""
    open_catalogue_cell(reader, attributes)
    mark(reader, attributes)


def close_goods_code(reader: FileReader) -> None:
    rewrite(reader, format_code)
    close_catalogue_cell(reader)


def close_catalogue_cell(reader: FileReader) -> None:
    reader.put_loosely(reader.closers.pop())


def criterion(attributes: Attributes) -> str:
    """Begin the cell of the country that admits a variety: a column in print, an attribute here."""
    return f"{_CELL}{attributes.get('COUNTRY', '')} "
