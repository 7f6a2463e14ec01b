"""Instruction tuning: answers with their citations, from the weights that CPT left.

python launch.py sft [--model llama33_70b] [--checkpoint runs/cpt_llama33_70b] [--peft lora]
python launch.py sft --model tiny --checkpoint runs/cpt_tiny
"""

from __future__ import annotations

from pathlib import Path

import nemo_run as run
from nemo.collections import llm

from preprocessing.errors import UsageError
from recipes import cpt, model
from recipes.chat_data import CitedChatDataModule
from recipes.chats import training_chats, training_examples
from recipes.request import Request, packed


def recipe(request: Request, steps: int | None = None) -> run.Partial:
    """Compose the recipe.

    Args:
        request: what is asked for.
        steps: of the optimizer; by default as many as the stage's epochs take.

    Returns:
        ``nemo.collections.llm.finetune`` with all its arguments; every value can still be overridden.
    """
    batches = packed(request)
    stage = batches.stage
    data = run.Config(
        CitedChatDataModule,
        source=str(request.data),
        prepared=str(request.folder / "chats"),
        tokenizer=model.tokenizer(request.checkpoint),
        seq_length=stage.sequence_length,
        micro_batch_size=stage.micro_batch_size,
        global_batch_size=stage.global_batch_size,
        seed=stage.seed,
        packed=request.packed,
    )
    return run.Partial(
        llm.finetune,
        data=data,
        tokenizer="data",  # the one with the chat template that marks the answers; checkpoints keep it
        **cpt.common(batches, steps or steps_of(request, data)),
    )


def steps_of(request: Request, data: run.Config[CitedChatDataModule]) -> int:
    """Return how many steps of the optimizer the stage's epochs take, in the batches of ``data``.

    An estimate before the chats were prepared.

    Raises:
        UsageError: ``data`` packs chats, or does not, unlike the stage, whose batches are made for it.
    """
    if data.packed != request.packed:
        raise UsageError(
            f"data.packed={str(data.packed).lower()} does not go with batches that were made for "
            f"{'packed' if request.packed else 'single'} chats; set packed_chats in a file for --config "
            "(null: one chat a sequence)"
        )
    examples = training_examples(Path(data.prepared), packed=data.packed)
    if examples is None:
        chats = training_chats(Path(data.source)) or request.stage.expected_chats
        share = request.stage.packed_chats if data.packed else None
        examples = chats and -(-chats // (share or 1))
    return request.stage.steps(examples, data.global_batch_size)
