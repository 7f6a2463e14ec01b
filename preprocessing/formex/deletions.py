"""Text that is no longer in force: consolidated acts keep it between two processing instructions.

``<?CLG.MDFO ... IDREF="C012" ACTION="DELETED"?>`` opens such a span, ``<?CLG.MDFC ID="C012" ...?>`` closes it; both
may stand anywhere, so that spans cross elements and each other. All other instructions (page breaks, spans that were
replaced or inserted) say nothing about the text.
"""

from __future__ import annotations

import re

#: The instructions that are left after :func:`mark_deletions`, each followed by the number of its span.
DELETED, REPEALED, CLOSED = "?DELETED", "?REPEALED", "?CLOSED"

_ACTION = re.compile(r"""\bACTION=["'](?:DELETED|(REPEALED))["']""")
_OPENING_ID = re.compile(r"""\bIDREF=["']([^"']*)["']""")
_CLOSING_ID = re.compile(r"""\sID=["']([^"']*)["']""")
_TAG = re.compile(r"<(/?)[^<>]*?(/?)>")


def mark_deletions(source: str) -> tuple[str, int]:
    """Reduce all instructions to those that open and close spans of text no longer in force.

    A span without an end is made to end with the element that it begins in. Returns the text of the file and how
    many spans were without an end.
    """
    before, *parts = source.split("<?")
    instructions = [part.partition("?>") for part in parts]
    spans: dict[str, int] = {}
    kinds: dict[int, str] = {}
    for number, (instruction, _, _) in enumerate(instructions):
        if instruction.startswith("CLG.MDFO") and (action := _ACTION.search(instruction)):
            spans[_id(_OPENING_ID, instruction)] = number
            kinds[number] = REPEALED if action[1] else DELETED
    closed: set[int] = set()
    kept = [before]
    for number, (instruction, _, text) in enumerate(instructions):
        if number in kinds:
            kept.append(f"<{kinds[number]} {spans[_id(_OPENING_ID, instruction)]}?>")
        elif spans and instruction.startswith("CLG.MDFC"):
            span = spans.get(_id(_CLOSING_ID, instruction))
            if span is not None:
                closed.add(span)
                kept.append(f"<{CLOSED} {span}?>")
        kept.append(text)
    source = "".join(kept)
    open_ended = frozenset(str(span) for span in spans.values() if span not in closed)
    return (_close_with_their_elements(source, open_ended) if open_ended else source), len(open_ended)


def _id(pattern: re.Pattern[str], instruction: str) -> str:
    match = pattern.search(instruction)
    return match[1] if match else ""


def _close_with_their_elements(source: str, open_ended: frozenset[str]) -> str:
    kept: list[str] = []
    position = depth = 0
    waiting: list[tuple[int, str]] = []  # the depth of the element that each span begins in
    for tag in _TAG.finditer(source):
        if tag[0].startswith("<?"):
            kind, span = tag[0].strip("<>?").split()
            if kind != CLOSED[1:] and span in open_ended:
                waiting.append((depth, span))
        elif tag[1]:
            while waiting and waiting[-1][0] == depth:
                kept += (source[position : tag.start()], f"<{CLOSED} {waiting.pop()[1]}?>")
                position = tag.start()
            depth -= 1
        else:
            depth += not tag[2]
    kept.append(source[position:])
    return "".join(kept)
