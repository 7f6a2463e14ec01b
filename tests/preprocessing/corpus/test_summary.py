from __future__ import annotations

from pathlib import Path
from typing import Any

from preprocessing.corpus.summary import PreprocessSummary, Times


def report() -> dict[str, Any]:
    row = {
        "name": "English",
        "documents": {"train": 1200, "validation": 12},
        "tokens": {"train": 3_400_000, "validation": 34_000},
        "share_of_tokens": 1.0,
        "mix_weight": 1.0,
    }
    return {
        "documents": {"kept": 1212, "read": 1500},
        "inputs": {"files": 1500, "bytes": 250_000_000},
        "documents_left_out": {"too short": {"en": 8, "fr": 20}, "near duplicate": {"en": 260}},
        "inputs_rejected": {"not well-formed": 2},
        "languages": {"en": row},
        "warnings": ["Something to know."],
    }


def test_it_says_what_was_kept_and_what_each_stage_took():
    times = Times({"reading": 10.0, "deciding": 0.01, "tokenizing": 2.5}, bytes_read=200_000_000)
    text = PreprocessSummary(Path("out"), report(), 12.6, times).text()
    assert "1,212 documents kept of 1,500 in 250.0 MB of XML (288 left out, 2 inputs rejected)" in text
    assert "left out: 28 too short, 260 near duplicate" in text
    assert "note: Something to know." in text
    assert text.splitlines()[-1] == "12.6 s: reading 10.0 (20.0 MB/s), tokenizing 2.5"
    assert len(text.splitlines()) <= 12


def test_no_rate_is_told_where_nothing_was_read_anew():
    text = PreprocessSummary(Path("out"), report(), 3.0, Times({"reading": 0.2, "report": 0.5})).text()
    assert "MB/s" not in text


def test_a_corpus_that_was_there_already_has_no_times():
    text = PreprocessSummary(Path("out"), report(), 3.0, up_to_date=True).text()
    assert text.startswith("out is up to date") and text.splitlines()[-1].startswith("training:")


def test_a_program_gets_the_times_of_all_stages():
    value = PreprocessSummary(Path("out"), report(), 3.0, Times({"reading": 0.026}, 1000)).to_dict()
    assert value["stages"] == {"reading": 0.03} and value["bytes_read"] == 1000
