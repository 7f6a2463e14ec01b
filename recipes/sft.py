"""Instruction tuning: answers with their citations, from the weights that CPT left.

python launch.py sft --hardware 4xb200 --model runs/cpt --data data/sft
python launch.py sft --hardware cpu --config nemo_configs/quickstart.yaml --model runs/quickstart/cpt ...
"""

from __future__ import annotations

from pathlib import Path

import nemo_run as run
from nemo.collections import llm

from recipes import cpt, model
from recipes.chat_data import CitedChatDataModule, training_chats
from recipes.settings import Hardware, Stage


def recipe(
    stage: Stage,
    hardware: Hardware,
    checkpoint: Path,
    chats: Path,
    folder: Path,
    *,
    precision_name: str | None = None,
    stand_in: type | None = None,
) -> run.Partial:
    """Compose the recipe; ``chats`` is the folder of ``sft-data``, the rest as in :func:`recipes.cpt.recipe`.

    Returns:
        ``nemo.collections.llm.finetune`` with all its arguments; every value can still be overridden.
    """
    common = cpt.common(
        "sft",
        stage,
        hardware,
        checkpoint,
        folder,
        steps=stage.steps(training_chats(chats)),
        precision_name=precision_name,
        stand_in=stand_in,
    )
    return run.Partial(
        llm.finetune,
        data=run.Config(
            CitedChatDataModule,
            source=str(chats),
            prepared=str(folder / "chats"),
            tokenizer=model.tokenizer(checkpoint),
            seq_length=stage.sequence_length,
            micro_batch_size=stage.micro_batch_size,
            global_batch_size=stage.global_batch_size,
            seed=stage.seed,
        ),
        tokenizer="data",  # the one with the chat template that marks the answers; checkpoints keep it
        **common,
    )
