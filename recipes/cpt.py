"""Continued pre-training: next-token prediction on the legal corpus, from the imported weights.

python launch.py cpt --hardware 4xb200 --model checkpoints/llama33_70b --data data/corpus/cpt/blend.yaml
python launch.py cpt --hardware cpu --config nemo_configs/quickstart.yaml --model runs/quickstart/base ...
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nemo_run as run
from nemo.collections import llm

from recipes import model, optimizer, precision, run_folder, trainer
from recipes.callbacks import ImportedWeights, RunLog, ValidateAtEnd
from recipes.data import LegalCorpusDataModule
from recipes.run_guard import RunGuard
from recipes.settings import Hardware, Stage


def recipe(
    stage: Stage,
    hardware: Hardware,
    checkpoint: Path,
    blend: Path,
    folder: Path,
    *,
    precision_name: str | None = None,
    stand_in: type | None = None,
) -> run.Partial:
    """Compose the recipe.

    Args:
        stage: lengths, steps and rates.
        hardware: devices and parallelism.
        checkpoint: the NeMo checkpoint to start from.
        blend: the ``blend.yaml`` of ``preprocess``.
        folder: the run's folder.
        precision_name: instead of the hardware's own.
        stand_in: see :func:`recipes.model.llama`.

    Returns:
        ``nemo.collections.llm.pretrain`` with all its arguments; every value can still be overridden.
    """
    return run.Partial(
        llm.pretrain,
        data=run.Config(
            LegalCorpusDataModule,
            blend=str(blend),
            tokenizer=model.tokenizer(checkpoint),
            seq_length=stage.sequence_length,
            micro_batch_size=stage.micro_batch_size,
            global_batch_size=stage.global_batch_size,
            seed=stage.seed,
            index_mapping_dir=str(folder / "sample_order"),
        ),
        **common(
            "cpt",
            stage,
            hardware,
            checkpoint,
            folder,
            steps=stage.steps(),
            precision_name=precision_name,
            stand_in=stand_in,
        ),
    )


def common(
    name: str,
    stage: Stage,
    hardware: Hardware,
    checkpoint: Path,
    folder: Path,
    *,
    steps: int,
    precision_name: str | None,
    stand_in: type | None,
) -> dict[str, Any]:
    """What CPT and SFT share: everything but the data."""
    choice = precision.precision(precision_name or hardware.precision)
    llama = model.llama(checkpoint, stage.sequence_length, stand_in)
    for key, value in {**trainer.recompute(hardware), **trainer.compute_dtypes(choice)}.items():
        setattr(llama.config, key, value)
    callbacks = [
        run.Config(RunGuard, folder=str(folder)),
        run.Config(precision.GpuCanCompute, precision_name=choice.name),
        run.Config(ImportedWeights, checkpoint=str(checkpoint)),
        run.Config(ValidateAtEnd),
        run.Config(
            RunLog,
            folder=str(folder),
            stage=name,
            tokens_per_step=stage.global_batch_size * stage.sequence_length,
        ),
    ]
    return {
        "model": llama,
        "trainer": trainer.trainer(stage, hardware, choice, steps, callbacks),
        "log": run_folder.log(folder, stage),
        "resume": run_folder.resume(folder, checkpoint),
        "optim": optimizer.adam(stage, hardware, choice, steps),
    }
