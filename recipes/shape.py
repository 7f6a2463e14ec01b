"""The sizes of a Llama: its tensors, their numbers of parameters, and how pipeline stages share them.

Imports neither torch nor NeMo: a plan needs no model, only its sizes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from preprocessing.errors import UsageError

_LLAMAS = ("LlamaForCausalLM", "MistralForCausalLM")  # the same tensors


class Linear(NamedTuple):
    """A layer's product. Tensor parallelism divides its outputs, or (``by_input``) its inputs."""

    inputs: int
    outputs: int
    by_input: bool

    @property
    def weights(self) -> int:
        """Number of weights."""
        return self.inputs * self.outputs


@dataclass(frozen=True)
class Shape:
    """The sizes of a dense decoder with grouped-query attention, SwiGLU and RMSNorm, without biases."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    groups: int  # of heads that share keys and values
    channels: int  # of a head
    vocabulary: int
    tied: bool = False  # the output layer is the embedding

    def __post_init__(self) -> None:
        for name in ("layers", "hidden", "feed_forward", "heads", "groups", "channels", "vocabulary"):
            if getattr(self, name) < 1:
                raise UsageError(f"a model's {name} must be at least 1, not {getattr(self, name)}")
        if self.heads % self.groups:
            raise UsageError(f"{self.heads} attention heads do not divide into {self.groups} key-value heads")

    @property
    def queries(self) -> int:
        """Columns of all queries, and of attention's result."""
        return self.heads * self.channels

    @property
    def keys(self) -> int:
        """Columns of all keys; values have as many."""
        return self.groups * self.channels

    @property
    def linears(self) -> dict[str, Linear]:
        """The four products of a layer, by Megatron's names."""
        return {
            "linear_qkv": Linear(self.hidden, self.queries + 2 * self.keys, by_input=False),
            "linear_proj": Linear(self.queries, self.hidden, by_input=True),
            "linear_fc1": Linear(self.hidden, 2 * self.feed_forward, by_input=False),  # gate and up in one
            "linear_fc2": Linear(self.feed_forward, self.hidden, by_input=True),
        }

    @property
    def layer_weights(self) -> int:
        """Weights of a layer's four products."""
        return sum(linear.weights for linear in self.linears.values())

    @property
    def table(self) -> int:
        """Weights of the embedding; the output layer has as many."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """Number of parameters: products, two norms a layer, the final norm, the tables."""
        layers = self.layers * (self.layer_weights + 2 * self.hidden)
        return layers + self.hidden + self.table * (1 if self.tied else 2)

    def adapter_parameters(self, rank: int, targets: Sequence[str], magnitudes: bool = False) -> int:
        """Number of parameters of adapters at the products ``targets``; DoRA's have a magnitude a row as well."""
        linears = (self.linears[name] for name in targets)
        return self.layers * sum(rank * (each.inputs + each.outputs) + magnitudes * each.outputs for each in linears)

    def attention_flop(self, sequence_length: int, causal: bool = True) -> float:
        """FLOP of attention in one layer on one token, forward: scores, and their product with the values."""
        seen = sequence_length / 2 if causal else sequence_length
        return 2 * 2 * self.queries * seen

    def training_flop(self, sequence_length: int, adapter_rank: int | None = None, causal: bool = True) -> float:
        """Return the FLOP of training on one token, forward and backward; what is recomputed does not count.

        Args:
            sequence_length: tokens a sequence.
            adapter_rank: None when all weights are trained. Frozen weights take part in the forward product and in that
                for the gradient of their input, and not in that for their own gradient.
            causal: attention only to what stands before a token, on average half of all.
        """
        weights = self.layers * self.layer_weights + self.table
        attention = self.layers * self.attention_flop(sequence_length, causal)
        if adapter_rank is None:
            return 3 * (2 * weights + attention)
        adapters = self.adapter_parameters(adapter_rank, tuple(self.linears))
        return 2 * 2 * weights + 3 * 2 * adapters + 3 * attention


def shape_of(config: Any) -> Shape:
    """Return the sizes in a Megatron configuration (``num_layers``, ``ffn_hidden_size``, ...), built or not."""
    heads = config.num_attention_heads
    return Shape(
        layers=config.num_layers,
        hidden=config.hidden_size,
        feed_forward=config.ffn_hidden_size,
        heads=heads,
        groups=config.num_query_groups or heads,
        channels=config.kv_channels or config.hidden_size // heads,
        vocabulary=config.vocab_size or LLAMA_3_VOCABULARY,
        tied=bool(getattr(config, "share_embeddings_and_output_weights", False)),
    )


#: NeMo's own configuration classes leave it to the tokenizer.
LLAMA_3_VOCABULARY = 128256


def read_shape(path: Path) -> Shape:
    """Read the sizes of the model in a Hugging Face folder (or its ``config.json``), or in a NeMo checkpoint.

    Raises:
        UsageError: it is neither, or not Llama-shaped.
    """
    if path.is_dir() and (path / "context" / "model.yaml").is_file():
        return _of_nemo(path / "context" / "model.yaml")
    file = path / "config.json" if path.is_dir() else path
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path} holds neither config.json nor a NeMo checkpoint") from None
    except (ValueError, OSError) as error:
        raise UsageError(f"{file} can't be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{file} is no model configuration")
    return _of_hugging_face(values, file)


def _of_hugging_face(values: Mapping[str, Any], file: Path) -> Shape:
    kinds = values.get("architectures") or [values.get("model_type", "nothing")]
    if not any(kind in (*_LLAMAS, "llama", "mistral") for kind in kinds):
        raise UsageError(f"{file} is not Llama-shaped: it says {', '.join(map(str, kinds))}, not {_LLAMAS[0]}")
    if values.get("attention_bias") or values.get("mlp_bias"):
        raise UsageError(f"{file} is not Llama-shaped: its linear layers have biases")
    heads = _whole(values, "num_attention_heads", file)
    hidden = _whole(values, "hidden_size", file)
    return Shape(
        layers=_whole(values, "num_hidden_layers", file),
        hidden=hidden,
        feed_forward=_whole(values, "intermediate_size", file),
        heads=heads,
        groups=_whole(values, "num_key_value_heads", file) if values.get("num_key_value_heads") else heads,
        channels=_whole(values, "head_dim", file) if values.get("head_dim") else hidden // max(1, heads),
        vocabulary=_whole(values, "vocab_size", file),
        tied=bool(values.get("tie_word_embeddings", False)),
    )


def _whole(values: Mapping[str, Any], name: str, file: Path) -> int:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{file} is not Llama-shaped: {name} is {value!r}, and must be a whole number")
    return value


class _Attributes:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def _of_nemo(file: Path) -> Shape:
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
        return shape_of(_Attributes(config))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} holds no configuration of a Llama: {error}") from error
