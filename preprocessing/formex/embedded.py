"""Descriptions inside an act's own file: read into small trees of their own, not into its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, fromstring

from preprocessing.formex.parsed import METADATA, OTHER_ACTS

_BEGINS = re.compile(rf"(?:^|<)({'|'.join(re.escape(tag) for tag in sorted(METADATA))})(?=[\s/>]|$)")


def find_metadata(run: str) -> re.Match[str] | None:
    """Find the first start tag of a description in a run of tags; its group 1 is the element's name."""
    return _BEGINS.search(run)


def take_metadata(name: str, run: str, text: str, following: Iterator[tuple[str, str]]) -> tuple[Element, str, str]:
    """Read the element ``name`` that begins with ``run``, taking as many runs and texts as it needs.

    Returns the element, the rest of the run in which it ends (empty where nothing is left of it), and the text after
    that run.
    """
    tag = re.compile(rf"<(/?){re.escape(name)}(?=[\s/>])[^<>]*?(/?)>")
    taken: list[str] = []
    depth = 0
    while True:
        tags = f"<{run}>"
        for match in tag.finditer(tags):
            depth += -1 if match[1] else 0 if match[2] else 1
            if depth == 0:
                taken.append(tags[: match.end()])
                return _tree("".join(taken)), tags[match.end() + 1 : -1], text
        taken += (tags, text)
        run, text = next(following)


def _tree(source: str) -> Element:
    element = fromstring(source)
    for parent in list(element.iter()):
        for child in list(parent):
            if child.tag in OTHER_ACTS:
                parent.remove(child)
    return element
