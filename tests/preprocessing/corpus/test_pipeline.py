from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xxhash

from preprocessing.corpus import engines
from preprocessing.corpus.blend import load_blend
from preprocessing.corpus.documents import iter_documents
from preprocessing.corpus.output import WORK
from preprocessing.corpus.pipeline import dry_run, preprocess
from preprocessing.corpus.registry import Registry
from preprocessing.errors import RecipeError, UsageError
from tests.preprocessing.corpus.conftest import make_tokenizer, settings, write_act

LANGUAGES = ("en", "fr", "de", "es", "pt")


@pytest.fixture(scope="module")
def acts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six invented acts in five languages, one of them twice, one too short, one in no language of ours, one broken."""
    folder = tmp_path_factory.mktemp("formex")
    for language in LANGUAGES:
        for number in range(1, 7):
            write_act(folder / language, number, language, kind="DIR" if number == 3 else "REG")
    again = write_act(folder / "again", 1, "en")
    again.write_bytes(again.read_bytes() + b"\n")  # the same text, but not the same file
    write_act(folder / "short", 7, "en", articles=0)
    (folder / "broken.xml").write_text("<ACT><TITLE>")
    return folder


@pytest.fixture(scope="module")
def corpus(acts: Path, tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("corpus") / "out"
    preprocess([acts], output, tokenizer_folder, settings(shards=4), workers=1)
    return output


def contents(folder: Path) -> dict[str, str]:
    """The corpus, without what is kept for the next run."""
    files = (path for path in folder.rglob("*") if path.is_file() and folder / WORK not in path.parents)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows_of(corpus: Path) -> list[dict]:
    import pyarrow.parquet as pq

    return [row for path in sorted((corpus / "documents").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_every_language_has_training_and_validation_text(corpus: Path):
    blend = load_blend(corpus / "cpt" / "blend.yaml")
    assert [entry.language for entry in blend.train] == list(LANGUAGES)
    assert [entry.language for entry in blend.validation] == list(LANGUAGES)
    assert sum(entry.documents for entry in blend.train + blend.validation) == 30


def test_the_tokens_are_those_of_hugging_face_document_by_document(corpus: Path, tokenizer_folder: Path):
    from megatron.core.datasets.indexed_dataset import IndexedDataset
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    rows = rows_of(corpus)
    for split in ("train", "validation"):
        for entry in getattr(load_blend(corpus / "cpt" / "blend.yaml"), split):
            dataset = IndexedDataset(str(entry.prefix))
            texts = [row["text"] for row in rows if (row["language"], row["split"]) == (entry.language, split)]
            expected = [[*tokenizer(text)["input_ids"], tokenizer.eos_token_id] for text in texts]
            assert [dataset[number].tolist() for number in range(len(dataset))] == expected
            assert entry.tokens == sum(map(len, expected)) and entry.documents == len(expected)


def test_megatron_trains_on_the_blend(corpus: Path, tmp_path: Path):
    from types import SimpleNamespace

    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig

    # Megatron keeps its sample indices beside the data
    shutil.copytree(corpus / "cpt", tmp_path / "cpt")
    blend = load_blend(tmp_path / "cpt" / "blend.yaml")

    def of(entries: list) -> tuple[list[str], list[float]]:
        return [str(entry.prefix) for entry in entries], [entry.weight for entry in entries]

    config = GPTDatasetConfig(
        random_seed=1,
        sequence_length=256,
        blend_per_split=[of(blend.train), of(blend.validation), None],
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
        tokenizer=SimpleNamespace(eod=blend.end_of_text_id, pad=0, unique_identifiers={"name": "test"}),
    )
    train, validation, _ = BlendedMegatronDatasetBuilder(GPTDataset, [100, 10, None], lambda: True, config).build()
    assert len(train) >= 100 and len(validation) >= 10
    for dataset in (train, validation):
        sample = dataset[0]
        assert sample["tokens"].shape == (256,) and int(sample["tokens"].max()) < blend.vocab_size
    drawn = np.bincount(np.asarray(train.dataset_index)[:100], minlength=5) / 100
    assert drawn == pytest.approx([0.35, 0.25, 0.2, 0.12, 0.08], abs=0.02)


def test_an_act_is_on_one_side_in_all_languages(corpus: Path):
    sides: dict[str, set[str]] = {}
    for row in rows_of(corpus):
        sides.setdefault(row["base_celex"], set()).add(row["split"])
    assert len(sides) == 6 and all(len(side) == 1 for side in sides.values())


def test_what_was_left_out_is_counted_and_listed(corpus: Path):
    report = json.loads((corpus / "report.json").read_text(encoding="utf-8"))
    assert report["documents"]["kept"] == 30
    left_out = {reason: sum(by.values()) for reason, by in report["documents_left_out"].items()}
    assert left_out == {"another text of the same document": 1, "too short": 1}
    assert sum(report["inputs_rejected"].values()) == 1
    listed = [json.loads(line) for line in (corpus / "rejected.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(listed) == 3 and any("broken.xml" in item["source"] for item in listed)
    assert all(set(item) == {"source", "reason"} for item in listed)


def test_the_registry_knows_every_act(corpus: Path):
    registry = Registry.load(corpus / "registry.parquet")
    assert len(registry) == 6
    act = registry.act("32099L0003")
    assert act is not None and act.document_type == "directive" and set(act.titles) == set(LANGUAGES)
    assert registry.has_article("32099R0001", "12") and not registry.has_article("32099R0001", "13")


def test_the_manifest_sums_every_output(corpus: Path):
    outputs = json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))["outputs"]
    assert set(outputs) == set(contents(corpus)) - {"manifest.json"}
    for name, entry in outputs.items():
        assert entry == {
            "bytes": (corpus / name).stat().st_size,
            "xxh3": xxhash.xxh3_64_hexdigest((corpus / name).read_bytes()),
        }


def test_the_report_is_one_page_with_its_plots(corpus: Path):
    page = (corpus / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page and "Portuguese" in page and "another text of the same document" in page
    assert "src=" not in page and "<link" not in page


def test_the_result_does_not_depend_on_workers(corpus, acts, tokenizer_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "BYTES_PER_WORKER", 1)
    preprocess([acts], tmp_path / "out", tokenizer_folder, settings(shards=4), workers=3)
    assert contents(tmp_path / "out") == contents(corpus)


def test_other_shards_give_the_same_documents_and_counts(corpus: Path, acts: Path, tokenizer_folder: Path, tmp_path):
    preprocess([acts], tmp_path / "out", tokenizer_folder, settings(shards=1), workers=1)
    assert len(list((tmp_path / "out" / "documents").iterdir())) == 1
    found = [{document.id for document in iter_documents(folder)} for folder in (tmp_path / "out", corpus)]
    assert found[0] == found[1]
    blends = [load_blend(folder / "cpt" / "blend.yaml") for folder in (tmp_path / "out", corpus)]
    assert [entry.tokens for entry in blends[0].train] == [entry.tokens for entry in blends[1].train]


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


def test_one_act_gives_its_last_articles_to_validation(tokenizer_folder: Path, tmp_path: Path):
    for language in LANGUAGES:
        write_act(tmp_path / "in" / language, 1, language, articles=20)
    summary = preprocess([tmp_path / "in"], tmp_path / "out", tokenizer_folder, settings(), workers=1)
    rows = rows_of(tmp_path / "out")
    for language in LANGUAGES:
        train = next(row for row in rows if row["language"] == language and row["split"] == "train")
        validation = next(row for row in rows if row["language"] == language and row["split"] == "validation")
        assert [article["number"] for article in validation["articles"]] == ["19", "20"]
        assert "[1/19]" in validation["text"] and "[1/18]" not in validation["text"]
        assert "[1/18]" in train["text"] and "[1/19]" not in train["text"] and "[1/20]" not in train["text"]
    assert summary.report["split"]["held_out_articles"] == {"32099R0001": ["19", "20"]}
    assert "last articles (19 to 20)" in summary.text()
    assert Registry.load(tmp_path / "out").has_article("32099R0001", "20")


def test_a_language_without_validation_text_is_named(tokenizer_folder: Path, tmp_path: Path):
    for number in (1, 2, 3):
        write_act(tmp_path / "in", number, "en")
    write_act(tmp_path / "in", 4, "pt", articles=1)
    summary = preprocess(
        [tmp_path / "in"], tmp_path / "out", tokenizer_folder, settings(languages=("en", "pt")), workers=1
    )
    assert "No validation text in Portuguese" in summary.text()


def test_the_one_act_of_a_language_gives_its_last_articles_in_every_language(tokenizer_folder: Path, tmp_path: Path):
    for number in (1, 2, 3):
        write_act(tmp_path / "in", number, "en")
    write_act(tmp_path / "in", 2, "pt")
    summary = preprocess([tmp_path / "in"], tmp_path / "out", tokenizer_folder, settings(), workers=1)
    assert summary.report["split"]["held_out_articles"] == {"32099R0002": ["12"]}
    texts = {(row["language"], row["split"], row["base_celex"]): row["text"] for row in rows_of(tmp_path / "out")}
    for language in ("en", "pt"):
        assert "[2/12]" in texts[language, "validation", "32099R0002"]
        assert "[2/12]" not in texts[language, "train", "32099R0002"]
    assert sum(split == "validation" for _, split, _ in texts) == 3


def test_only_the_languages_asked_for_are_kept(acts: Path, tokenizer_folder: Path, tmp_path: Path):
    summary = preprocess([acts], tmp_path / "out", tokenizer_folder, settings(languages=("fr", "de")), workers=1)
    assert set(summary.report["languages"]) == {"fr", "de"}
    assert summary.report["documents_left_out"]["language not asked for"] == {"en": 8, "es": 6, "pt": 6}
    assert {document.language for document in iter_documents(tmp_path / "out")} == {"fr", "de"}


def test_wrong_arguments_are_refused_before_anything_is_written(acts: Path, tokenizer_folder: Path, tmp_path: Path):
    output = tmp_path / "out"
    with pytest.raises(UsageError, match="unknown language 'xx'"):
        preprocess([acts], output, tokenizer_folder, settings(languages=("en", "xx")))
    with pytest.raises(UsageError, match="nowhere does not exist"):
        preprocess([tmp_path / "nowhere"], output, tokenizer_folder, settings())
    with pytest.raises(UsageError, match="no input"):
        preprocess([], output, tokenizer_folder, settings())
    with pytest.raises(UsageError, match="--shards must be at least 1"):
        preprocess([acts], output, tokenizer_folder, settings(shards=0))
    with pytest.raises(UsageError, match=r"holds no tokenizer\.json"):
        preprocess([acts], output, acts, settings())
    with pytest.raises(UsageError, match="lies inside input"):
        preprocess([acts], acts / "out", tokenizer_folder, settings())
    with pytest.raises(UsageError, match="validation share"):
        preprocess([acts], output, tokenizer_folder, settings(validation_share=1.5))
    assert not output.exists()


def test_input_without_a_usable_document_is_an_error_that_leaves_nothing(tokenizer_folder: Path, tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.xml").write_text("<ACT>")
    foreign = tmp_path / "foreign"
    write_act(foreign, 1, "pt")
    for source in (empty, broken, foreign):
        with pytest.raises(RecipeError):
            preprocess([source], tmp_path / "out", tokenizer_folder, settings(languages=("en",)), workers=1)
        assert not any((tmp_path / "out").glob("*"))


RUN = """
import resource, sys
from pathlib import Path
from preprocessing.corpus import engines
from preprocessing.corpus.pipeline import preprocess
from preprocessing.errors import RecipeError
from tests.preprocessing.corpus.conftest import settings
engines.BYTES_PER_WORKER = 1
if __name__ == "__main__":
    limit = int(sys.argv[4])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # the system refuses to write on, as on a full disk
    try:
        source, output, tokenizer = map(Path, sys.argv[1:4])
        preprocess([source], output, tokenizer, settings(shards=4), workers=int(sys.argv[5]))
    except RecipeError as error:
        sys.exit(f"error: {error}")
"""


def command(script: Path, *arguments: object) -> list[str]:
    script.write_text(RUN, encoding="utf-8")
    return [sys.executable, str(script), *map(str, arguments)]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("limit", [5_000, 20_000, 40_000])
def test_a_full_disk_is_one_clear_sentence_and_leaves_nothing(acts, tokenizer_folder, tmp_path, limit, workers):
    arguments = (acts, tmp_path / "out", tokenizer_folder, limit, workers)
    done = subprocess.run(
        command(tmp_path / "run.py", *arguments),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert done.returncode == 1
    assert "the disk is full" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] in ([], [WORK])


def test_a_killed_run_leaves_nothing_that_looks_whole_and_the_next_one_ends(acts, corpus, tokenizer_folder, tmp_path):
    process = subprocess.Popen(
        command(tmp_path / "run.py", acts, tmp_path / "out", tokenizer_folder, 0, 2),
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    staged = tmp_path / "out" / WORK / "write"
    deadline = time.monotonic() + 60
    while not staged.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"building.partial", WORK}
    preprocess([acts], tmp_path / "out", tokenizer_folder, settings(shards=4), workers=1)
    assert contents(tmp_path / "out") == contents(corpus)


@pytest.mark.slow
def test_killed_twenty_times_at_random_it_ends_with_the_same_bytes(acts, corpus, tokenizer_folder, tmp_path):
    out = tmp_path / "out"
    chances = random.Random(20160427)
    for _ in range(20):
        process = subprocess.Popen(
            command(tmp_path / "run.py", acts, out, tokenizer_folder, 0, 2),
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        try:
            process.wait(timeout=chances.uniform(1, 12))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if (out / "manifest.json").exists():  # it was faster: once more, from the middle
            assert contents(out) == contents(corpus)
            (out / "manifest.json").unlink()
            shutil.rmtree(out / chances.choice(["cpt", "documents"]))
    preprocess([acts], out, tokenizer_folder, settings(shards=4), workers=1)
    assert contents(out) == contents(corpus)


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


def test_shares_may_be_chosen_and_general_text_has_its_place(acts: Path, tokenizer_folder: Path, tmp_path: Path):
    preprocess([acts], tmp_path / "general", tokenizer_folder, settings(languages=("en",)), workers=1)
    general = tmp_path / "general" / "cpt" / "en" / "train"
    chosen = settings(languages=("en", "fr"), shares={"en": 1, "fr": 3}, replay=(general, 0.2))
    preprocess([acts], tmp_path / "out", tokenizer_folder, chosen, workers=1)
    for file, name in (("blend.yaml", "train"), ("blend_fast.yaml", "best")):
        blend = load_blend(tmp_path / "out" / "cpt" / file)
        assert [entry.prefix.name for entry in blend.train] == [name, name, "train"]
        assert {entry.language: entry.weight for entry in blend.train} == pytest.approx(
            {"en": 0.2, "fr": 0.6, "replay": 0.2}
        )
        assert {entry.language for entry in blend.validation} == {"en", "fr"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shares": {"en": 1.0}}, "must name each of"),
        ({"shares": {"en": 1, "fr": 1, "de": 1, "es": 1, "pt": 0}}, "must be positive"),
        ({"replay": (Path("general"), 2.0)}, "must lie between 0 and 1"),
        ({"versions": "oldest"}, "must be newest or all"),
        ({"best_share": 1.5}, "--best-share must lie"),
    ],
)
def test_wrong_choices_are_refused_by_name(changes: dict, message: str):
    with pytest.raises(UsageError, match=message):
        settings(**changes)


def test_another_tokenizer_is_another_corpus(acts: Path, tokenizer_folder: Path, corpus: Path, tmp_path: Path):
    other = make_tokenizer(tmp_path / "tokenizer", vocab_size=350)
    with pytest.raises(UsageError, match="other tokenizer"):
        preprocess([acts], corpus, other, settings(shards=4))
