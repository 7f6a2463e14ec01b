"""Descriptions inside an act's own file: read into small trees of their own, not into its text."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, fromstring

from preprocessing.formex.elements import OTHER_ACTS
from preprocessing.formex.xml import as_meant

_OTHER_ACT = re.compile(rf"<(/?)({'|'.join(map(re.escape, sorted(OTHER_ACTS)))})(?=[\s/>])[^<>]*?(/?)>")


def description(source: str) -> Element:
    """Read one such element; descriptions of other acts inside it, many times its own size, are passed over."""
    kept: list[str] = []
    position = depth = 0
    for tag in _OTHER_ACT.finditer(source):
        if depth == 0:
            kept.append(source[position : tag.start()])
        depth += -1 if tag[1] else 0 if tag[3] else 1
        position = tag.end()
    kept.append(source[position:])
    return fromstring(as_meant("".join(kept)))
