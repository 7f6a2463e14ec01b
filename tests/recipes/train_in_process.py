"""A CPT run of two steps in this very process, with a callback that looks at the weights before the first step.

    python -m tests.recipes.train_in_process CHECKPOINT BLEND OUTPUT spoil|keep

Prints one JSON object: what :class:`recipes.weights_guard.ImportedWeights` says to each kind of change. ``spoil``
leaves the last change in, so that the recipe's own check has to stop the run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from preprocessing.errors import RecipeError
from recipes.request import make_request
from tools.train import compose

SMALL = (
    "trainer.devices=1",
    "trainer.strategy.tensor_model_parallel_size=1",
    "trainer.max_steps=2",
    "trainer.limit_val_batches=1",
    "data.seq_length=64",
    "model.config.seq_length=64",
    "data.global_batch_size=2",
    "data.micro_batch_size=1",
    "data.num_workers=0",
)
# one element of each is changed by as little as its type can hold
SPOILT = (
    "embedding.word_embeddings.weight",
    "decoder.layers.0.input_layernorm.weight",
    "decoder.layers.1.self_attention.linear_qkv.weight",
    "decoder.layers.1.mlp.linear_fc1.weight",
    "decoder.final_layernorm.weight",
    "output_layer.weight",
)


class Spoil(Callback):
    """Changes weights one after the other and notes what the check says; it stands before the recipe's own check."""

    def __init__(self, check: Callback, leave_one: bool) -> None:
        self.check = check
        self.leave_one = leave_one
        self.said: dict[str, str] = {}

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._ask("unchanged", trainer, pl_module)
        weights = {name.removeprefix("module.").removeprefix("module."): p for name, p in pl_module.named_parameters()}
        for name in SPOILT:
            weight = weights[name].data.view(-1)
            before = weight[-1].clone()
            weight[-1] = torch.nextafter(before, torch.tensor(torch.inf))
            self._ask(name, trainer, pl_module)
            if name != SPOILT[-1] or not self.leave_one:
                weight[-1] = before
        base = pl_module.config.rotary_base
        pl_module.config.rotary_base = 10000
        self._ask("rotary_base", trainer, pl_module)
        pl_module.config.rotary_base = base
        print(json.dumps(self.said), flush=True)

    def _ask(self, what: str, trainer: Any, pl_module: Any) -> None:
        try:
            self.check.on_train_start(trainer, pl_module)
            self.said[what] = "passed"
        except RecipeError as error:
            self.said[what] = str(error)


def main(checkpoint: str, blend: str, output: str, spoil: str) -> None:
    """Compose the recipe as ``launch.py cpt`` does, and run it here instead of through torchrun."""
    request = make_request("cpt", model="tiny", checkpoint=Path(checkpoint), data=Path(blend), folder=Path(output))
    recipe = compose(request, SMALL)
    import fiddle as fdl

    from recipes.weights_guard import ImportedWeights

    call = fdl.build(recipe)
    callbacks = call.keywords["trainer"].callbacks
    own = next(place for place, callback in enumerate(callbacks) if isinstance(callback, ImportedWeights))
    callbacks.insert(own, Spoil(callbacks[own], leave_one=spoil == "spoil"))
    call()


if __name__ == "__main__":
    main(*sys.argv[1:])
