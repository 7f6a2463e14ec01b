"""Files that changed, are missing or do not belong there are named."""

from __future__ import annotations

from pathlib import Path

from tests.tools.check.conftest import change_bytes, failed, reseal
from tools.check import check


def test_a_flipped_bit_is_found_by_its_checksum(corpus: Path):
    file = corpus / "cpt" / "en" / "train.bin"
    change_bytes(file, 1000, bytes([file.read_bytes()[1000] ^ 1]))
    assert "cpt/en/train.bin has changed" in failed(check(corpus))["files"]


def test_a_missing_and_a_foreign_file_are_named(corpus: Path):
    (corpus / "cpt" / "de" / "train.bin").unlink()
    (corpus / "documents" / "notes.parquet").write_bytes(b"PAR1")
    found = failed(check(corpus))
    assert "cpt/de/train.bin is missing" in found["files"]
    assert "documents/notes.parquet is not in the manifest" in found["files"]
    assert "cpt/de/train.bin: No such file" in found["indices"]
    assert "documents/notes.parquet cannot be read as Parquet" in found["documents"]


def test_what_preprocess_keeps_for_its_next_run_is_not_foreign(corpus: Path):
    (corpus / "work").mkdir(exist_ok=True)
    (corpus / "work" / "00001.arrow").write_bytes(b"staged")
    (corpus / "building.partial").mkdir()
    (corpus / "building.partial" / "half").write_bytes(b"")
    assert failed(check(corpus)) == {}


def test_a_missing_or_damaged_manifest_is_a_failure(corpus: Path):
    manifest = (corpus / "manifest.json").read_text()
    (corpus / "manifest.json").write_text(manifest.replace("cpt/en/train.bin", "../en/train.bin"))
    assert "it lists '../en/train.bin'" in failed(check(corpus))["files"]
    (corpus / "manifest.json").write_text(manifest[:100])
    assert "manifest.json is damaged" in failed(check(corpus))["files"]
    (corpus / "manifest.json").unlink()
    assert "manifest.json is missing" in failed(check(corpus))["files"]


def test_a_manifest_that_leaves_out_a_part_of_every_corpus_is_found(corpus: Path):
    (corpus / "rejected.jsonl").unlink()
    reseal(corpus)
    assert failed(check(corpus)) == {"files": "rejected.jsonl is not in the manifest: every corpus has it"}
