"""A sound corpus passes; a corpus broken in one way is said to be broken in that way."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from preprocessing.corpus.blend import load_blend
from preprocessing.corpus.indexed import HEADER
from preprocessing.errors import UsageError
from tests.preprocessing.corpus.conftest import make_tokenizer
from tests.tools.check.conftest import edit_rows, reseal
from tools.check import check
from tools.check.report import FAILED, NOT_CHECKED, PASSED, CheckReport

ROOT = Path(__file__).parents[3]


def failed(report: CheckReport) -> dict[str, str]:
    """Return what is broken: the checks that failed, with their problems in one text."""
    assert report.exit_status == (1 if any(item.problems for item in report.checks) else 0)
    return {item.name: "; ".join(item.problems) for item in report.checks if item.state == FAILED}


def change_bytes(path: Path, place: int, value: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[place : place + len(value)] = value
    path.write_bytes(data)


def ids_of(folder: Path, name: str) -> np.ndarray:
    return np.memmap(folder / "cpt" / f"{name}.bin", np.uint16, mode="r+")


def test_a_sound_corpus_passes_every_check(sound_corpus: Path, tokenizer_folder: Path):
    report = check(sound_corpus, tokenizer=tokenizer_folder, samples=3, show=True)
    assert {item.name: item.text() for item in report.checks if item.state != PASSED} == {}
    assert report.exit_status == 0
    assert {sample.dataset for sample in report.samples} == {
        f"{language}/{split}" for language in ("en", "fr", "de", "es", "pt") for split in ("train", "validation")
    }
    assert "(EU) 2099/" in report.samples[0].text


def test_the_result_is_the_same_over_several_processes(
    sound_corpus: Path, tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tools.check.work.BYTES_WORTH_A_POOL", 0)
    spread = check(sound_corpus, tokenizer=tokenizer_folder, workers=2)
    assert spread.to_dict() == check(sound_corpus, tokenizer=tokenizer_folder).to_dict()


def test_the_tokenizer_is_found_where_it_was(sound_corpus: Path):
    states = {item.name: item.state for item in check(sound_corpus).checks}
    assert (states["tokenizer"], states["samples"]) == (PASSED, PASSED)


def test_what_needs_the_tokenizer_is_not_checked_without_it(corpus: Path):
    report = check(corpus)
    states = {item.name: item.state for item in report.checks}
    assert (states["tokenizer"], states["samples"]) == (NOT_CHECKED, NOT_CHECKED)
    assert report.exit_status == 0
    assert "give --tokenizer DIR" in report.text()


def test_another_tokenizer_is_refused(sound_corpus: Path, tmp_path: Path):
    report = check(sound_corpus, tokenizer=make_tokenizer(tmp_path / "other", vocab_size=380))
    assert "is not that of the blend" in failed(report)["tokenizer"]


def test_a_flipped_bit_is_found_by_its_checksum(corpus: Path):
    file = corpus / "cpt" / "en" / "train.bin"
    change_bytes(file, 1000, bytes([file.read_bytes()[1000] ^ 1]))
    assert "cpt/en/train.bin has changed" in failed(check(corpus))["files"]


def test_a_changed_token_is_found_by_decoding(corpus: Path, tokenizer_folder: Path):
    ids = ids_of(corpus, "fr/validation")
    ids[10] = ids[10] - 1 if ids[10] else 1
    ids.flush()
    reseal(corpus)
    assert "cpt/fr/validation document 0" in failed(check(corpus, tokenizer=tokenizer_folder))["samples"]


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


def test_a_row_too_few_is_found(corpus: Path):
    edit_rows(corpus, lambda rows: rows.pop())
    assert "documents, the table" in failed(check(corpus))["documents"]


def test_a_length_that_is_not_the_dataset_s_is_found(corpus: Path):
    def shorten(rows: list[dict]) -> None:
        rows[0]["tokens"] -= 1
        rows[1]["tokens"] = None

    edit_rows(corpus, shorten)
    found = failed(check(corpus))
    assert found.keys() == {"documents"}
    assert "1 rows have no tokens" in found["documents"]
    assert "by the table" in found["documents"]


def test_the_best_documents_must_be_those_with_the_highest_scores(corpus: Path):
    def praise_the_rest(rows: list[dict]) -> None:
        for row in rows:
            row["score"] = 1 - row["score"]

    for shard in range(4):
        edit_rows(corpus, praise_the_rest, shard)
    found = failed(check(corpus))
    assert found.keys() == {"best"}
    assert "cpt/en/best holds a document with score" in found["best"]


def test_fewer_of_the_best_than_asked_for_are_found(corpus: Path):
    change_settings(corpus, {"best-share": 0.9})
    assert "of the tokens, 90.0% was wanted" in failed(check(corpus))["best"]


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


def test_a_duplicate_row_is_found(corpus: Path):
    edit_rows(corpus, lambda rows: rows.append(dict(rows[0])))
    found = failed(check(corpus))
    assert "has 2 rows" in found["duplicates"]
    assert "documents" in found


def test_a_text_that_comes_twice_under_two_names_is_found(corpus: Path):
    def copy(rows: list[dict]) -> None:
        twin = next(row for row in rows[1:] if row["language"] == rows[0]["language"])
        twin["text"] = rows[0]["text"].replace(" ", "\u00a0\n ")

    edit_rows(corpus, copy)
    assert "2 documents have one text" in failed(check(corpus))["duplicates"]


def test_a_validation_act_in_training_is_found(corpus: Path):
    def move(rows: list[dict]) -> None:
        held_out = next(row for row in rows if row["split"] == "validation")
        rows.append({**held_out, "split": "train", "id": held_out["id"] + "-again"})

    shard = next(number for number in range(4) if has_validation(corpus, number))
    edit_rows(corpus, move, shard)
    found = failed(check(corpus))["leakage"]
    assert "is in training and in validation" in found
    assert "the same text is in training and in validation" in found


def has_validation(folder: Path, shard: int) -> bool:
    import pyarrow.parquet as pq

    return "validation" in pq.read_table(sorted((folder / "documents").glob("*.parquet"))[shard])["split"].to_pylist()


def test_held_out_articles_of_a_single_act_are_no_leak(one_act_corpus: Path, tokenizer_folder: Path):
    report = check(one_act_corpus, tokenizer=tokenizer_folder)
    assert {item.name: item.text() for item in report.checks if item.state != PASSED} == {}
    assert "2 documents of held-out articles" in report.text()


def test_a_held_out_article_in_the_training_text_is_found(one_act_corpus: Path, tmp_path: Path):
    corpus = Path(shutil.copytree(one_act_corpus, tmp_path / "corpus", symlinks=True))

    def give_back(rows: list[dict]) -> None:
        held_out = next(row for row in rows if row["id"].endswith("#held-out") and row["language"] == "fr")
        training = next(row for row in rows if row["split"] == "train" and row["language"] == "fr")
        training["text"] += "\n" + held_out["text"]

    edit_rows(corpus, give_back)
    assert "stands in the training text of" in failed(check(corpus))["leakage"]


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


@pytest.mark.parametrize(("name", "problem"), [("nothing", "does not exist"), ("empty", "is not a corpus")])
def test_a_folder_that_is_no_corpus_is_wrong_usage(tmp_path: Path, name: str, problem: str):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=problem):
        check(tmp_path / name)


def test_the_command_says_it_all_and_exits_with_1(corpus: Path):
    (corpus / "report.html").write_text("edited")
    command = [sys.executable, "launch.py", "check", str(corpus)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert "FAILED       files" in run.stdout
    assert "report.html has 6 bytes" in run.stdout
    value = json.loads(json.dumps(check(corpus).to_dict()))
    assert [item["name"] for item in value["checks"] if item["state"] == FAILED] == ["files"]
    assert value["exit_status"] == 1


def change_settings(folder: Path, changes: dict) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["settings"] |= changes
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(("splits", "name"), [(("train", "train"), "duplicates"), (("train", "validation"), "leakage")])
def test_texts_nearly_equal_are_found_where_they_were_to_be_taken_out(corpus: Path, splits: tuple[str, str], name: str):
    shard = next(number for number in range(4) if has_validation(corpus, number))

    def copy(rows: list[dict]) -> None:
        one, other = ({**rows[0], "language": "fr", "split": split, "id": f"copy-{split}"} for split in splits)
        other |= {"id": "copy-again", "base_celex": "32099R9999", "text": other["text"] + "\nDone once more."}
        rows += [one, other]

    change_settings(corpus, {"near-duplicates": 0.8})
    assert failed(check(corpus)) == {}
    edit_rows(corpus, copy, shard)
    assert "copy-again is nearly equal to copy-train (" in failed(check(corpus))[name]
    change_settings(corpus, {"near-duplicates": 0})
    report = check(corpus)
    assert "nearly equal" not in failed(report).get(name, "")
    assert "1 nearly equal to another, left in by the settings" in report.text()


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


def test_a_manifest_that_leaves_out_a_part_of_every_corpus_is_found(corpus: Path):
    (corpus / "rejected.jsonl").unlink()
    reseal(corpus)
    assert failed(check(corpus)) == {"files": "rejected.jsonl is not in the manifest: every corpus has it"}


def test_held_out_articles_that_two_versions_of_an_act_share_are_no_duplicates(one_act_corpus: Path, tmp_path: Path):
    corpus = Path(shutil.copytree(one_act_corpus, tmp_path / "corpus", symlinks=True))

    def add_version(rows: list[dict]) -> None:
        held_out = next(row for row in rows if row["id"].endswith("#held-out"))
        rows.append({**held_out, "id": "version#held-out"})

    edit_rows(corpus, add_version)
    report = check(corpus)
    assert "duplicates" not in failed(report)
    assert "1 held-out parts are the same in two versions of their act" in report.text()
