"""Instruction tuning: answers with their citations, from the weights that CPT left.

python launch.py sft [--model llama33_70b] [--checkpoint runs/cpt_llama33_70b] [--peft lora]
python launch.py sft --model tiny --checkpoint runs/cpt_tiny
"""

from __future__ import annotations

import nemo_run as run
from nemo.collections import llm

from recipes import cpt, model
from recipes.chat_data import CitedChatDataModule
from recipes.chats import training_chats, training_examples
from recipes.request import Request, packed


def recipe(request: Request) -> run.Partial:
    """Compose the recipe.

    Returns:
        ``nemo.collections.llm.finetune`` with all its arguments; every value can still be overridden.
    """
    prepared = request.folder / "chats"
    share = request.stage.packed_chats if request.hardware.gpu else None
    examples = training_examples(prepared, packed=share is not None)
    if examples is None:  # not prepared yet: the number of steps is an estimate
        chats = training_chats(request.data) or request.stage.expected_chats
        examples = chats and -(-chats // (share or 1))
    request = packed(request)
    stage = request.stage
    common = cpt.common(request, stage.steps(examples))
    return run.Partial(
        llm.finetune,
        data=run.Config(
            CitedChatDataModule,
            source=str(request.data),
            prepared=str(prepared),
            tokenizer=model.tokenizer(request.checkpoint),
            seq_length=stage.sequence_length,
            micro_batch_size=stage.micro_batch_size,
            global_batch_size=stage.global_batch_size,
            seed=stage.seed,
            packed=share is not None,
        ),
        tokenizer="data",  # the one with the chat template that marks the answers; checkpoints keep it
        **common,
    )
