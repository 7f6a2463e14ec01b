"""Every element of every schema has its place, and the place agrees with the schemas."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from preprocessing.formex import elements, rules
from preprocessing.formex.text import BREAK

SCHEMAS = Path(__file__).parents[4] / "shared/formex/schema.tar.xz"
XSD = "{http://www.w3.org/2001/XMLSchema}"
#: An element of nothing but running text: what may stand in it stands inside lines.
NARROW = "TI.ART"
#: What TI.ART may hold and is a block all the same: whole structures.
STRUCTURES = {"ADDR.S", "BR", "DLIST", "GR.TBL", "INDEX", "LIST", "QUOT.S", "TBL", "TXT"}


@pytest.fixture(scope="module")
def schemas() -> list[Any]:
    if not SCHEMAS.is_file():
        pytest.skip("the schemas are not there")
    etree = pytest.importorskip("lxml.etree")

    def formex() -> Iterator[bytes]:
        with tarfile.open(SCHEMAS) as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1].lower()
                if name.startswith("formex-") and name.endswith((".xd", ".xsd")):
                    yield archive.extractfile(member).read()  # type: ignore[union-attr]

    return [etree.fromstring(data) for data in formex()]


def test_start_and_end_have_rules_for_the_same_elements() -> None:
    starts_like_a_block = {"TERM", "PREAMBLE", "FINAL", *elements.LABELS}
    ends_like_a_block = {"DEFINITION", "TOC.HD.REF", "ITEM.REF", "SUBJECTS", "SUMMARY.NP"}
    starts = rules.START.keys() | rules.PRINTED.keys()
    assert rules.DEPENDS_ON.keys() == rules.PRINTED.keys() | rules.LISTS.keys() | rules.IDLE.keys()
    assert rules.END.keys() - starts == starts_like_a_block
    assert starts - rules.END.keys() == ends_like_a_block


def test_rules_and_roots_are_of_known_elements_and_each_has_one_place() -> None:
    assert rules.START.keys() | rules.PRINTED.keys() | rules.END.keys() <= elements.KNOWN
    assert elements.TEXT_ROOTS | elements.DESCRIPTION_ROOTS <= elements.KNOWN
    assert not elements.TEXT_ROOTS & elements.DESCRIPTION_ROOTS
    assert not elements.INLINE & elements.LABELS


def test_every_element_of_every_schema_is_known(schemas: list[Any]) -> None:
    assert len(schemas) > 25
    declared = {element.get("name") for schema in schemas for element in schema.iter(f"{XSD}element")} - {None}
    assert declared <= elements.KNOWN
    assert len(declared) > 490


def test_every_root_of_every_schema_is_read_or_refused_on_purpose(schemas: list[Any]) -> None:
    used = {element.get("ref") for schema in schemas for element in schema.iter(f"{XSD}element")}
    declared = {element.get("name") for schema in schemas for element in schema.findall(f"{XSD}element")}
    roots = declared - used
    assert {"ACT", "LSEU", "RULING"} <= roots <= elements.TEXT_ROOTS | elements.DESCRIPTION_ROOTS


def test_what_may_stand_in_the_title_of_an_article_stands_inside_its_line(schemas: list[Any]) -> None:
    for schema in schemas:
        named = {node.get("name"): node for node in schema if node.tag != f"{XSD}element" and node.get("name")}
        title = next(node for node in schema.iter(f"{XSD}element") if node.get("name") == NARROW)
        inside = _inside(title, named, set()) - STRUCTURES
        assert {"HT", "NOTE", "DATE"} <= inside
        for name in inside:
            assert BREAK not in str(
                rules.PRINTED[name]({}) if name in rules.PRINTED else rules.START.get(name, BREAK)
            ), name


def _inside(node: Any, named: dict[str, Any], seen: set[str]) -> set[str]:
    """Names of the elements that ``node`` may hold, through the types and groups that it names."""
    names: set[str] = set()
    for inner in node.iter():
        if inner.tag == f"{XSD}element" and inner.get("ref"):
            names.add(inner.get("ref"))
        for link in {inner.get("type"), inner.get("base"), inner.get("ref")} & named.keys() - seen:
            seen.add(link)
            names |= _inside(named[link], named, seen)
    return names
