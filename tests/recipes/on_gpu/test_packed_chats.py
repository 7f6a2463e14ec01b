"""Chats that share a sequence train on a GPU, and each token has the loss that it has where its chat is alone.

pytest -m gpu tests/recipes/on_gpu
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest

from tests.recipes.invented_chats import numbered, write_chats
from tests.recipes.on_gpu.small import Small, train

pytestmark = pytest.mark.gpu

CHATS = 200


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [numbered(number, words=1 + number % 9) for number in range(CHATS)]
    validation = [numbered(number) for number in range(CHATS, CHATS + 60)]
    return write_chats(tmp_path_factory.mktemp("sft"), train=lines, validation=validation)


@pytest.mark.parametrize("precision", ["bf16", "fp8-current"])
def test_packed_chats_are_learnt(small: Small, chats: Path, precision: str) -> None:
    request = small.request(
        f"sft-{precision}",
        "sft",
        precision=precision,
        data=chats,
        checkpoint=small.run("bf16"),
        packed_chats=4,
        global_batch_size=16,
    )
    records = train(request)
    losses = [record["loss"] for record in records]
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < losses[0] - 0.5
    # four sequences, where one chat each would be sixteen
    assert records[0]["consumed_tokens"] == 4 * request.stage.sequence_length


def test_a_token_has_the_loss_that_it_has_alone(small: Small, chats: Path, tmp_path: Path) -> None:
    import torch

    model = loaded(small.run("bf16"))
    batch = packed_batch(small, chats, tmp_path)
    borders = batch["cu_seqlens"][0][: batch["cu_seqlens_argmin"][0]].tolist()
    with torch.no_grad():
        together = token_losses(model, batch)
        without = token_losses(model, {**batch, "cu_seqlens": None})
        apart, mixed = [], []
        for start, end in itertools.pairwise(borders[:-1]):
            part = {name: batch[name][:, start:end] for name in ("tokens", "labels", "position_ids")}
            alone = token_losses(model, {**part, "cu_seqlens": None})
            apart.append((together[start:end] - alone).abs().mean())
            if start:
                mixed.append((without[start:end] - alone).abs().mean())
    assert len(apart) > 3
    assert float(torch.stack(apart).max()) < 0.03  # BF16
    assert float(torch.stack(mixed).mean()) > 0.1  # what a chat sees of those before it, where nothing keeps them apart


def loaded(run: Path) -> Any:
    """The model of ``run`` on the GPU."""
    from recipes.checkpoints import newest_checkpoint
    from tools.checkpoint import prepare_conversion
    from tools.connectors import exporter_class

    prepare_conversion()
    checkpoint = newest_checkpoint(run).resolve()
    model, _ = exporter_class()(str(checkpoint)).nemo_load(checkpoint)
    return model.module.cuda().eval()


def packed_batch(small: Small, chats: Path, folder: Path) -> dict[str, Any]:
    """One sequence of several chats, as training gets it."""
    import fiddle as fdl

    from recipes import model
    from recipes.chat_data import CitedChatDataModule

    tokenizer = fdl.build(model.tokenizer(small.base))
    data = CitedChatDataModule(
        str(chats), str(folder / "chats"), tokenizer, seq_length=256, global_batch_size=1, num_workers=0, packed=True
    )
    data.prepare_data()
    packed = data._create_dataset(data.train_path_packed)
    batch: dict[str, Any] = packed.collate_fn([packed[0]])
    return batch


def token_losses(model: Any, batch: dict[str, Any]) -> Any:
    """The loss of each token of the one sequence in ``batch``, attention kept between its borders if it has any."""
    from nemo.collections.llm.gpt.model.base import get_packed_seq_params

    inputs = {name: batch[key].cuda() for name, key in _INPUTS.items()}
    borders = None
    if batch["cu_seqlens"] is not None:
        borders = get_packed_seq_params({**batch, "cu_seqlens": batch["cu_seqlens"].cuda()})
    return model(**inputs, attention_mask=None, packed_seq_params=borders)[0].float().cpu()


_INPUTS = {"input_ids": "tokens", "labels": "labels", "position_ids": "position_ids"}
