"""Random documents that a FORMEX schema allows, in which every piece of text is a word of its own: ``w17q``.

They are not quite valid (numbers and dates are words too) and say nothing; but their elements stand where the schema
lets them stand, which is more than anyone would think of. Words are apart by spaces only where the schema allows
running text, so that words run together are the reader's doing.
"""

from __future__ import annotations

from random import Random
from typing import Any

XS = "{http://www.w3.org/2001/XMLSchema}"
_GROUPS = (f"{XS}sequence", f"{XS}choice", f"{XS}group")
# Attributes that are printed or have to be numbers; others get the first value that the schema lists, or 1.
_VALUES = {"CODE": "2018", "SEPARATOR": ": ", "IDX.OPEN": "(", "IDX.CLOSE": ")", "PLACEHOLDER": "", "value": "+"}
# What ends a random walk where there is a choice.
_SIMPLE = frozenset(["P", "TXT", "HT", "IE", "NP", "KEYWORD", "CONTENTS"])
_DEEP, _DEEPEST, _ELEMENTS = 14, 30, 400


class Instances:
    """Makes documents of one schema, given as the root of its tree; the same ``seed`` makes the same document."""

    def __init__(self, schema: Any) -> None:
        self.elements = {node.get("name"): node for node in schema.findall(f"{XS}element")}
        self._types = {node.get("name"): node for node in schema if node.tag in (f"{XS}complexType", f"{XS}simpleType")}
        self._groups = {node.get("name"): node for node in schema.findall(f"{XS}group")}
        self._attribute_groups = {node.get("name"): node for node in schema.findall(f"{XS}attributeGroup")}

    def document(self, root: str, seed: int) -> str:
        """Return a document with ``root``."""
        self._random = Random(f"{root} {seed}")
        self._words, self._left = 0, _ELEMENTS
        return self._element(root, 0)

    def _word(self) -> str:
        self._words += 1
        return f"w{self._words}q"

    def _element(self, name: str, depth: int) -> str:
        self._left -= 1
        node = self.elements.get(name)
        content = node.find(f"{XS}complexType") if node is not None else None
        if content is None and node is not None and node.get("type"):
            content = self._types.get(_local(node.get("type")))
        if content is None or content.tag == f"{XS}simpleType":
            return f"<{name}>{self._word()}</{name}>"
        attributes: dict[str, str] = {}
        body = self._content(content, depth, attributes)
        printed = "".join(f' {key}="{value}"' for key, value in attributes.items())
        return f"<{name}{printed}>{body}</{name}>"

    def _content(self, node: Any, depth: int, attributes: dict[str, str]) -> str:
        self._attributes(node, attributes)
        mixed = node.get("mixed") == "true"
        parts = [self._particle(child, depth, mixed) for child in node if child.tag in _GROUPS]
        for derived in node.iterfind(f"{XS}complexContent/*"):
            base = self._types.get(_local(derived.get("base", "")))
            mixed = derived.getparent().get("mixed") == "true" or (base is not None and base.get("mixed") == "true")
            if base is not None and derived.tag == f"{XS}extension":
                parts.append(self._content(base, depth, attributes))
            self._attributes(derived, attributes)
            parts += [self._particle(child, depth, mixed) for child in derived if child.tag in _GROUPS]
        for derived in node.iterfind(f"{XS}simpleContent/*"):
            self._attributes(derived, attributes)
            parts.append(self._word())
        body = "".join(parts)
        return f"{self._word()} {body} {self._word()}" if mixed else body

    def _attributes(self, node: Any, attributes: dict[str, str]) -> None:
        for child in node:
            name = child.get("name", "")
            if child.tag == f"{XS}attributeGroup":
                self._attributes(self._attribute_groups[_local(child.get("ref"))], attributes)
            elif child.tag == f"{XS}attribute" and (child.get("use") == "required" or self._random.random() < 0.3):
                listed = [value.get("value") for value in child.iter(f"{XS}enumeration")] or ["1"]
                attributes[name] = _VALUES.get(name, self._random.choice(listed))

    def _particle(self, node: Any, depth: int, mixed: bool) -> str:
        least, most = int(node.get("minOccurs", "1")), node.get("maxOccurs", "1")
        most = least + 2 if most == "unbounded" else min(int(most), least + 2)
        return "".join(
            self._once(node, depth, mixed)
            for _ in range(self._random.randint(least, most) if self._left > 0 and most > least else least)
        )

    def _once(self, node: Any, depth: int, mixed: bool) -> str:
        if node.tag == f"{XS}element":
            if depth > _DEEPEST:
                return ""
            element = self._element(_local(node.get("ref") or node.get("name")), depth + 1)
            return f" {self._word()} {element} {self._word()} " if mixed else element
        if node.tag == f"{XS}group":
            node = self._groups[_local(node.get("ref"))]
        children = [child for child in node if child.tag in (*_GROUPS, f"{XS}element")]
        if node.tag == f"{XS}choice" and children:
            if depth > _DEEP or self._left < 0:
                children = [child for child in children if _local(child.get("ref", "")) in _SIMPLE] or children
            children = [self._random.choice(children)]
        return "".join(self._particle(child, depth, mixed) for child in children)


def _local(name: str) -> str:
    return name.rpartition(":")[2]
