"""Blend files, registry and report that tell something else than the data are found."""

from __future__ import annotations

import json
from pathlib import Path

from tests.tools.check.conftest import change_settings, failed, reseal
from tools.check import check
from tools.check.report import NOT_CHECKED


def test_general_text_has_the_share_asked_for(corpus: Path):
    prefix = corpus / "cpt" / "en" / "validation"  # stands for an indexed dataset of general text
    change_settings(corpus, {"replay": [str(prefix), 0.1]})
    assert "replay has 0.00% of the mix, 10.00% was wanted" in failed(check(corpus))["shares"]
    entry = (
        f"train:\n  - language: replay\n    prefix: {prefix}\n    weight: 0.111111\n    tokens: 1\n    documents: 1\n"
    )
    for blend in sorted((corpus / "cpt").glob("blend*.yaml")):
        blend.write_text(blend.read_text().replace("train:\n", entry, 1))
    reseal(corpus)
    report = check(corpus)
    assert failed(report) == {}
    assert "replay 10.0%" in report.text()
    for blend in sorted((corpus / "cpt").glob("blend*.yaml")):
        blend.write_text(blend.read_text().replace(str(prefix), "/nowhere/general"))
    reseal(corpus)
    assert "/nowhere/general.bin (replay) is missing" in failed(check(corpus))["blends"]


def test_edited_weights_are_found(corpus: Path):
    blend = corpus / "cpt" / "blend.yaml"
    blend.write_text(blend.read_text().replace("weight: 0.35", "weight: 0.70"))
    reseal(corpus)
    found = failed(check(corpus))
    assert found.keys() == {"shares"}
    assert "en has 51.85% of the mix, 35.00% was wanted" in found["shares"]


def test_a_blend_of_other_datasets_is_found(corpus: Path):
    blend = corpus / "cpt" / "blend.yaml"
    blend.write_text(blend.read_text().replace("en/train", "en/trains").replace("fr/validation", "fr/train"))
    reseal(corpus)
    found = failed(check(corpus))["blends"]
    assert "cpt/blend.yaml, train, en: cpt/en/trains is missing or cannot be read" in found
    assert "names cpt/fr/train" in found
    assert "cpt/en/train is in no blend file" in found


def test_without_a_blend_the_rest_is_checked_as_far_as_it_goes(corpus: Path):
    for name in ("blend.yaml", "blend_fast.yaml"):
        (corpus / "cpt" / name).unlink()
    report = check(corpus)
    assert "blend.yaml does not exist" in failed(report)["blends"]
    assert {item.name for item in report.checks if item.state == NOT_CHECKED} >= {"tokens", "end-of-text", "shares"}


def test_a_registry_of_other_acts_is_found(corpus: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(corpus / "registry.parquet")
    rows = table.to_pylist()
    first = rows[0]["celex"]
    rows[0]["celex"] = "32099R9999"
    pq.write_table(pa.Table.from_pylist(rows, table.schema), corpus / "registry.parquet")
    reseal(corpus)
    found = failed(check(corpus))
    assert found.keys() == {"registry"}
    assert f"{first} has documents and is not in registry.parquet" in found["registry"]
    assert "32099R9999 is in registry.parquet and has no document" in found["registry"]
    (corpus / "registry.parquet").write_bytes(b"PAR1")
    assert "registry.parquet cannot be read" in failed(check(corpus))["registry"]


def test_a_registry_that_names_other_places_is_found(corpus: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(corpus / "registry.parquet")
    rows = table.to_pylist()
    rows[0]["texts"][0] |= {"file": sorted((corpus / "documents").iterdir())[0].name, "row": 10_000}
    pq.write_table(pa.Table.from_pylist(rows, table.schema), corpus / "registry.parquet")
    reseal(corpus)
    assert (
        f"row 10000 of documents/shard-00000-of-00004.parquet is not {rows[0]['celex']}"
        in (failed(check(corpus))["registry"])
    )


def test_a_report_of_other_numbers_is_found(corpus: Path):
    report = json.loads((corpus / "report.json").read_text())
    report["languages"]["de"]["tokens"]["train"] += 1
    (corpus / "report.json").write_text(json.dumps(report))
    reseal(corpus)
    found = failed(check(corpus))
    assert found.keys() == {"report"}
    assert "cpt/de/train has" in found["report"]
    (corpus / "report.json").write_text("[]")
    reseal(corpus)
    assert "cannot be read as a report" in failed(check(corpus))["report"]
