"""Whether a Hugging Face checkpoint is what a NeMo checkpoint holds: tensor by tensor, and by what both compute.

The tensors alone would not do: a conversion that mixes up queries and keys does so both times. The logits are computed
by Megatron on one side and by transformers on the other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from recipes.checkpoints import newest_checkpoint
from recipes.quiet import quiet
from tools.checkpoint import prepare_conversion
from tools.connectors import exporter_class
from tools.hf_checkpoint import check_tensors, llama_config, open_checkpoint, stored_tensors

_LENGTH = 256  # tokens of the sequence whose logits are compared
# the largest difference of a logit, as a part of their standard deviation: sums in another order, or in 8 bits
_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.2}
_TF32_TOLERANCE = 0.03  # Transformer Engine multiplies FP32 with 10 bits behind the point, three more than BF16 has


@dataclass(frozen=True)
class VerifySummary:
    """What was compared and found equal. ``difference`` is the largest of any logit, ``spread`` their deviation."""

    nemo: str
    hf: str
    tensors: int
    parameters: int
    dtype: str
    difference: float | None
    spread: float | None

    def text(self) -> str:
        """One line for a person."""
        line = f"{self.hf} is {self.nemo}: all {self.tensors} tensors equal, {self.parameters:,} parameters"
        if self.difference is None:
            return line + "; logits not compared"
        return f"{line}; logits differ by {self.difference:.2g} at most, and spread by {self.spread:.2g}"

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def verify_checkpoints(nemo: Path, hf: Path, base: Path | None = None, logits: bool = True) -> VerifySummary:
    """Compare the Hugging Face checkpoint ``hf`` with the NeMo checkpoint or run ``nemo``.

    Adapters are merged into their base model (from ``base``, if it was moved) before. Takes memory for three copies of
    the model. Where a GPU is there, Megatron computes on it, in Transformer Engine's layers if that is installed.

    Raises:
        UsageError: one of them is no checkpoint, or the GPU can't hold the model.
        RecipeError: tensors or logits differ; the first ones are named.
    """
    checkpoint = newest_checkpoint(nemo)
    open_checkpoint(hf)
    llama_config(hf)
    prepare_conversion()
    check_tensors(hf)
    with quiet():
        exporter = exporter_class()(str(checkpoint.resolve()))
        exporter.base = base
        source, _ = exporter.nemo_load(checkpoint.resolve())
        from nemo.collections.llm.gpt.model.base import torch_dtype_from_mcore_config

        converted = exporter.convert_state(source, exporter.init(torch_dtype_from_mcore_config(source.config)))
    tensors = _compare_tensors(converted.state_dict(), hf, checkpoint)
    difference = spread = None
    dtype = str(converted.dtype).removeprefix("torch.")
    if logits:
        difference, spread = _compare_logits(source.module, hf, dtype)
        if not difference <= _tolerance(dtype) * spread:
            raise RecipeError(
                f"the tensors of {hf} are those of {checkpoint}, but not its logits: they differ by {difference:.3g} "
                f"and spread by {spread:.3g}; compare config.json (RoPE first) with the other's context/model.yaml"
            )
    return VerifySummary(str(checkpoint), str(hf), tensors, exporter.parameters, dtype, difference, spread)


def _tolerance(dtype: str) -> float:
    import torch

    if dtype == "float32" and torch.cuda.is_available():
        return _TF32_TOLERANCE
    return _TOLERANCE.get(dtype, 0.0)


def _compare_tensors(converted: dict[str, Any], hf: Path, checkpoint: Path) -> int:
    wrong, count = [], 0
    for name, stored in stored_tensors(hf):
        count += 1
        ours = converted.get(name)
        if ours is None or ours.shape != stored.shape or not ours.equal(stored.to(ours.dtype)):
            wrong.append(name)
    if wrong:
        raise RecipeError(
            f"{len(wrong)} of {count} tensors of {hf} are not those of {checkpoint}: {', '.join(wrong[:5])}; "
            "export again"
        )
    return count


def _move_to_gpu(model: Any) -> None:
    """Transformer Engine's layers, which NeMo builds wherever it is installed, compute nowhere else."""
    import torch

    size = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    free, _ = torch.cuda.mem_get_info()
    if size > 0.9 * free:
        raise UsageError(
            f"the model takes {size / 1e9:.0f} GB and the GPU has {free / 1e9:.0f} GB free; compare --tensors-only, or "
            "hide the GPU (CUDA_VISIBLE_DEVICES='') and compute on the CPU"
        )
    model.cuda()


def _compare_logits(megatron: Any, hf: Path, dtype: str) -> tuple[float, float]:
    """Return the largest difference of a logit, and the standard deviation of the logits."""
    import torch
    from transformers import AutoModelForCausalLM

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        _move_to_gpu(megatron)
    model = AutoModelForCausalLM.from_pretrained(hf, dtype=getattr(torch, dtype)).eval()
    vocabulary = model.config.vocab_size
    tokens = torch.randint(0, vocabulary, (1, _LENGTH), generator=torch.Generator().manual_seed(1))
    hidden = torch.ones(_LENGTH, _LENGTH, dtype=torch.bool).triu(1)[None, None]  # true where attention may not look
    inputs = (tokens, torch.arange(_LENGTH)[None], hidden)
    with torch.inference_mode():
        expected = model(tokens).logits.float()
        found = megatron.eval()(*(value.to(device) for value in inputs))[..., :vocabulary].float().cpu()
    return float((found - expected).abs().max()), float(expected.std())
