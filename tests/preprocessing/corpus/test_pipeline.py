"""What one run makes of a folder of FORMEX, and what of it does not depend on how it is run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xxhash

from preprocessing.corpus import engines
from preprocessing.corpus.blend import load_blend
from preprocessing.corpus.documents import iter_documents
from preprocessing.corpus.pipeline import preprocess
from preprocessing.corpus.registry import Registry
from preprocessing.errors import RecipeError, UsageError
from preprocessing.languages import LANGUAGES
from tests.preprocessing.corpus.conftest import contents, rows_of, settings, write_act


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
