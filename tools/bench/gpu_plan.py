"""What gpu_layers trains: the sizes of the model, the batch and the length."""

from __future__ import annotations

import dataclasses
import zlib
from dataclasses import dataclass

from recipes.shape import Shape

TOKENIZER = 2048  # tokens of the tokenizer that is made
VOCABULARY, LAYERS = 128_256, 80  # of Llama 3.3 70B


@dataclass(frozen=True)
class Plan:
    """What is trained: a model of these sizes, on sequences of this length."""

    layers: int
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    vocabulary: int
    sequence_length: int
    micro_batch: int
    global_batch: int
    steps: int
    learning_rate: float
    recompute: str = "none"

    @property
    def key(self) -> str:
        """Eight digits that are another plan's no more."""
        return f"{zlib.crc32(repr(self).encode()):08x}"

    @property
    def shape(self) -> Shape:
        """The model's sizes."""
        channels = self.hidden // self.heads
        return Shape(self.layers, self.hidden, self.ffn, self.heads, self.kv_heads, channels, self.vocabulary)


def seventy(layers: int, **changes: int | str) -> Plan:
    """The plan with the layers of Llama 3.3 70B, and of its vocabulary as large a part as of its layers."""
    share = -(-VOCABULARY * layers // LAYERS)
    plan = Plan(
        layers,
        hidden=8192,
        ffn=28672,
        heads=64,
        kv_heads=8,
        vocabulary=max(TOKENIZER, -(-share // 256) * 256),
        sequence_length=4096,
        micro_batch=1,
        global_batch=8,
        steps=20,
        learning_rate=1e-4,
    )
    return dataclasses.replace(plan, **changes)  # type: ignore[arg-type]


def rehearsal(layers: int, **changes: int | str) -> Plan:
    """The plan for a CPU: the same ratios, a hundred times narrower."""
    plan = Plan(
        layers,
        hidden=128,
        ffn=448,
        heads=8,
        kv_heads=1,
        vocabulary=TOKENIZER,
        sequence_length=128,
        micro_batch=1,
        global_batch=4,
        steps=6,
        learning_rate=2e-3,
    )
    return dataclasses.replace(plan, **changes)  # type: ignore[arg-type]
