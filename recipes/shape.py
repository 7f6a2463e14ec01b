"""The sizes of a Llama: its tensors, their numbers of parameters, and how pipeline stages share them.

Imports neither torch nor NeMo: a plan needs no model, only its sizes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from preprocessing.errors import UsageError

_LLAMAS = ("LlamaForCausalLM", "MistralForCausalLM")  # the same tensors
#: No size is larger: what is computed of one stays a number that floats can hold.
_LARGEST = 10**9


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
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise UsageError(f"a model's {name} must be a whole number, not {value!r}")
            if value < 1:
                raise UsageError(f"a model's {name} must be at least 1, not {value}")
            if value > _LARGEST:
                raise UsageError(f"a model's {name} must be at most {_LARGEST:,}")
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
        channels=config.kv_channels or config.hidden_size // max(1, heads),
        vocabulary=config.vocab_size or LLAMA_3_VOCABULARY,
        tied=bool(getattr(config, "share_embeddings_and_output_weights", False)),
    )


#: NeMo's own configuration classes leave it to the tokenizer.
LLAMA_3_VOCABULARY = 128256


def read_shape(path: Path) -> Shape:
    """Read the sizes of the model in a Hugging Face folder (or its ``config.json``), or in a NeMo checkpoint.

    Raises:
        UsageError: it is neither, or not Llama-shaped; names the file.
    """
    nemo = path / "context" / "model.yaml"
    if path.is_dir() and nemo.is_file():
        return _of_file(_of_nemo, nemo)
    file = path / "config.json" if path.is_dir() else path
    if not file.exists():
        raise UsageError(f"{path} holds neither config.json nor a NeMo checkpoint")
    return _of_file(_of_hugging_face, file)


def _of_file(read: Callable[[str], Shape], file: Path) -> Shape:
    try:
        return read(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from error
    except RecursionError:
        raise UsageError(f"{file} is nested too deeply for a model's configuration") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is no text") from None
    except UsageError as error:
        raise UsageError(f"{file} is not Llama-shaped: {error}") from error


def _of_hugging_face(text: str) -> Shape:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise UsageError(f"it can't be read as JSON ({error})") from error
    if not isinstance(values, dict):
        raise UsageError("it is no model configuration")
    kinds = values.get("architectures") or [values.get("model_type", "nothing")]
    if not isinstance(kinds, list):
        raise UsageError(f"architectures must be a list of names, not {kinds!r}")
    if not any(kind in (*_LLAMAS, "llama", "mistral") for kind in kinds):
        raise UsageError(f"it says {', '.join(map(str, kinds))}, not {_LLAMAS[0]}")
    if _yes(values, "attention_bias") or _yes(values, "mlp_bias"):
        raise UsageError("its linear layers have biases")
    heads, hidden = _whole(values, "num_attention_heads"), _whole(values, "hidden_size")
    return Shape(
        layers=_whole(values, "num_hidden_layers"),
        hidden=hidden,
        feed_forward=_whole(values, "intermediate_size"),
        heads=heads,
        groups=_whole(values, "num_key_value_heads", heads),
        channels=_whole(values, "head_dim", hidden // max(1, heads)),
        vocabulary=_whole(values, "vocab_size"),
        tied=_yes(values, "tie_word_embeddings"),
    )


def _whole(values: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = values.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{name} is {value!r}, and must be a whole number")
    return value


def _yes(values: Mapping[str, Any], name: str) -> bool:
    value = values.get(name)
    if not isinstance(value, bool | None):
        raise UsageError(f"{name} is {value!r}, and must be true or false")
    return bool(value)


class _Attributes:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def _of_nemo(text: str) -> Shape:
    try:
        return shape_of(_Attributes(yaml.safe_load(text)["config"]))
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"it holds no configuration of a Llama ({error})") from error
