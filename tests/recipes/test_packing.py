"""Chats that share a sequence are each whole, are learnt as they would be alone, and don't see each other."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preprocessing.errors import UsageError
from recipes.packing import first_fit, write_packed
from tests.recipes.invented_chats import ANSWER, QUESTION, chat, numbered, write_chats
from tests.recipes.tiny import Tiny

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")

LENGTH = 128
CHATS = 40


@pytest.fixture(scope="module", params=["<|end_of_text|>", "<|eot_id|>"])
def tokenizer(tiny: Tiny, request: pytest.FixtureRequest) -> Any:
    """NeMo's tokenizer of the checkpoint, with the template that marks the assistant's turns; base and instruct."""
    import fiddle as fdl

    from recipes import model

    config = model.tokenizer(tiny.nemo)
    config.eos_token = request.param
    return fdl.build(config)


def module(tokenizer: Any, source: Path, prepared: Path, **settings: Any) -> Any:
    from recipes.chat_data import CitedChatDataModule

    settings = {"seq_length": LENGTH, "global_batch_size": 1, "num_workers": 0, "packed": True, **settings}
    return CitedChatDataModule(str(source), str(prepared), tokenizer, **settings)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chats of very different lengths; some of two answers, so that a mask has several pieces."""
    again = [QUESTION, ANSWER, {"role": "user", "content": "And Article 6?"}, {"role": "assistant", "content": "No."}]
    lines = [numbered(number, words=1 + number % 9) for number in range(CHATS - 1)]
    validation = [numbered(number) for number in range(100, 104)]
    return write_chats(tmp_path_factory.mktemp("sft"), train=[*lines, chat(*again)], validation=validation)


@pytest.fixture(scope="module")
def data(tokenizer: Any, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = module(tokenizer, source, tmp_path_factory.mktemp("prepared") / "chats")
    made.prepare_data()
    return made


def obvious_first_fit(lengths: list[int], capacity: int) -> list[list[int]]:
    bins: list[list[int]] = []
    for place, length in enumerate(lengths):
        for content in bins:
            if sum(lengths[other] for other in content) + length <= capacity:
                content.append(place)
                break
        else:
            bins.append([place])
    return bins


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 9, 200])
def test_each_chat_goes_into_the_first_sequence_with_room(count: int) -> None:
    lengths = [random.Random(count).randint(1, 50) for _ in range(count)]
    assert first_fit(lengths, 50) == obvious_first_fit(lengths, 50)


def test_a_chat_longer_than_a_sequence_is_an_error() -> None:
    with pytest.raises(ValueError, match="51 does not fit into 50"):
        first_fit([3, 51], 50)


def test_packing_fills_sequences_and_says_how_far(tmp_path: Path) -> None:
    generator = random.Random(1)
    examples = [([7] * generator.randint(2, 300), [True]) for _ in range(2000)]
    examples = [(ids, [True] * len(ids)) for ids, _ in examples]
    report = write_packed(tmp_path / "packed", examples, 1024, seed=1)
    tokens = sum(len(ids) - 1 for ids, _ in examples)
    assert report["chats"] == 2000
    assert report["filled"] == pytest.approx(tokens / (report["sequences"] * 1024), abs=1e-4)
    assert report["filled"] > 0.98


def packed_chats(item: dict[str, Any]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """(tokens, tokens that are trained on) of each chat in a packed sequence."""
    chats = []
    for start, end in zip(item["seq_boundaries"][:-1], item["seq_boundaries"][1:], strict=True):
        ids = item["input_ids"][start:end]
        # the mask stands at the input whose label it is
        trained = ids[1:][np.asarray(item["loss_mask"][start : end - 1], dtype=bool)]
        chats.append((tuple(ids.tolist()), tuple(trained.tolist())))
    return chats


def test_every_chat_is_in_one_sequence_once_and_whole_with_its_mask(data: Any, tokenizer: Any) -> None:
    packed = data._create_dataset(data.train_path_packed)
    alone = data._unpacked(data.train_path)
    wanted = [
        (tuple(item["input_ids"].tolist()), tuple(item["input_ids"][item["loss_mask"]].tolist()))
        for item in (alone[number] for number in range(len(alone)))
    ]
    found = [pair for number in range(len(packed)) for pair in packed_chats(packed[number])]
    assert len(wanted) == CHATS > 2 * len(packed)
    assert sorted(found) == sorted(wanted)
    end = tokenizer.tokenizer.convert_tokens_to_ids("<|eot_id|>")
    assert all(trained[-1] == ids[-1] == end for ids, trained in found)  # the end of its turn is learnt
    assert found != wanted  # shuffled before they were packed
    report = json.loads((data.dataset_root / "report.json").read_text())["packing"]
    assert (report["train"]["sequences"], report["train"]["chats"]) == (len(packed), CHATS)


def test_a_batch_says_where_each_chat_begins_and_no_label_crosses_a_border(data: Any) -> None:
    packed = data._create_dataset(data.train_path_packed)
    items = [packed[number] for number in range(len(packed))]
    batch = packed.collate_fn(items)
    assert batch["tokens"].shape == (len(packed), LENGTH)
    for row, item in enumerate(items):
        borders = batch["cu_seqlens"][row][: batch["cu_seqlens_argmin"][row]].tolist()
        chats = packed_chats(item)
        lengths = [len(ids) - 1 for ids, _ in chats]
        assert borders[: len(chats) + 1] == np.cumsum([0, *lengths]).tolist()
        assert borders[len(chats) :] in ([LENGTH], [sum(lengths), LENGTH])  # padding is a sequence of its own
        assert int(batch["max_seqlen"][row]) == max(np.diff(borders))
        for (ids, trained), start, end in zip(chats, borders[:-1], borders[1:], strict=False):
            assert batch["tokens"][row, start:end].tolist() == list(ids[:-1])
            assert batch["labels"][row, start:end].tolist() == list(ids[1:])
            assert batch["position_ids"][row, start:end].tolist() == list(range(end - start))
            assert tuple(batch["labels"][row, start:end][batch["loss_mask"][row, start:end].bool()].tolist()) == trained
        assert int(batch["loss_mask"][row, sum(lengths) :].sum()) == 0


def logits(model: Any, tokens: Any, positions: Any, borders: list[int]) -> Any:
    """What the model computes when attention is kept between ``borders``, as variable-length attention does."""
    import torch

    number = torch.zeros(tokens.shape[1], dtype=torch.long)
    number[borders[1:-1]] = 1
    number = number.cumsum(0)
    seen = (number[:, None] == number[None]) & torch.ones(len(number), len(number), dtype=torch.bool).tril()
    mask = torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))[None, None]
    with torch.inference_mode():
        return model(input_ids=tokens, position_ids=positions, attention_mask=mask).logits[0]


def test_a_chat_in_a_packed_sequence_gets_the_logits_it_gets_alone(tiny: Tiny, data: Any) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny.hf, dtype=torch.float32, attn_implementation="eager").eval()
    packed = data._create_dataset(data.train_path_packed)
    batch = packed.collate_fn([packed[0]])
    borders = batch["cu_seqlens"][0][: batch["cu_seqlens_argmin"][0]].tolist()
    together = logits(model, batch["tokens"], batch["position_ids"], borders)
    without = logits(model, batch["tokens"], batch["position_ids"], [0, LENGTH])
    assert len(borders) > 3
    for start, end in itertools.pairwise(borders[:-1]):
        with torch.inference_mode():
            alone = model(input_ids=batch["tokens"][:, start:end]).logits[0]
        assert float((together[start:end] - alone).abs().max()) < 1e-4
        if start:  # without borders the same tokens give something else
            assert float((without[start:end] - alone).abs().max()) > 1e-2


def test_another_content_gets_another_file_and_the_same_content_none(
    tokenizer: Any, source: Path, tmp_path: Path
) -> None:
    prepared = tmp_path / "chats"

    def files() -> dict[str, int]:
        return {
            str(path.relative_to(prepared)): path.stat().st_mtime_ns for path in sorted(prepared.glob("packed-*/*/*"))
        }

    module(tokenizer, source, prepared).prepare_data()
    first = files()
    assert len(first) == 8
    module(tokenizer, source, prepared).prepare_data()
    assert files() == first
    module(tokenizer, source, prepared, seed=5).prepare_data()
    assert first.items() < files().items()
    write_chats(source.parent / "other", train=[numbered(number) for number in range(9)], validation=[numbered(100)])
    other = module(tokenizer, source.parent / "other", prepared)
    other.prepare_data()
    assert first.keys().isdisjoint(files())
    assert len(other._create_dataset(other.train_path_packed)) < 9


def test_every_epoch_shows_each_sequence_once_in_another_order(data: Any) -> None:
    packed = data._create_dataset(data.train_path_packed, max_num_samples=30)
    size = len(data._create_dataset(data.train_path_packed))
    shown = packed.samples_mapping.tolist()
    assert len(packed) == 30
    epochs = [shown[start : start + size] for start in range(0, 30 - size + 1, size)]
    assert all(sorted(epoch) == list(range(size)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs)


def recipe(tmp_path: Path, hardware: str, *overrides: str) -> Any:
    from recipes.request import make_request
    from tools.train import compose

    folder = tmp_path / "run"
    return compose(make_request("sft", hardware=hardware, data=tmp_path / "sft", folder=folder), overrides)


def test_on_gpus_a_step_takes_as_many_chats_in_fewer_sequences(tmp_path: Path) -> None:
    made = recipe(tmp_path, "4xb200")
    assert (made.data.packed, made.data.global_batch_size, made.data.micro_batch_size) == (True, 16, 1)
    assert made.trainer.max_steps == 3 * 150_000 // 128 + 1
    (tmp_path / "run" / "chats").mkdir(parents=True)
    report = {"splits": {"train": {"kept": 9000}}, "packing": {"train": {"sequences": 800}}}
    (tmp_path / "run" / "chats" / "report.json").write_text(json.dumps(report))
    assert recipe(tmp_path, "4xb200").trainer.max_steps == 3 * 800 // 16


def test_on_a_cpu_a_sequence_holds_one_chat(tiny: Tiny, tmp_path: Path) -> None:
    from recipes.request import make_request
    from tools.train import compose

    request = make_request("sft", model="tiny", checkpoint=tiny.nemo, data=tmp_path, folder=tmp_path / "run")
    assert compose(request).data.packed is False
    with pytest.raises(UsageError, match=r"packed chats need Transformer Engine's attention.*data\.packed=false"):
        compose(request, ["data.packed=true"])


def test_packing_is_refused_where_nemo_would_cut_it_wrongly(tmp_path: Path) -> None:
    layout = ("trainer.strategy.tensor_model_parallel_size=2", "trainer.strategy.context_parallel_size=2")
    with pytest.raises(UsageError, match="can't divide packed chats over 2 context parallel parts"):
        recipe(tmp_path, "4xb200", *layout)
    with pytest.raises(UsageError, match=r"packed chats need data\.micro_batch_size=1, not 2"):
        recipe(tmp_path, "4xb200", "data.micro_batch_size=2")
