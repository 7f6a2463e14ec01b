"""Descriptions inside an act's own file: read into small trees of their own, not into its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, fromstring
from xml.sax.saxutils import escape

from preprocessing.formex.elements import METADATA, OTHER_ACTS

_BEGINS = re.compile(rf"(?:^|<)({'|'.join(re.escape(tag) for tag in sorted(METADATA))})(?=[\s/>]|$)")


def find_metadata(run: str) -> re.Match[str] | None:
    """Find the first start tag of a description in a run of tags; its group 1 is the element's name."""
    return _BEGINS.search(run)


def take_metadata(name: str, run: str, text: str, following: Iterator[tuple[str, str]]) -> tuple[Element, str, str]:
    """Read the element ``name`` that begins with ``run``, taking as many runs and texts as it needs.

    Other acts' descriptions inside it, many times its own size, are passed over. Returns the element, the rest of
    the run in which it ends (empty where nothing is left of it), and the text after that run.
    """
    tag = re.compile(rf"<(/?)({'|'.join(map(re.escape, (name, *OTHER_ACTS)))})(?=[\s/>])[^<>]*?(/?)>")
    taken: list[str] = []
    depth = others = 0
    while True:
        tags = f"<{run}>"
        position = 0
        for match in tag.finditer(tags):
            change = -1 if match[1] else 0 if match[3] else 1
            if match[2] != name:
                if not others:
                    taken.append(tags[position : match.start()])
                others += change
                position = match.end()
            elif not others:
                depth += change
                if depth == 0:
                    taken.append(tags[position : match.end()])
                    return fromstring("".join(taken)), tags[match.end() + 1 : -1], text
        if not others:
            taken += (tags[position:], escape(text))
        run, text = next(following)
