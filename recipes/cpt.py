"""Continued pre-training: next-token prediction on the legal corpus, from the imported weights.

python launch.py cpt [--model llama33_70b] [--hardware 4xb200] [--precision nvfp4] [--peft lora]
python launch.py cpt --model tiny
"""

from __future__ import annotations

from typing import Any

import nemo_run as run
from nemo.collections import llm
from nemo.lightning.pytorch.callbacks.megatron_comm_overlap import MegatronCommOverlapCallback

from recipes import adapters, model, optimizer, precision, run_folder, trainer
from recipes.callbacks import ValidateAtEnd
from recipes.data import LegalCorpusDataModule
from recipes.monitoring import compose as monitoring
from recipes.nvfp4.emulate import emulation
from recipes.recompute import GradientsReachAdapters, recompute
from recipes.request import Request
from recipes.run_guard import RunGuard
from recipes.seeds import SeedEachStep
from recipes.skip_steps import SkipNonFinite
from recipes.stop import StopInTime
from recipes.stragglers import straggler_detection
from recipes.weights_guard import ImportedWeights


def recipe(request: Request) -> run.Partial:
    """Compose the recipe of ``cpt`` or ``cpt_fast``.

    Returns:
        ``nemo.collections.llm.pretrain`` with all its arguments (with adapters ``finetune``, which is the same training
        and takes them); every value can still be overridden.
    """
    stage = request.stage
    parts = common(request, stage.steps())
    return run.Partial(
        llm.finetune if request.adapters else llm.pretrain,
        data=run.Config(
            LegalCorpusDataModule,
            blend=str(request.data),
            tokenizer=model.tokenizer(request.checkpoint),
            seq_length=stage.sequence_length,
            micro_batch_size=stage.micro_batch_size,
            global_batch_size=stage.global_batch_size,
            seed=stage.seed,
            index_mapping_dir=str(request.folder / "sample_order"),
        ),
        **parts,
    )


def common(request: Request, steps: int) -> dict[str, Any]:
    """What CPT and SFT share: everything but the data.

    Raises:
        UsageError: there is no checkpoint and nothing to stand in for it, or the precision does not fit the model.
    """
    stage, folder = request.stage, request.folder
    stand_in = getattr(llm, request.model.stand_in) if request.model.stand_in else None
    llama = model.llama(request.checkpoint, stage.sequence_length, stand_in)
    for key, value in {**recompute(request.layout), **trainer.compute_dtypes(request)}.items():
        setattr(llama.config, key, value)
    callbacks = [
        run.Config(RunGuard, folder=str(folder)),
        run.Config(precision.GpuCanCompute, precision_name=request.format.name),
        run.Config(ImportedWeights, checkpoint=str(request.checkpoint)),
        run.Config(SeedEachStep, seed=stage.seed),
        run.Config(SkipNonFinite, folder=str(folder)),
        run.Config(ValidateAtEnd),
        run.Config(MegatronCommOverlapCallback, tp_comm_overlap=False),  # see recipes/trainer.py
        *monitoring.callbacks(request),
        *emulation(request, llama.config),
        *straggler_detection(request),
        run.Config(StopInTime, folder=str(folder), deadline=request.deadline),
    ]
    if request.adapters:
        callbacks.append(run.Config(GradientsReachAdapters))
    log = run_folder.log(folder, stage)
    for name, logger in monitoring.loggers(request).items():
        setattr(log, name, logger)
    parts = {
        "model": llama,
        "trainer": trainer.trainer(request, llama.config.num_layers, steps, callbacks),
        "log": log,
        "resume": run_folder.resume(folder, request.checkpoint),
        "optim": optimizer.adam(request, steps),
    }
    if request.adapters:
        parts["peft"] = adapters.peft(request.adapters)
    return parts
