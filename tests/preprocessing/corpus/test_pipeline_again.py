"""A second run in the same folder does what is missing, and replaces nothing unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.corpus.output import WORK
from preprocessing.corpus.pipeline import dry_run, preprocess
from preprocessing.errors import UsageError
from tests.preprocessing.corpus.conftest import contents, make_tokenizer, settings, write_act


def test_a_finished_folder_is_left_as_it_is(corpus: Path, acts: Path, tokenizer_folder: Path):
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    summary = preprocess([acts], corpus, tokenizer_folder, settings(shards=4))
    assert summary.up_to_date and "up to date" in summary.text()
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == before


def test_other_settings_or_inputs_are_refused_without_overwrite(acts: Path, tokenizer_folder: Path, tmp_path: Path):
    source = tmp_path / "in"
    for number in (1, 2):
        write_act(source, number, "en")
    preprocess([source], tmp_path / "out", tokenizer_folder, settings(shards=1), workers=1)
    with pytest.raises(UsageError, match="other seed"):
        preprocess([source], tmp_path / "out", tokenizer_folder, settings(shards=1, seed=7), workers=1)
    write_act(source, 3, "en")
    with pytest.raises(UsageError, match="other input files"):
        preprocess([source], tmp_path / "out", tokenizer_folder, settings(shards=1), workers=1)
    summary = preprocess([source], tmp_path / "out", tokenizer_folder, settings(shards=1), workers=1, overwrite=True)
    assert summary.report["documents"]["kept"] == 3


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_other_settings_do_not_read_the_inputs_again(acts: Path, tokenizer_folder: Path, tmp_path: Path):
    out = tmp_path / "out"
    preprocess([acts], out, tokenizer_folder, settings(shards=4), workers=1)
    before = times(out / WORK / "read")
    other = make_tokenizer(tmp_path / "tokenizer", vocab_size=350)
    chosen = settings(shards=4, seed=7, near_duplicates=0.9, best_share=0.2)
    preprocess([acts], out, other, chosen, workers=1, overwrite=True)
    assert times(out / WORK / "read") == before
    preprocess([acts], tmp_path / "fresh", other, chosen, workers=1)
    assert contents(out) == contents(tmp_path / "fresh")


def test_a_staged_file_damaged_after_its_receipt_is_made_again(acts, corpus, tokenizer_folder, tmp_path):
    out = tmp_path / "out"
    preprocess([acts], out, tokenizer_folder, settings(shards=4, seed=7), workers=1)
    staged = out / WORK / "read" / "00001.arrow"
    data = bytearray(staged.read_bytes())
    data[len(data) // 2] ^= 1
    staged.write_bytes(data)
    preprocess([acts], out, tokenizer_folder, settings(shards=4), workers=1, overwrite=True)
    assert contents(out) == contents(corpus)


def test_a_dry_run_says_what_is_missing_and_writes_nothing(acts: Path, tokenizer_folder: Path, tmp_path: Path):
    out = tmp_path / "out"
    found = dry_run([acts], out, tokenizer_folder, settings(shards=4))
    assert (found.slices, found.slices_to_read, found.up_to_date) == (4, 4, False) and not out.exists()
    preprocess([acts], out, tokenizer_folder, settings(shards=4), workers=1)
    assert dry_run([acts], out, tokenizer_folder, settings(shards=4)).up_to_date
    found = dry_run([acts], out, tokenizer_folder, settings(shards=4, seed=7))
    assert (found.slices_to_read, found.up_to_date, found.replaces) == (0, False, True)
    assert "0 of 4 slices" in found.text() and "--overwrite" in found.text()


def test_another_tokenizer_is_another_corpus(acts: Path, tokenizer_folder: Path, corpus: Path, tmp_path: Path):
    other = make_tokenizer(tmp_path / "tokenizer", vocab_size=350)
    with pytest.raises(UsageError, match="other tokenizer"):
        preprocess([acts], corpus, other, settings(shards=4))
