from __future__ import annotations

import copy
from typing import Any

import pytest

from preprocessing.corpus.report_warnings import warnings_of


def healthy() -> dict[str, Any]:
    def row(name: str, share: float) -> dict[str, Any]:
        documents = {"train": 900, "validation": 10, "best": 400}
        return {"name": name, "documents": documents, "share_of_tokens": share, "mix_weight": share, "with_celex": 1.0}

    run = {
        "global_batch": 128,
        "sequence_length": 4096,
        "tokens_at_steps": {"1000": 1, "40000": 40},
        "epochs": {"en": {"steps_to_4": 50_000}, "fr": {"steps_to_4": 60_000}},
    }
    return {
        "settings": {"languages": ["en", "fr"]},
        "documents": {"read": 2000},
        "inputs_rejected": {"not well-formed": 1},
        "documents_left_out": {"older version of a consolidated text": {"en": 900}, "near duplicate": {"fr": 100}},
        "split": {"held_out_articles": {}},
        "languages": {"en": row("English", 0.6), "fr": row("French", 0.4)},
        "runs": {"cpt": run},
        "packing": {"en": {"validation": {"sequences": 3, "tokens_lost": 5}}},
    }


def test_a_healthy_corpus_has_no_warnings():
    assert warnings_of(healthy()) == []


@pytest.mark.parametrize(
    ("place", "value", "warning"),
    [
        (("settings", "languages"), ["en", "fr", "pt"], "No text at all in Portuguese."),
        (("languages", "fr", "documents", "validation"), 0, "No validation text in French"),
        (("languages", "fr", "documents", "train"), 0, "No training text in French"),
        (("packing", "en", "validation", "sequences"), 0, "fills no sequence: English (5 tokens)"),
        (("split", "held_out_articles"), {"32099R0001": ["8", "9"]}, "32099R0001 is the only act of a language"),
        (("languages", "fr", "share_of_tokens"), 0.1, "French (10.0% of the text for 40.0% of the mix)"),
        (("runs", "cpt", "epochs", "en", "steps_to_4"), 2500, "English will be seen more than 4 times"),
        (("runs", "cpt", "epochs", "replay"), {"steps_to_4": 10}, "general text will be seen more than 4 times"),
        (("inputs_rejected", "not well-formed"), 50, "50 of 2,050 inputs were rejected: not well-formed"),
        (("documents_left_out", "near duplicate", "en"), 600, "700 of 2,000 documents were left out: near duplicate"),
        (("languages", "en", "with_celex"), 0.5, "CELEX number in English (50%)"),
    ],
)
def test_what_is_wrong_is_said(place: tuple[str, ...], value: Any, warning: str):
    report = copy.deepcopy(healthy())
    *path, last = place
    target = report
    for name in path:
        target = target[name]
    target[last] = value
    found = warnings_of(report)
    assert len(found) == 1 and warning in found[0]


def test_the_language_that_is_used_up_first_is_named_with_its_step():
    report = healthy()
    report["runs"]["cpt"]["epochs"] = {"en": {"steps_to_4": 9000}, "fr": {"steps_to_4": 300}}
    assert "English, French will be seen more than 4 times (French from step 300 on)" in warnings_of(report)[0]
