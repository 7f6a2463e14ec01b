"""The model of a recipe: its architecture and its tokenizer always come from the imported checkpoint.

NeMo's RestoreConfig restores weights and nothing else. A configuration written by hand with, say, another RoPE base
loads without a word and computes something else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nemo_run as run
from nemo.collections import llm
from nemo.collections.common.tokenizers.huggingface.auto_tokenizer import AutoTokenizer

from preprocessing.errors import RecipeError, UsageError
from recipes.checkpoints import is_checkpoint

CHAT_TEMPLATE = Path(__file__).parent / "llama3_chat_template.jinja"

# What makes a model the model it is. Everything else in a configuration says how it is computed.
ARCHITECTURE = (
    "num_layers",
    "hidden_size",
    "ffn_hidden_size",
    "num_attention_heads",
    "num_query_groups",
    "kv_channels",
    "vocab_size",
    "make_vocab_size_divisible_by",
    "share_embeddings_and_output_weights",
    "layernorm_epsilon",
    "init_method_std",
    "rotary_base",
    "rotary_percent",
    "scale_factor",
    "low_freq_factor",
    "high_freq_factor",
    "old_context_len",
)


def llama(checkpoint: Path, sequence_length: int, stand_in: type | None = None) -> run.Config[llm.LlamaModel]:
    """The Llama of ``checkpoint`` as a recipe part.

    Args:
        checkpoint: an imported NeMo checkpoint.
        sequence_length: tokens a training sequence.
        stand_in: NeMo's configuration class of the same model, taken where the checkpoint is not on this machine, so
            that a recipe can be shown and edited anywhere; :func:`assert_architecture` compares when the run starts.

    Raises:
        UsageError: there is no checkpoint and no stand-in.
    """
    if is_checkpoint(checkpoint):
        imported = imported_config(checkpoint)
        config = run.Config(imported.__fn_or_cls__, **architecture(imported))
    elif stand_in is not None:
        config = run.Config(stand_in)
    else:
        raise UsageError(
            f"no NeMo checkpoint at {checkpoint}; make one with: python launch.py import HF_FOLDER --output DIR "
            "(the quickstart's comes with `make quickstart`)"
        )
    config.seq_length = sequence_length
    return run.Config(llm.LlamaModel, config=config)


def imported_config(checkpoint: Path) -> Any:
    """The model configuration in a NeMo checkpoint, unbuilt: its machine may have had kernels that this one lacks."""
    from nemo.lightning import io

    return io.load_context(checkpoint, subpath="model.config", build=False)


def architecture(config: Any) -> dict[str, Any]:
    """The architecture fields that ``config`` has and sets, with their values."""
    values = {name: getattr(config, name, None) for name in ARCHITECTURE}
    return {name: value for name, value in values.items() if value is not None}


def assert_architecture(config: Any, checkpoint: Path) -> None:
    """Check that ``config`` describes the model of ``checkpoint``.

    Raises:
        RecipeError: names each field that differs.
    """
    expected = architecture(imported_config(checkpoint))
    actual = architecture(config)
    wrong = [
        f"{name} is {actual.get(name)}, not {value}" for name, value in expected.items() if actual.get(name) != value
    ]
    if wrong:
        raise RecipeError(f"the model is not the one in {checkpoint}: {'; '.join(wrong)}")


def tokenizer(checkpoint: Path) -> run.Config[AutoTokenizer]:
    """The tokenizer of ``checkpoint``, with the chat template that marks the assistant's turns."""
    return run.Config(
        AutoTokenizer,
        pretrained_model_name=str(tokenizer_folder(checkpoint)),
        chat_template=CHAT_TEMPLATE.read_text(encoding="utf-8"),
    )


def tokenizer_folder(checkpoint: Path) -> Path:
    """The Hugging Face tokenizer folder inside a NeMo checkpoint."""
    found = sorted(path.parent for path in (checkpoint / "context").glob("*/tokenizer.json"))
    return found[0] if found else checkpoint / "context" / "tokenizer"
