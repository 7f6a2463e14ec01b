"""Files made to be slow: the time to read them grows with their size, no faster."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from preprocessing.formex.inputs import Folder
from preprocessing.formex.workers import FolderReader, Found
from preprocessing.formex.zips import Member
from tests.preprocessing.formex.invented import TITLE, act

# Read in some 0.2 s on one core; were the time to grow with the square of the size, it would be minutes.
TIMES = 20_000
LIMIT_SECONDS = 15.0


def deep(start: str, end: str, levels: int = 200) -> str:
    """Elements in one another, again and again."""
    return (start * levels + "x" + end * levels) * (TIMES // 2 // levels)


def marked(number: int, closed: bool) -> str:
    """A deletion, which ends or does not."""
    end = f'<?CLG.MDFC ID="e{number}"?>' if closed else ""
    return f'<P><?CLG.MDFO ID="{number}" IDREF="e{number}" ACTION="DELETED"?>x{end}</P>'


HARD = {
    "blanks": f"<P>{' ' * TIMES * 20}x</P>",
    "no-break spaces": "<P>" + "\u00a0" * TIMES * 10 + "x</P>",
    "digits": f"<P>{'1' * TIMES * 20}</P>",
    "brackets": f"<P>{'(' * TIMES * 20}</P>",
    "letters": f"<P>{'a' * TIMES * 20}</P>",
    "mentions begun": f"<P>{'Articles 1, ' * TIMES}</P>",
    "mentions": f"<P>{'Article 5 of Regulation (EU) 2016/679, ' * TIMES}</P>",
    "pages": f"<P>{'OJ L 1, 1.1.2099, p. 1. ' * TIMES}</P>",
    "notes": "<P>" + "x<NOTE NOTE.ID='E1'><P>y</P></NOTE>" * TIMES + "</P>",
    "calls of one note": "<P>" + "x<NOTE NOTE.REF='E1'/>" * TIMES + "</P>",
    "deletions": "".join(marked(number, True) for number in range(TIMES)),
    "deletions without end": "".join(marked(number, False) for number in range(TIMES)),
    "instructions": "<P>" + "".join(f"<?PAGE NO='{number}'?>x" for number in range(TIMES)) + "</P>",
    "instructions never ended": "<P>" + "&lt;?PAGE " * TIMES + "</P>",
    "comments": "<P>" + "<!-- > -->x" * TIMES + "</P>",
    "tags never seen before": "".join(f"<X{number}>x</X{number}>" for number in range(TIMES)),
    "brackets in attributes": "".join(f"<P A='>{number}'>x</P>" for number in range(TIMES)),
    "cells": "<TBL><CORPUS><ROW>" + "<CELL COL='999'>x</CELL>" * TIMES + "</ROW></CORPUS></TBL>",
    "cells that reach down": "<TBL><CORPUS>"
    + "<ROW><CELL COL='1' ROWSPAN='9999'>x</CELL></ROW>" * TIMES
    + "</CORPUS></TBL>",
    "tables in tables": deep("<TBL><CORPUS><ROW><CELL>", "</CELL></ROW></CORPUS></TBL>"),
    "notes in notes": deep("<NOTE><P>", "</P></NOTE>"),
    "lists in lists": deep("<LIST TYPE='DASH'><ITEM>", "</ITEM></LIST>"),
    "quotes in quotes": deep("<QUOT.S><P>", "</P></QUOT.S>"),
    "exponents": deep("<EXPONENT>", "</EXPONENT>", 900),
    "divisions": deep("<DIVISION><TITLE><TI><P>A</P></TI></TITLE>", "</DIVISION>"),
    "articles": "<ARTICLE><TI.ART>Article 1</TI.ART><ALINEA>x</ALINEA></ARTICLE>" * TIMES,
    "quotation marks": "<P>" + "<QUOT.START CODE='201C'/>x" * TIMES + "</P>",
    "descriptions": "<BIB.INSTANCE><YEAR>1</YEAR></BIB.INSTANCE>" * TIMES,
}


@pytest.mark.parametrize("name", HARD)
def test_a_hard_file_takes_no_longer_than_its_size(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(act(HARD[name], title=TITLE))
    started = time.process_time()
    (found,) = FolderReader().read(Folder((Member(str(path), 1),)))
    assert time.process_time() - started < LIMIT_SECONDS
    assert isinstance(found, Found), found
