from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from preprocessing.corpus.indexed import IndexedWriter, index_lengths
from preprocessing.corpus.packing import packing
from preprocessing.corpus.pipeline import preprocess
from preprocessing.corpus.report_html import render
from preprocessing.corpus.report_plots import lengths_plot, scores_plot
from preprocessing.corpus.report_survey import BINS, examples, registry_facts
from tests.preprocessing.corpus.conftest import rows_of, settings, write_act

SEQUENCE = 256


@pytest.fixture(scope="module")
def corpus(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Acts of 2099 in three of four languages asked for; a broken input, a short and a nearly equal document."""
    folder = tmp_path_factory.mktemp("formex")
    for language, count in (("en", 8), ("fr", 4), ("de", 3)):
        for number in range(1, count + 1):
            write_act(folder / language, number, language, articles=4 * number, kind="DIR" if number == 3 else "REG")
    write_act(folder / "short", 90, "en", articles=0)
    (folder / "broken.xml").write_text("<ACT><TITLE>")
    replay = tmp_path_factory.mktemp("general") / "text"
    with IndexedWriter(replay, vocab_size=400) as writer:
        for _ in range(10):
            writer.add(some_tokens())
    output = tmp_path_factory.mktemp("corpus") / "out"
    chosen = settings(
        languages=("en", "fr", "de", "es"), seq_length=SEQUENCE, shards=3, replay=(replay, 0.05), validation_share=0.2
    )
    preprocess([folder], output, tokenizer_folder, chosen, workers=1)
    return output


def some_tokens() -> Any:
    import numpy as np

    return np.arange(100)


@pytest.fixture(scope="module")
def report(corpus: Path) -> dict[str, Any]:
    return json.loads((corpus / "report.json").read_text(encoding="utf-8"))


def test_documents_and_tokens_are_those_of_the_table(corpus: Path, report: dict[str, Any]):
    rows = rows_of(corpus)
    for code, row in report["languages"].items():
        for split in ("train", "validation"):
            own = [item for item in rows if (item["language"], item["split"]) == (code, split)]
            assert row["documents"][split] == len(own)
            assert row["tokens"][split] == sum(item["tokens"] for item in own)
        assert row["with_celex"] == 1.0
    tokens = sum(item["tokens"] for item in rows)
    for what in ("types", "years"):
        assert sum(row["tokens"] for row in report[what].values()) == tokens
        for row in report[what].values():
            assert sum(row["tokens_by_language"].values()) == row["tokens"]
            assert sum(row["documents_by_language"].values()) == row["documents"]
    assert report["types"]["directive"]["documents"] == 3


def test_inputs_are_counted_in_files_and_bytes(corpus: Path, report: dict[str, Any]):
    # an act is two files; the broken one is one
    assert report["inputs"]["files"] == 2 * (8 + 4 + 3 + 1) + 1
    folder = Path(report["settings"]["inputs"][0])
    assert 0 < report["inputs"]["bytes"] <= sum(path.stat().st_size for path in folder.rglob("*.xml"))


def test_what_was_left_out_has_its_reason_language_and_examples(report: dict[str, Any]):
    assert report["documents_left_out"] == {"too short": {"en": 1}}
    assert sum(report["inputs_rejected"].values()) == 1
    assert "L_2099090EN" in report["examples"]["too short"][0]["source"]
    kinds = set(report["inputs_rejected"]) | set(report["documents_left_out"])
    assert set(report["examples"]) == kinds


def test_shares_are_of_the_training_text(report: dict[str, Any]):
    languages = report["languages"]
    tokens = {code: row["tokens"]["train"] for code, row in languages.items()}
    for code, row in languages.items():
        assert row["share_of_tokens"] == pytest.approx(tokens[code] / sum(tokens.values()), abs=1e-6)
    assert sum(row["mix_weight"] for row in languages.values()) == pytest.approx(1, abs=1e-5)
    assert languages["en"]["mix_weight"] == pytest.approx(0.35 / 0.80, abs=1e-6)


def test_epochs_are_what_a_run_reads_over_what_is_there(report: dict[str, Any]):
    for run, dataset in (("cpt", "train"), ("cpt_fast", "best")):
        facts = report["runs"][run]
        assert facts["sequence_length"] == SEQUENCE
        step = facts["global_batch"] * SEQUENCE
        for code, row in report["languages"].items():
            weight = 0.95 * row["mix_weight"]  # the rest is general text
            for steps, epochs in facts["epochs"][code]["at_steps"].items():
                assert epochs == pytest.approx(int(steps) * step * weight / row["tokens"][dataset], rel=1e-3)
        assert facts["epochs"]["replay"]["at_steps"]["1000"] == pytest.approx(1000 * step * 0.05 / 1000, rel=1e-3)
        assert facts["tokens_at_steps"]["1000"] == 1000 * step


def test_packing_is_that_of_every_dataset(corpus: Path, report: dict[str, Any]):
    for code, datasets in report["packing"].items():
        for name, found in datasets.items():
            lengths, _ = index_lengths(corpus / "cpt" / code / name)
            expected = packing(lengths, SEQUENCE, seed=1234).to_dict()
            assert found == {"sequence_length": SEQUENCE, **expected}
    assert set(report["packing"]["en"]) == {"train", "best", "validation"}


def test_scores_are_counted_by_language(corpus: Path, report: dict[str, Any]):
    documents = Counter(row["language"] for row in rows_of(corpus))
    scores = report["scores"]
    assert set(scores) == {"bins", "score", "recency", "kind", "length", "structure", "quality"}
    for name in set(scores) - {"bins"}:
        assert {code: sum(histogram) for code, histogram in scores[name].items()} == documents
        assert all(len(histogram) == BINS for histogram in scores[name].values())
    # directives and regulations bind in general: the highest value of that part
    assert scores["kind"]["fr"][-1] == documents["fr"]


def test_samples_come_from_the_order_of_scores_and_show_beginning_and_middle(corpus: Path, report: dict[str, Any]):
    by_id = {row["id"]: row for row in rows_of(corpus)}
    english = [sample for sample in report["samples"] if sample["language"] == "en"]
    assert len(english) == 3 and len({sample["language"] for sample in report["samples"]}) == 3
    assert [sample["score"] for sample in english] == sorted((sample["score"] for sample in english), reverse=True)
    for sample in english:
        row = by_id[sample["id"]]
        assert row["split"] == "train" and sample["title"] == row["title"] and sample["tokens"] == row["tokens"]
        assert row["text"].startswith(sample["start"].removesuffix(" …"))
        place = row["text"].index(sample["middle"].removeprefix("… ").removesuffix(" …"))
        assert place >= len(row["text"]) // 2


def test_the_registry_is_counted(corpus: Path, report: dict[str, Any]):
    facts = report["registry"]
    assert facts["acts"] == 8 and facts["in_all_languages"] == 3
    assert facts["acts_by_language"] == {"en": 8, "fr": 4, "de": 3}
    assert facts["with_articles"] == 8 and facts["articles"] == sum(4 * number for number in range(1, 9))


def test_references_that_lead_to_acts_of_the_corpus_are_counted(tmp_path: Path):
    from preprocessing.corpus.registry_file import write_registry
    from preprocessing.corpus.registry_rows import registry_row
    from preprocessing.document import LegalDocument, Reference

    def act(celex: str, *references: tuple[str, str | None]) -> LegalDocument:
        values = {"id": celex, "source": celex, "language": "en", "document_type": "regulation", "title": celex}
        named = [Reference(other, article, f"Article {article}") for other, article in references]
        return LegalDocument(**values, text=celex, celex=celex, base_celex=celex, references=named)  # type: ignore[arg-type]

    acts = [
        act("32099R0001", ("32099R0002", "5"), ("32099R0002", "6"), ("32098R0009", None)),
        act("32099R0002", ("32099R0001", None)),
    ]
    write_registry([registry_row(item, "shard.parquet", 0) for item in acts], tmp_path / "registry.parquet")
    facts = registry_facts(tmp_path / "registry.parquet", ["en"])
    assert (facts["references"], facts["references_in_corpus"], facts["referred_to"]) == (4, 3, 2)


def test_examples_of_near_duplicates_name_the_twin_and_how_near_it_is(tmp_path: Path):
    lines = [{"source": f"{n}.xml", "reason": f"near duplicate: 32099R000{n}-en, similarity 0.9{n}"} for n in range(9)]
    file = tmp_path / "rejected.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert examples(file) == {"near duplicate": lines[:3]}


def test_the_report_says_what_is_wrong_with_this_corpus(report: dict[str, Any]):
    warnings = "\n".join(report["warnings"])
    assert "No text at all in Spanish." in warnings
    assert "40,000 steps of cpt " in warnings and "12,000 steps of cpt_fast " in warnings
    assert "1 of 17 inputs were rejected" in warnings


def test_the_page_is_whole_and_needs_no_other_file(corpus: Path, report: dict[str, Any]):
    from lxml import etree, html

    page = (corpus / "report.html").read_text(encoding="utf-8")
    assert page == render(report)
    tree = html.fromstring(page)
    assert len(tree.findall(".//svg")) == 5
    for drawing in page.split("<figcaption>")[1:]:
        etree.fromstring(drawing[drawing.index("<svg") : drawing.index("</svg>") + 6])
    outside = [value for element in tree.iter() for name, value in element.items() if name in ("src", "href")]
    assert not [value for value in outside if not value.startswith("#")]
    headings = [element.text for element in tree.findall(".//h2")]
    for wanted in ("Languages", "What training will see", "Packing", "Left out", "Scores", "Registry", "Samples"):
        assert wanted in headings
    for warning in report["warnings"]:
        assert warning in tree.text_content()


def test_a_corpus_of_one_act_without_best_documents_has_a_report(tokenizer_folder: Path, tmp_path: Path):
    write_act(tmp_path / "acts", 1, "pt")
    preprocess([tmp_path / "acts"], tmp_path / "out", tokenizer_folder, settings(best_share=0.0), workers=1)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["runs"]["cpt_fast"]["epochs"] == {} and list(report["runs"]["cpt"]["epochs"]) == ["pt"]
    assert "its last articles (12) are held out" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_date_that_cannot_be_right_does_not_stretch_the_plot(report: dict[str, Any]):
    usual, wrong = report["years"]["2099"], {**report["years"]["2099"], "tokens": 1}
    page = render({**report, "years": {"0001": wrong, "2099": usual}})
    assert len(page) < 1.1 * len(render(report))


def test_a_language_has_the_same_colour_in_every_plot(report: dict[str, Any]):
    backwards = {name: dict(reversed(rows.items())) for name, rows in report["scores"].items() if name != "bins"}
    assert scores_plot({**report, "scores": {"bins": BINS, **backwards}}) == scores_plot(report)
    assert lengths_plot({**report, "lengths": dict(reversed(report["lengths"].items()))}) == lengths_plot(report)


def test_text_of_documents_cannot_become_part_of_the_page(report: dict[str, Any]):
    sample = {**report["samples"][0], "title": "<script>alert(1)</script>", "start": "a < b & c"}
    page = render({**report, "samples": [sample]})
    assert "<script>" not in page and "a &lt; b &amp; c" in page
