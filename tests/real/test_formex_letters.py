"""No letter of a genuine file is lost, and none is added: the reader against a plain walk of the tree.

The walk knows four things only: which elements describe the document, which text is no longer in force, that a further
call of a footnote may repeat its text, and that some characters have forms of their own (``₂`` for 2). Whatever an
element's rule does, every letter and digit of the rest has to come out as often as it went in; so a rule that loses or
repeats text is found here.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from preprocessing.formex.elements import DESCRIPTION_ROOTS, METADATA
from preprocessing.formex.reader import read_file
from preprocessing.formex.text import without_calls

# What the reader puts in for a picture, and the number it gives a footnote.
SUPPLIED = re.compile(r"\[(?:image|formula)\]")
NOTE_NUMBER = re.compile(r"^\[\d+\] ")


def letters(text: str) -> Counter[str]:
    return Counter(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def plain_text(root: Any) -> str:
    """All text of a tree but descriptions, spans marked as deleted or repealed, and notes that were there before."""
    pieces: list[str] = []
    notes: set[tuple[str, str]] = set()
    deleted: set[str] = set()

    def walk(node: Any) -> None:
        if not isinstance(node.tag, str):
            instruction = f" {node.text or ''}"
            if node.target == "CLG.MDFO" and re.search(r'ACTION="(DELETED|REPEALED)"', instruction):
                deleted.add(re.search(r'IDREF="([^"]*)"', instruction)[1])  # type: ignore[index]
            elif node.target == "CLG.MDFC":
                deleted.discard(re.search(r'\sID="([^"]*)"', instruction)[1])  # type: ignore[index]
            return
        if node.tag in METADATA:
            return
        start = len(pieces)
        pieces.append("" if deleted else node.text or "")
        for child in node:
            walk(child)
            pieces.append("" if deleted else child.tail or "")
        if node.tag == "NOTE" and node.get("TYPE") != "QUOTATION":
            note = node.get("NOTE.ID") or node.get("NOTE.REF") or "", "".join("".join(pieces[start:]).split())
            if note[0] and note in notes:
                del pieces[start:]
            notes.add(note)

    walk(root)
    return "".join(pieces)


def differences(path: Path) -> tuple[Counter[str], Counter[str]]:
    """Return the letters that the reader lost and those that it added."""
    data = path.read_bytes()
    tree = etree.fromstring(data, etree.XMLParser(huge_tree=True, remove_comments=True))
    if tree.tag in DESCRIPTION_ROOTS:
        return Counter(), Counter()
    file = read_file(data)
    lines = [NOTE_NUMBER.sub("", line) if number in file.notes else line for number, line in enumerate(file.lines)]
    read = letters(SUPPLIED.sub("", without_calls("\n".join(lines))))
    written = letters(plain_text(tree))
    return written - read, read - written


def check(paths: list[Path]) -> None:
    wrong = {str(path): found for path in paths if any(found := differences(path))}
    assert paths and not wrong


def test_no_letter_is_lost_or_added_in_a_sixth_of_the_development_set(dev_folder: Path) -> None:
    check(sorted((dev_folder / "formex").rglob("*.xml"))[::6])


@pytest.mark.slow
def test_no_letter_is_lost_or_added_in_the_whole_development_set(dev_folder: Path) -> None:
    check(sorted((dev_folder / "formex").rglob("*.xml")))
