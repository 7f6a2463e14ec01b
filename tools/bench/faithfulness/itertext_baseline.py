"""The plain reader that anybody writes first: lxml's itertext with a break at every block element.

    python -m tools.bench.faithfulness.itertext_baseline FOLDER --output itertext.jsonl

Titles, articles, recitals and annexes come by the simplest XPath. It knows nothing of quotation marks, deleted text,
footnotes, tables or quoted acts.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tools.bench.faithfulness.records import Record, run

_INLINE = frozenset(
    [
        "HT",
        "DATE",
        "FT",
        "REF.DOC",
        "REF.DOC.OJ",
        "REF.DOC.ECR",
        "QUOT.START",
        "QUOT.END",
        "IE",
        "LINK",
        "NOTE",
        "EXPONENT",
        "IND",
    ]
)
_METADATA = frozenset(
    [
        "BIB.INSTANCE",
        "BIB.DATA",
        "BIB.DOC",
        "BIB.JUDGMENT",
        "BIB.ORDER",
        "BIB.OPINION",
        "FAM.COMP",
        "INFO.CONSLEG",
        "INFO.PROD",
    ]
)


def text_of(element: Any) -> str:
    """Return the text below ``element``, a line break around every block, descriptions left out."""
    pieces: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node.tag, str) and node.tag not in _METADATA:
            block = "" if node.tag in _INLINE else "\n"
            pieces.append(block + (node.text or ""))
            for child in node:
                walk(child)
            pieces.append(block)
        pieces.append(node.tail or "")

    walk(element)
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def _first(element: Any, path: str) -> str:
    found = element.find(path)
    return text_of(found).replace("\n", " ") if found is not None else ""


def read(files: list[Path]) -> Record:
    """Read one document as plainly as it goes."""
    from lxml import etree

    parser = etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True)
    roots = [etree.parse(str(path), parser).getroot() for path in files]
    act = roots[0]
    annexes = [root for root in roots if root.tag == "ANNEX"] + list(act.iter("CONS.ANNEX"))
    return {
        "text": "\n".join(text_of(root) for root in roots),
        "title": _first(act, "TITLE") or _first(act, ".//TITLE"),
        "language": _first(act, ".//LG.DOC").lower() or _first(act, ".//LG.OJ").lower(),
        "celex": _first(act, ".//NO.CELEX") or None,
        "document_type": {"CORR": "corrigendum", "CONS.ACT": "", "ACT": ""}.get(act.tag, act.tag.lower()),
        "recitals": [{"number": _first(item, "NP/NO.P"), "text": text_of(item)} for item in act.iter("CONSID")],
        "articles": [
            {"number": _first(item, "TI.ART"), "heading": _first(item, "STI.ART"), "text": text_of(item)}
            for item in act.iter("ARTICLE")
        ],
        "annexes": [{"heading": _first(root, "TITLE"), "text": text_of(root)} for root in annexes],
    }


if __name__ == "__main__":
    sys.exit(run(read, "itertext"))
