"""Bring a Hugging Face Llama checkpoint into NeMo, and a trained NeMo checkpoint back to Hugging Face.

The conversion is NeMo's own importer and exporter. Two faults of theirs are closed here:

* Without Transformer Engine, Megatron's local layer spec names the layer norms ``input_layernorm`` and
  ``pre_mlp_layernorm``; NeMo 2.7.3 maps only the Transformer Engine names, so its import leaves every norm at 1.0
  without an error and its export fails. The names are translated to those the model really has, and a parameter
  that no mapping filled stops the conversion.
* NeMo reads only ``factor`` of Llama 3's RoPE scaling; the other three values are set from the checkpoint as well.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_folder
from recipes.quiet import import_nemo, quiet

if TYPE_CHECKING:
    from nemo.collections.llm.gpt.model.llama import HFLlamaExporter, HFLlamaImporter

# Transformer Engine fuses each norm into the linear layer behind it; the local spec keeps it as a module of its own.
LOCAL_NORM_NAMES = {
    "self_attention.linear_qkv.layer_norm_weight": "input_layernorm.weight",
    "mlp.linear_fc1.layer_norm_weight": "pre_mlp_layernorm.weight",
}
_NO_LIMIT = 10**9  # transformers writes 10**30 where a tokenizer names no limit
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class ConversionSummary:
    """What a conversion wrote."""

    source: str
    output: str
    parameters: int
    layers: int
    dtype: str
    gigabytes: float

    def text(self) -> str:
        """One line for a person."""
        return (
            f"{self.output}: {self.parameters:,} parameters in {self.layers} layers, {self.dtype}, "
            f"{self.gigabytes:.2f} GB, every tensor accounted for"
        )

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def import_checkpoint(source: Path, output: Path, overwrite: bool = False) -> ConversionSummary:
    """Convert the Hugging Face Llama checkpoint in ``source`` to a NeMo checkpoint in ``output``.

    Runs on the CPU, whatever the machine, and needs memory for two copies of the model (about 285 GB for 70B BF16).

    Raises:
        UsageError: ``source`` is no whole Llama checkpoint with a tokenizer, or ``output`` exists.
        RecipeError: a parameter of the model was not filled, or with NaN.
    """
    config = check_hf_checkpoint(source)
    _check_output(output, overwrite)
    prepare_conversion()
    _check_tensors(source)
    with tempfile.TemporaryDirectory(prefix="tokenizer-") as staging, atomic_folder(output) as partial, quiet():
        importer = _importer_class()(str(source.resolve()))
        importer.staging = str(Path(staging) / "tokenizer")
        importer.apply(partial)
        _forget_staging(partial, staging)
    return ConversionSummary(
        source=str(source),
        output=str(output),
        parameters=importer.parameters,
        layers=config["num_hidden_layers"],
        dtype=str(config.get("torch_dtype") or config.get("dtype") or "float32"),
        gigabytes=_folder_bytes(output) / 1e9,
    )


def export_checkpoint(source: Path, output: Path, overwrite: bool = False) -> ConversionSummary:
    """Convert the NeMo checkpoint in ``source`` (or the newest one of a run's folder) to Hugging Face in ``output``.

    Raises:
        UsageError: ``source`` holds no finished NeMo checkpoint, or ``output`` exists.
        RecipeError: a parameter of the model was not in the checkpoint.
    """
    from recipes.checkpoints import newest_checkpoint

    checkpoint = newest_checkpoint(source)
    _check_output(output, overwrite)
    prepare_conversion()
    with atomic_folder(output) as partial, quiet():
        exporter = _exporter_class()(str(checkpoint.resolve()))
        exporter.apply(partial)
        _write_generation_config(exporter, partial)
    config = json.loads((output / "config.json").read_text())
    return ConversionSummary(
        source=str(checkpoint),
        output=str(output),
        parameters=exporter.parameters,
        layers=config["num_hidden_layers"],
        dtype=str(config.get("torch_dtype") or config.get("dtype")),
        gigabytes=_folder_bytes(output) / 1e9,
    )


def check_hf_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the ``config.json`` of a Hugging Face Llama checkpoint after checking that its parts are there.

    Raises:
        UsageError: names the first part that is missing, and what to do.
    """
    if not folder.is_dir():
        raise UsageError(f"no checkpoint folder at {folder}; give the folder of a downloaded Hugging Face checkpoint")
    path = folder / "config.json"
    if not path.is_file():
        raise UsageError(f"{folder} is not a Hugging Face checkpoint: it has no config.json")
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is not valid JSON ({error}); download the checkpoint again") from error
    if config.get("model_type") != "llama":
        raise UsageError(f"{folder} holds a '{config.get('model_type')}' model; only Llama checkpoints can be imported")
    if not any(folder.glob("*.safetensors")):
        raise UsageError(f"{folder} has no weights (*.safetensors); download the whole checkpoint")
    for name in TOKENIZER_FILES:
        if not (folder / name).is_file():
            raise UsageError(f"{folder} has no tokenizer: {name} is missing")
    return config


def _check_tensors(folder: Path) -> None:
    """Refuse weight files that lack a tensor of the model: transformers fills it with random numbers and a warning.

    Only the files' headers are read.
    """
    import torch
    from safetensors import SafetensorError, safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    stored: set[str] = set()
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt") as tensors:
                stored.update(tensors.keys())
        except SafetensorError as error:
            raise UsageError(f"{file} is damaged ({error}); download it again") from error
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    missing = sorted(set(model.state_dict()) - stored - tied)
    if missing:
        raise UsageError(
            f"{folder} lacks {len(missing)} tensors of the model: {', '.join(missing[:5])}; "
            "download the whole checkpoint"
        )


def prepare_conversion() -> None:
    """Get this process ready to convert: NeMo loaded, and the CPU support where no GPU is there."""
    import_nemo()
    import torch

    if not torch.cuda.is_available():
        from recipes import cpu

        cpu.activate()


def _check_output(output: Path, overwrite: bool) -> None:
    if output.exists() and any(output.iterdir()) and not overwrite:
        raise UsageError(f"{output} exists already; remove it, choose another --output, or add --overwrite")


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _importer_class() -> type[HFLlamaImporter]:
    """Build the importer class when it is asked for: importing NeMo takes ten seconds and more."""
    from nemo.collections.common.tokenizers.huggingface.auto_tokenizer import AutoTokenizer
    from nemo.collections.llm.gpt.model.llama import HFLlamaImporter, LlamaConfig
    from transformers import AutoConfig

    class LlamaImporter(HFLlamaImporter):
        """NeMo's importer with complete RoPE scaling, checked parameters and a tokenizer folder of its own."""

        staging: str  # where the tokenizer is staged; NeMo's fixed shared folder lets parallel imports mix them up
        parameters: int = 0

        @property
        def config(self) -> LlamaConfig:
            scaling = AutoConfig.from_pretrained(str(self)).rope_scaling or {}
            if scaling.get("rope_type") != "llama3":
                return super().config
            # replace() calls the constructor, whose arguments are what NeMo writes into the checkpoint's context
            return replace(
                super().config,
                low_freq_factor=scaling["low_freq_factor"],
                high_freq_factor=scaling["high_freq_factor"],
                old_context_len=scaling["original_max_position_embeddings"],
            )

        @property
        def tokenizer(self) -> AutoTokenizer:
            self.save_hf_tokenizer_assets(str(self), self.staging)
            # byte for byte the source's: the corpus is recognised by the hash of this file
            shutil.copyfile(Path(self) / "tokenizer.json", Path(self.staging) / "tokenizer.json")
            return AutoTokenizer(self.staging)

        def nemo_setup(self, model: Any, trainer: Any = None, *args: Any, **kwargs: Any) -> Any:
            # nothing to overlap the write with: the conversion is over when the checkpoint is on disk
            return super().nemo_setup(model, trainer, *args, ckpt_async_save=False, **kwargs)

        def convert_state(self, source: Any, target: Any) -> Any:
            with _checked_transforms():
                converted = super().convert_state(source, target)
            self.parameters = sum(parameter.numel() for parameter in converted.parameters())
            return converted

    return LlamaImporter


def _exporter_class() -> type[HFLlamaExporter]:
    from nemo.collections.llm.gpt.model.llama import HFLlamaExporter
    from nemo.lightning import io

    class LlamaExporter(HFLlamaExporter):
        """NeMo's exporter with checked parameters and the vocabulary size of the model, not of the tokenizer."""

        parameters: int = 0

        @property
        def config(self) -> Any:
            config = super().config
            # NeMo takes the tokenizer's size and cuts the embedding to it in silence; the model's own size is kept
            config.vocab_size = io.load_context(str(self), subpath="model.config").vocab_size
            config.pad_token_id = self.tokenizer.pad_id
            # training set it to its sequence length; what the model can hold is what its tokenizer was made for
            longest = self.tokenizer.tokenizer.model_max_length
            if longest < _NO_LIMIT:
                config.max_position_embeddings = max(config.max_position_embeddings, longest)
            return config

        def convert_state(self, source: Any, target: Any, source_config: Any = None) -> Any:
            with _checked_transforms():
                converted = super().convert_state(source, target, source_config)
            self.parameters = sum(parameter.numel() for parameter in converted.parameters())
            return converted

    return LlamaExporter


@contextmanager
def _checked_transforms() -> Iterator[None]:
    """Within this block NeMo's ``io.apply_transforms`` uses the model's real norm names and leaves nothing unset."""
    from nemo.lightning import io

    original = io.apply_transforms

    def apply_transforms(source: Any, target: Any, mapping: dict[str, str], **kwargs: Any) -> Any:
        names = set(_state_names(source)) | set(_state_names(target))
        mapping = {_real_name(key, names): _real_name(value, names) for key, value in mapping.items()}
        _give_one_dtype(source)
        _give_one_dtype(target)
        _poison(target)
        converted = original(source, target, mapping=mapping, **kwargs)
        if hasattr(converted, "tie_weights"):  # the transforms put new parameters in place and so untie them
            converted.tie_weights()
        _assert_complete(converted)
        return converted

    io.apply_transforms = apply_transforms
    try:
        yield
    finally:
        io.apply_transforms = original


def _state_names(module: Any) -> list[str]:
    return [name.removeprefix("module.") for name in module.state_dict()]


def _real_name(pattern: str, names: set[str]) -> str:
    """Translate a Transformer Engine norm name to the local spec's where the model has that one."""
    for fused, local in LOCAL_NORM_NAMES.items():
        if pattern.endswith(fused) and any(name.endswith(local) for name in names if name.startswith("decoder.")):
            return pattern.removesuffix(fused) + local
    return pattern


def _give_one_dtype(module: Any) -> None:
    """Hold every parameter in the embedding's type: the local spec makes its norms in FP32 whatever the model's is."""
    parameters = list(module.parameters())
    for parameter in parameters:
        parameter.data = parameter.data.to(parameters[0].dtype)


def _poison(module: Any) -> None:
    """Fill every parameter with NaN, so that one which no mapping reaches can't pass for a converted one."""
    import torch

    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.is_meta:
                parameter.fill_(float("nan"))


def _assert_complete(module: Any) -> None:
    import torch

    missing = [name for name, parameter in module.named_parameters() if torch.isnan(parameter).any()]
    if missing:
        raise RecipeError(
            f"{len(missing)} parameters were not filled from the checkpoint, or hold NaN there: "
            f"{', '.join(missing[:5])}"
        )


def _forget_staging(checkpoint: Path, staging: str) -> None:
    """Nothing of the checkpoint may name the temporary tokenizer folder, which is about to go."""
    for path in (checkpoint / "context").glob("*"):
        if path.is_file() and staging.encode() in path.read_bytes():
            raise RecipeError(f"{path.name} of the new checkpoint refers to the temporary folder {staging}")


def _write_generation_config(exporter: Any, output: Path) -> None:
    """Carry the generation settings (both end tokens of Llama 3) over from the import, where they were kept."""
    from nemo.lightning import io

    generation_config = getattr(io.load_context(str(exporter), subpath="model.config"), "generation_config", None)
    if generation_config is not None:
        generation_config.save_pretrained(output)
    shutil.rmtree(output / ".cache", ignore_errors=True)
