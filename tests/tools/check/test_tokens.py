"""Tokens that are not those of the text are found, though the checksums are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from preprocessing.corpus.blend import load_blend
from preprocessing.corpus.indexed import HEADER
from tests.tools.check.conftest import edit_rows, failed, ids_of, reseal
from tools.check import check


def test_a_changed_token_is_found_by_decoding(corpus: Path, tokenizer_folder: Path):
    ids = ids_of(corpus, "fr/validation")
    ids[10] = ids[10] - 1 if ids[10] else 1
    ids.flush()
    reseal(corpus)
    assert "cpt/fr/validation document 0" in failed(check(corpus, tokenizer=tokenizer_folder))["samples"]


def test_an_id_outside_the_vocabulary_is_found(corpus: Path):
    ids = ids_of(corpus, "pt/train")
    ids[3] = 60000
    ids.flush()
    reseal(corpus)
    found = failed(check(corpus))
    assert found.keys() == {"tokens"}
    assert "cpt/pt/train.bin: document 0 holds id 60000" in found["tokens"]


def test_a_missing_end_of_text_is_found(corpus: Path):
    lengths = np.frombuffer((corpus / "cpt" / "pt" / "train.idx").read_bytes(), "<i4", 7, HEADER.size)
    ids = ids_of(corpus, "pt/train")
    ids[lengths[0] - 1] = 5
    ids.flush()
    reseal(corpus)
    found = failed(check(corpus))
    assert found.keys() == {"end-of-text"}
    assert "cpt/pt/train document 0 (32099" in found["end-of-text"]


def test_an_end_of_text_inside_a_document_is_found(corpus: Path):
    ids = ids_of(corpus, "pt/train")
    ids[3] = load_blend(corpus / "cpt" / "blend.yaml").end_of_text_id
    ids.flush()
    reseal(corpus)
    found = failed(check(corpus))
    assert found.keys() == {"end-of-text"}
    assert "stands 1 times inside it, 0 times in its text" in found["end-of-text"]


def test_an_end_of_text_that_the_text_itself_says_is_none_of_it(corpus: Path):
    ids = ids_of(corpus, "pt/validation")
    ids[3] = load_blend(corpus / "cpt" / "blend.yaml").end_of_text_id
    ids.flush()

    def say_so(rows: list[dict]) -> None:
        for row in rows:
            if (row["language"], row["split"]) == ("pt", "validation"):
                row["text"] = "It says <|end_of_text|> here.\n" + row["text"]

    for shard in range(4):
        edit_rows(corpus, say_so, shard)
    assert failed(check(corpus)) == {}
