"""An index that does not fit its tokens is found, though the checksums are right."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from preprocessing.corpus.indexed import HEADER
from tests.tools.check.conftest import change_bytes, failed, reseal
from tools.check import check


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (0, b"NOINDEX", "does not begin with its 34 bytes of header"),
        (17, b"\x07", "version 1, type 7"),
        (18, b"\x08", "do not fit together"),
        (HEADER.size, b"\x00\x00\x00\x00", "document 0 has 0 tokens"),
        (HEADER.size, b"\xff\xff\xff\xff", "document 0 has -1 tokens"),
        (HEADER.size + 4 * 7 + 8, b"\x02", "document 1 begins at byte"),
        (HEADER.size + 12 * 7 + 8, b"\x02", "border 1 is 2"),
    ],
)
def test_a_damaged_index_is_found(corpus: Path, place: int, value: bytes, problem: str):
    index = corpus / "cpt" / "es" / "train.idx"
    assert HEADER.unpack_from(index.read_bytes())[3] == 7
    change_bytes(index, place, value)
    reseal(corpus)
    assert problem in failed(check(corpus))["indices"]


def test_a_truncated_index_is_found(corpus: Path):
    index = corpus / "cpt" / "es" / "train.idx"
    index.write_bytes(index.read_bytes()[:-8])
    reseal(corpus)
    report = check(corpus)
    found = failed(report)
    unseen = {item.name for item in report.checks if any("cpt/es/train" in why for why in item.skipped)}
    assert unseen == {"tokens", "end-of-text", "samples", "best", "report"}
    assert "cpt/es/train.idx has" in found["indices"]
    assert "rows belong to cpt/es/train, which is missing or cannot be read" in found["documents"]


def test_a_shortened_bin_is_found(corpus: Path):
    tokens = corpus / "cpt" / "es" / "train.bin"
    tokens.write_bytes(tokens.read_bytes()[:-2])
    reseal(corpus)
    assert "cpt/es/train: the .bin has" in failed(check(corpus))["indices"]


def test_ids_of_a_type_that_does_not_fit_the_vocabulary_are_found(corpus: Path):
    tokens, index = (corpus / "cpt" / "es" / f"train.{end}" for end in ("bin", "idx"))
    np.fromfile(tokens, np.uint16).astype(np.int32).tofile(tokens)
    data = bytearray(index.read_bytes())
    data[17] = 4
    starts = np.frombuffer(data, "<i8", 7, HEADER.size + 4 * 7) * 2
    data[HEADER.size + 4 * 7 : HEADER.size + 12 * 7] = starts.astype("<i8").tobytes()
    index.write_bytes(data)
    reseal(corpus)
    assert failed(check(corpus)).keys() == {"indices"}
    assert "ids are stored as int32, uint16 fits" in failed(check(corpus))["indices"]


def test_swapped_files_are_found(corpus: Path, tokenizer_folder: Path):
    for end in ("bin", "idx"):
        one, other = (corpus / "cpt" / language / f"train.{end}" for language in ("en", "fr"))
        spare = one.with_suffix(".spare")
        one.rename(spare)
        other.rename(one)
        spare.rename(other)
    assert "cpt/en/train.bin" in failed(check(corpus))["files"]
    reseal(corpus)
    found = failed(check(corpus, tokenizer=tokenizer_folder))
    assert "cpt/blend.yaml, train, en" in found["blends"]
    assert "cpt/en/train document 0" in found["samples"]


@pytest.mark.parametrize(
    ("shift", "problem"),
    [(2, "document 0 is none of cpt/en/train"), (10_000_000, "before document 0 ends|lies outside the .bin")],
)
def test_best_documents_that_are_none_of_the_training_set_are_found(corpus: Path, shift: int, problem: str):
    index = corpus / "cpt" / "en" / "best.idx"
    documents = HEADER.unpack_from(index.read_bytes())[3]
    start = int.from_bytes(index.read_bytes()[HEADER.size + 4 * documents :][:8], "little")
    change_bytes(index, HEADER.size + 4 * documents, (start + shift).to_bytes(8, "little"))
    reseal(corpus)
    assert re.search(problem, failed(check(corpus))["indices"])


def test_best_tokens_that_are_no_link_to_the_training_tokens_are_found(corpus: Path):
    link = corpus / "cpt" / "en" / "best.bin"
    link.unlink()
    link.symlink_to("validation.bin")
    assert "cpt/en/best.bin has" in failed(check(corpus))["files"]
    reseal(corpus)
    assert "cpt/en/best" in failed(check(corpus))["indices"]
