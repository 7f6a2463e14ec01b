"""The recipes by name, as NeMo's command line lists them.

    nemo llm pretrain --factory eurlex_cpt_tiny trainer.max_steps=3 -y
    nemo llm finetune --factory "eurlex_sft_llama33_70b(chats='data/sft')" --dryrun

``workspace.py`` imports this module; NeMo-Run registers every function that carries ``run.cli.factory``.
"""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import dataclasses
from pathlib import Path

import nemo_run as run
from nemo.collections import llm

from recipes import cpt, sft
from recipes.settings import CONFIGS, Hardware, load_hardware, load_stage

QUICKSTART = Path("runs/quickstart")  # where `make quickstart` leaves its data and checkpoints
QUICKSTART_CONFIG = CONFIGS / "quickstart.yaml"


@run.cli.factory(target=llm.pretrain)
def eurlex_cpt_tiny(
    checkpoint: str = str(QUICKSTART / "base"),
    blend: str = str(QUICKSTART / "corpus/cpt/blend.yaml"),
    folder: str = "runs/cpt_tiny",
    processes: int = 1,
) -> run.Partial:
    """Continued pre-training of the quickstart's tiny Llama on a CPU."""
    return cpt.recipe(
        load_stage("cpt", QUICKSTART_CONFIG), _cpu(processes), Path(checkpoint), Path(blend), Path(folder)
    )


@run.cli.factory(target=llm.finetune)
def eurlex_sft_tiny(
    checkpoint: str = str(QUICKSTART / "base"),
    chats: str = str(QUICKSTART / "sft"),
    folder: str = "runs/sft_tiny",
    processes: int = 1,
) -> run.Partial:
    """Instruction tuning of the quickstart's tiny Llama on a CPU."""
    return sft.recipe(
        load_stage("sft", QUICKSTART_CONFIG), _cpu(processes), Path(checkpoint), Path(chats), Path(folder)
    )


@run.cli.factory(target=llm.pretrain)
def eurlex_cpt_llama33_70b(
    checkpoint: str = "checkpoints/llama33_70b",
    blend: str = "data/corpus/cpt/blend.yaml",
    folder: str = "runs/cpt_llama33_70b",
    hardware: str = "4xb200",
) -> run.Partial:
    """Continued pre-training of Llama 3.3 70B, by default on four B200."""
    return cpt.recipe(
        load_stage("cpt"),
        load_hardware(hardware),
        Path(checkpoint),
        Path(blend),
        Path(folder),
        stand_in=llm.Llama31Config70B,  # Llama 3.3 70B has the architecture of 3.1
    )


@run.cli.factory(target=llm.finetune)
def eurlex_sft_llama33_70b(
    checkpoint: str = "checkpoints/llama33_70b",
    chats: str = "data/sft",
    folder: str = "runs/sft_llama33_70b",
    hardware: str = "4xb200",
) -> run.Partial:
    """Instruction tuning of Llama 3.3 70B, by default on four B200."""
    return sft.recipe(
        load_stage("sft"),
        load_hardware(hardware),
        Path(checkpoint),
        Path(chats),
        Path(folder),
        stand_in=llm.Llama31Config70B,
    )


def _cpu(processes: int) -> Hardware:
    """The CPU profile for so many processes; one by default, since `nemo llm` starts no others by itself."""
    return dataclasses.replace(load_hardware("cpu"), devices=processes, tensor_parallel=processes)
