"""Makes a random Llama-3-architecture checkpoint: everything the 70B model has, a hundred thousand times smaller.

Grouped-query attention, RMSNorm, SwiGLU, ``llama3`` RoPE scaling with theta 500000, untied embeddings.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError
from preprocessing.files import atomic_folder
from tools.sample.corpus import refuse_content

# As in Llama 3.3 70B's config.json.
ROPE_THETA = 500000.0
ROPE_SCALING = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
_CONTEXT = 131072


@dataclass(frozen=True)
class ModelSummary:
    """The checkpoint that was written; ``bytes`` is the size of its weights."""

    output: str
    parameters: int
    vocab_size: int
    hidden: int
    layers: int
    bytes: int

    def text(self) -> str:
        """Return the summary for people."""
        return (
            f"Made a random Llama of {self.parameters / 1e6:.2f} million parameters "
            f"({self.layers} layers of width {self.hidden}, vocabulary {self.vocab_size})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return asdict(self)


def make_tiny_llama(
    output: Path,
    tokenizer: Path,
    seed: int = 1,
    hidden: int = 128,
    layers: int = 4,
    heads: int = 4,
    kv_heads: int = 2,
    ffn: int = 384,
    vocab_size: int | None = None,
    dtype: str = "float32",
    device: str = "cpu",
    perturb_norms: bool = False,
) -> ModelSummary:
    """Write a random checkpoint with the ``tokenizer`` folder's files to ``output``, in safetensors of type ``dtype``.

    The vocabulary is exactly the tokenizer's, unless ``vocab_size`` makes it larger (with rows that no text uses). Norm
    weights are 1.0 as in every fresh model; ``perturb_norms`` draws them from 0.5 to 1.5 instead, so that a conversion
    that forgets them is found out. Same seed, same weights, on the same kind of ``device``: a GPU draws the billions
    of numbers of a large model in a second, a CPU in a minute.

    Raises:
        UsageError: ``tokenizer`` is no tokenizer folder, the sizes do not divide, or ``output`` holds something.
    """
    if not (tokenizer / "tokenizer.json").is_file():
        raise UsageError(f"{tokenizer} holds no tokenizer: tokenizer.json is missing")
    if hidden % heads or (hidden // heads) % 2 or heads % kv_heads:
        raise UsageError(
            f"a width of {hidden} with {heads} heads and {kv_heads} key-value heads does not divide: "
            "the width must be an even multiple of the heads, the heads a multiple of the key-value heads"
        )
    refuse_content(output)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaConfig

    tokens = AutoTokenizer.from_pretrained(str(tokenizer), local_files_only=True)
    if vocab_size is not None and vocab_size < len(tokens):
        raise UsageError(f"a vocabulary of {vocab_size} has no room for the tokenizer's {len(tokens)} tokens")
    config = LlamaConfig(
        vocab_size=vocab_size or len(tokens),
        hidden_size=hidden,
        intermediate_size=ffn,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=hidden // heads,
        max_position_embeddings=_CONTEXT,
        rms_norm_eps=1e-5,
        rope_theta=ROPE_THETA,
        rope_scaling=dict(ROPE_SCALING),
        tie_word_embeddings=False,
        attention_bias=False,
        mlp_bias=False,
        bos_token_id=tokens.bos_token_id,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
        dtype=dtype,
    )
    with torch.random.fork_rng(), torch.device(device):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
        if perturb_norms:
            with torch.no_grad():
                for name, weight in model.named_parameters():
                    if "norm" in name:
                        weight.uniform_(0.5, 1.5)
    # a chat ends with its turn, a document with its text: generation stops at either
    stops = [tokens.eos_token_id, tokens.convert_tokens_to_ids("<|eot_id|>")]
    model.generation_config = GenerationConfig(
        bos_token_id=tokens.bos_token_id, eos_token_id=stops, pad_token_id=tokens.pad_token_id
    )
    with atomic_folder(output) as folder:
        model.save_pretrained(str(folder), safe_serialization=True)
        for file in sorted(tokenizer.iterdir()):
            if file.is_file():
                shutil.copyfile(file, folder / file.name)
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))  # a large model is cut into several
    parameters = sum(weight.numel() for weight in model.parameters())
    return ModelSummary(str(output), parameters, config.vocab_size, hidden, layers, size)
