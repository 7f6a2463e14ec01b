"""A small Llama whose every dimension suits all formats (multiples of 128), and runs of it on this machine's GPU."""

from __future__ import annotations

import dataclasses
import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recipes.hardware import load_hardware
from recipes.metrics import read_metrics
from recipes.request import Request, make_request
from tests.recipes.tiny import ROOT
from tools.bench.gpu_layers import hardware_here, prepare_data, prepare_model
from tools.bench.gpu_plan import Plan

STEPS = 30
PLAN = Plan(
    layers=8,  # the formats that leave layers in BF16 leave some for themselves
    hidden=256,
    ffn=512,
    heads=4,
    kv_heads=2,
    vocabulary=2048,
    sequence_length=256,
    micro_batch=2,
    global_batch=4,
    steps=STEPS,
    learning_rate=1e-3,
)
NO_WANDB = "log.wandb=null"  # not everywhere installed, and nothing of it is tested here


class Small:
    """Data, model and runs in ``folder``, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tokenizer = prepare_data(folder / "data")
        self.blend = folder / "data" / "corpus" / "cpt" / "blend.yaml"
        self.base = prepare_model(folder, self.tokenizer, PLAN, gpu=load_hardware(hardware_here()).gpu)

    def request(self, name: str, stage: str = "cpt", hardware: str | None = None, **choices: Any) -> Request:
        """The recipe's own request, with few steps; ``choices`` of make_request, and of the stage's settings."""
        settings = {key: choices.pop(key) for key in list(choices) if key in _STAGE}
        machine = load_hardware(hardware or hardware_here())
        request = make_request(
            stage,
            # a layout for one device; what the model is comes from the checkpoint
            model="llama31_8b" if machine.gpu else "tiny",
            hardware=machine.name,
            folder=self.folder / "runs" / name,
            **{"checkpoint": self.base, "data": self.blend, **choices},
        )
        numbers = {
            "sequence_length": PLAN.sequence_length,
            "micro_batch_size": PLAN.micro_batch,
            "global_batch_size": PLAN.global_batch,
            "max_steps": STEPS,
            "epochs": None,
            "learning_rate": PLAN.learning_rate,
            "min_learning_rate": PLAN.learning_rate / 10,
            "checkpoint_every": STEPS,
            "validate_every": STEPS,
            "validation_batches": 1,
            **settings,
        }
        return dataclasses.replace(request, stage=dataclasses.replace(request.stage, **numbers))

    @functools.cache  # noqa: B019 (one Small a session)
    def trained(self, precision: str) -> list[dict[str, Any]]:
        """The records of all steps of the recipe in ``precision``."""
        return train(self.request(precision, precision=precision))

    def run(self, precision: str) -> Path:
        """The folder of that run."""
        self.trained(precision)
        return self.folder / "runs" / precision


_STAGE = {field.name for field in dataclasses.fields(make_request("cpt", model="tiny").stage)}


def train(request: Request, *overrides: str, resume_from: str | None = None) -> list[dict[str, Any]]:
    """Train as ``launch.py`` does; return the records of the steps."""
    from tools.train import train as launch

    launch(request, (NO_WANDB, *overrides), resume_from)
    return [record for record in read_metrics(request.folder) if "loss" in record]


def without_gpu(*arguments: object, timeout: float = 400) -> str:
    """Run ``python ARGUMENTS`` where no GPU is to be seen; return what it printed."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{arguments} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout
