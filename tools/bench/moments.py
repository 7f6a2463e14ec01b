"""What Adam's moments in fewer bits do to its steps: FP32, BF16, and FP8 under one scale a tensor, as FusedAdam's.

    make quickstart                                  # leaves the tiny Llama and its corpus
    python -m tools.bench.moments [--quickstart runs/quickstart] [--steps 60]

Plain torch on a CPU, a minute: the arithmetic of Transformer Engine 2.9's FusedAdam (moments dequantized, updated in
FP32, used, and quantized again: E4M3 under one scale a tensor, its largest value at 448), in the training of the tiny
Llama from random weights and from those that the quickstart's CPT left. Seen are the loss and the largest update of any
parameter in units of the learning rate, which FP32 keeps near 1.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = (("fp32", "fp32"), ("bf16", "bf16"), ("fp8", "bf16"), ("fp8", "fp8"))  # of the first and the second moment
_BETAS, _EPSILON, _E4M3 = (0.9, 0.95), 1e-8, 448.0


def rounded(value: Any, kind: str) -> Any:
    """Return the tensor ``value`` as it comes back from being kept as ``kind``."""
    import torch

    if kind == "fp32":
        return value
    if kind == "bf16":
        return value.bfloat16().float()
    largest = value.abs().max()
    scale = _E4M3 / largest if largest > 0 else torch.ones(())
    return (value * scale).to(torch.float8_e4m3fn).float() / scale


class Adam:
    """Adam on ``parameters`` with moments kept as ``first`` and ``second``; :attr:`largest` is that of all updates."""

    def __init__(self, parameters: list[Any], first: str, second: str) -> None:
        import torch

        self.parameters, self.first, self.second = parameters, first, second
        self.moments = [(torch.zeros_like(each), torch.zeros_like(each)) for each in parameters]
        self.count, self.largest = 0, 0.0

    def step(self, rate: float) -> None:
        """Take a step with the parameters' gradients, and clear them."""
        import torch

        self.count += 1
        corrections = [1 - beta**self.count for beta in _BETAS]
        with torch.no_grad():
            for place, (parameter, (mean, square)) in enumerate(zip(self.parameters, self.moments, strict=True)):
                mean = _BETAS[0] * mean + (1 - _BETAS[0]) * parameter.grad
                square = _BETAS[1] * square + (1 - _BETAS[1]) * parameter.grad**2
                update = (mean / corrections[0]) / ((square / corrections[1]).sqrt() + _EPSILON)
                self.largest = max(self.largest, float(update.abs().max()))
                parameter -= rate * update
                self.moments[place] = rounded(mean, self.first), rounded(square, self.second)
                parameter.grad = None


@dataclass(frozen=True)
class Course:
    """How a training went: the loss of each step, and the largest update in learning rates."""

    losses: list[float]
    largest: float


def train(model: Path, tokens: Path, first: str, second: str, rate: float, steps: int) -> Course:
    """Train the Hugging Face folder ``model`` on an indexed dataset's ``tokens`` (its ``.bin``)."""
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    data = torch.from_numpy(np.fromfile(tokens, dtype=np.uint16).astype(np.int64))
    llama = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    adam = Adam(list(llama.parameters()), first, second)
    order, losses = torch.Generator().manual_seed(1), []
    for step in range(steps):
        starts = torch.randint(0, len(data) - 129, (8,), generator=order).tolist()
        batch = torch.stack([data[start : start + 128] for start in starts])
        loss = llama(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(llama.parameters(), 1.0)
        adam.step(rate * min(1.0, (step + 1) / 6))
        losses.append(loss.item())
    return Course(losses, adam.largest)


def main() -> None:
    """Train each kind from both starts, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quickstart", type=Path, default=Path("runs/quickstart"), help="folder of `make quickstart`")
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    tokens = options.quickstart / "corpus" / "cpt" / "en" / "train.bin"
    print("| start | first moment | second moment | loss, first step and mean of the last five | largest update |")
    print("|---|---|---|---|---|")
    for start, folder, rate in (("random", "sample/model", 2e-3), ("after CPT", "cpt", 5e-4)):
        for first, second in KINDS:
            found = train(options.quickstart / folder, tokens, first, second, rate, options.steps)
            last = sum(found.losses[-5:]) / 5
            print(
                f"| {start} | {first} | {second} | {found.losses[0]:.3f} -> {last:.3f} | {found.largest:,.1f} rates |"
            )


if __name__ == "__main__":
    main()
