"""Checkpoints that lack extra states of Transformer Engine's layers are read; those that lack weights are not."""

from __future__ import annotations

import json

from tests.recipes.tiny import Tiny, run_python

# A norm with the extra state that Transformer Engine's has, in a model that is loaded from a checkpoint without it.
CODE = """
import json, sys
from pathlib import Path
from recipes.quiet import import_nemo
import_nemo()
from recipes import cpu
cpu.activate()
import torch
from nemo import lightning as nl
from tools.connectors import exporter_class

class Norm(torch.nn.RMSNorm):
    def get_extra_state(self):
        return torch.empty(0, dtype=torch.uint8)

    def set_extra_state(self, state):
        said["given"] = str(state)

checkpoint, said = Path(sys.argv[1]), {}
build = nl.MegatronStrategy.setup_megatron_parallel

def changed(self, trainer):
    build(self, trainer)
    for module in self.megatron_parallel.modules():
        if hasattr(module, "final_layernorm"):
            norm = Norm(64)
            norm.weight.data.fill_(0.0)
            module.final_layernorm = norm
            if said.get("ours"):
                norm.another = torch.nn.Parameter(torch.zeros(2))

nl.MegatronStrategy.setup_megatron_parallel = changed

def load(name, **trainer):
    try:
        model, made = exporter_class()(str(checkpoint)).nemo_load(checkpoint, **trainer)
        said[name] = "loaded"
        said["norm"] = float(model.module.decoder.final_layernorm.weight.float().abs().sum())
    except RuntimeError as error:
        said[name] = [line for line in str(error).splitlines() if "final_layernorm." in line][0][:150]

strategy = nl.MegatronStrategy(ddp="pytorch", setup_optimizers=False)
load("NeMo's", trainer=nl.Trainer(devices=1, accelerator="cpu", strategy=strategy))
load("ours")
load("another weight")
# as NeMo's adapters do it
from nemo.lightning.pytorch.callbacks.peft import WrappedAdapterIO
from nemo.lightning.pytorch.strategies.utils import create_checkpoint_io
from recipes.strategy import AnyLayersStrategy
strategy = AnyLayersStrategy(ddp="pytorch", setup_optimizers=False)
strategy._checkpoint_io = create_checkpoint_io(wrapping_ckpt_io=WrappedAdapterIO, async_save=True)
said["adapters"] = [type(io).__name__ for io in (strategy.checkpoint_io, strategy.unwrapped_checkpoint_io)]
print(json.dumps(said))
"""


def test_a_checkpoint_of_a_cpu_loads_into_layers_with_more_extra_states(tiny: Tiny) -> None:
    done = run_python(CODE, tiny.nemo)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr[-3000:]
    said = json.loads(lines[0])
    assert "Missing key in checkpoint state_dict: module.decoder.final_layernorm._extra_state" in said["NeMo's"]
    assert said["ours"] == "loaded"
    assert said["norm"] > 0  # the weight beside the state came from the checkpoint
    assert said["adapters"] == ["AsyncFinalizableCheckpointIO", "CheckpointsOfAnyLayers"]
    assert "module.decoder.final_layernorm.another from model not in state dict" in said["another weight"]
