"""Text that is no longer in force: consolidated acts keep it between two processing instructions.

``<?CLG.MDFO ... IDREF="C012" ACTION="DELETED"?>`` opens such a span, ``<?CLG.MDFC ID="C012" ...?>`` closes it; both
may stand anywhere, so that spans cross elements and each other. Those around text that was replaced or inserted say
one thing: words do not go on across them. All other instructions (page breaks) say nothing about the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ACTION = re.compile(r"""\bACTION=["'](?:DELETED|(REPEALED))["']""")
_OPENING_ID = re.compile(r"""\bIDREF=["']([^"']*)["']""")
_CLOSING_ID = re.compile(r"""\sID=["']([^"']*)["']""")
_OPENING = re.compile(r"<\?(CLG\.MDFO\s[^?]*)\?>")
_CLOSING = re.compile(r"""<\?CLG\.MDFC\s[^?]*?\bID=["']([^"']*)["']""")
_NUMBER_BEFORE_UNIT = re.compile(r"</FT>(?=[^\W\d_])")
_TAG = re.compile(r"<(/?)([^<>]*?)(/?)>")


@dataclass(frozen=True)
class Mark:
    """An instruction that opens or closes the span with the name ``span``."""

    span: str
    opens: bool
    repealed: bool = False


def read_mark(instruction: str) -> Mark | None:
    """Read a processing instruction (``CLG.MDFO ...``); None where it marks no text that is no longer in force."""
    if instruction.startswith("CLG.MDFC"):
        return Mark(_id(_CLOSING_ID, instruction), opens=False)
    if instruction.startswith("CLG.MDFO") and (action := _ACTION.search(instruction)):
        return Mark(_id(_OPENING_ID, instruction), opens=True, repealed=bool(action[1]))
    return None


def close_open_ends(data: bytes) -> tuple[bytes, int]:
    """Make spans without an end, which happen, end with the element that they begin in; return how many there are."""
    if b"DELETED" not in data and b"REPEALED" not in data:
        return data, 0
    source = data.decode()
    marks = [mark for instruction in _OPENING.findall(source) if (mark := read_mark(instruction))]
    open_ended = {mark.span for mark in marks}.difference(_CLOSING.findall(source))
    if not open_ended:
        return data, 0
    kept: list[str] = []
    position = depth = 0
    waiting: list[tuple[int, str]] = []  # the depth of the element that each span begins in
    for tag in _TAG.finditer(source):
        if tag[2].startswith("?"):
            mark = read_mark(tag[2][1:])
            if mark and mark.opens and mark.span in open_ended:
                waiting.append((depth, mark.span))
        elif tag[1]:
            while waiting and waiting[-1][0] == depth:
                kept += (source[position : tag.start()], f'<?CLG.MDFC ID="{waiting.pop()[1]}"?>')
                position = tag.start()
            depth -= 1
        else:
            depth += not tag[3]
    kept.append(source[position:])
    return "".join(kept).encode(), len(open_ended)


def _id(pattern: re.Pattern[str], instruction: str) -> str:
    match = pattern.search(instruction)
    return match[1] if match else ""
