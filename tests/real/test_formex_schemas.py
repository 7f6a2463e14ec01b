"""Whatever a schema allows, no word of it is lost, repeated or run into another."""

from __future__ import annotations

import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree

from preprocessing.formex.assemble import assemble
from preprocessing.formex.elements import TEXT_ROOTS
from preprocessing.formex.reader import read_file
from tests.real.conftest import SHARED
from tests.real.instances import Instances
from tests.real.test_formex_letters import plain_text

SCHEMAS = SHARED / "schema.tar.xz"
VERSIONS = ("01.00-20040501", "04.cj-20080212", "05.22-20110811", "05.59-20170418", "06.02.1")
WORD = re.compile(r"w\d+q")
WHOLE_WORD = re.compile(r"\bw\d+q\b")


@pytest.fixture(scope="module")
def schemas() -> dict[str, Instances]:
    if not SCHEMAS.is_file():
        pytest.skip("the schemas are not there")

    def found() -> Iterator[tuple[str, Any]]:
        with tarfile.open(SCHEMAS) as archive:
            for member in archive:
                version = next((version for version in VERSIONS if f"formex-{version}" in member.name), None)
                if version:
                    yield version, etree.fromstring(archive.extractfile(member).read())  # type: ignore[union-attr]

    return {version: Instances(schema) for version, schema in found()}


@pytest.mark.parametrize("version", VERSIONS)
def test_no_word_of_a_random_document_is_lost_repeated_or_glued(version: str, schemas: dict[str, Instances]) -> None:
    instances = schemas[version]
    roots = sorted(TEXT_ROOTS & instances.elements.keys())
    assert len(roots) > 10
    for root in roots:
        for seed in range(4):
            source = instances.document(root, seed)
            text = assemble([read_file(source.encode())], None, "random.xml").text
            written = Counter(WORD.findall(plain_text(etree.fromstring(source))))
            assert Counter(WORD.findall(text)) == written, (root, seed)
            assert Counter(WHOLE_WORD.findall(text)) == written, (root, seed)
