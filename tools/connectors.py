"""NeMo's Llama importer and exporter, with the faults closed that docs/training.md lists; the worst two:

* Without Transformer Engine, Megatron's local layer spec names the layer norms ``input_layernorm`` and
  ``pre_mlp_layernorm``; NeMo 2.7.3 maps only the Transformer Engine names, so its import leaves every norm at 1.0
  without an error and its export fails. The names are translated to those the model really has, and a parameter
  that no mapping filled stops the conversion.
* NeMo reads only ``factor`` of Llama 3's RoPE scaling; the other three values are set from the checkpoint as well.

The classes are built when they are asked for: importing NeMo takes ten seconds and more.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preprocessing.errors import RecipeError
from tools.adapters import has_adapters, merge, read_adapters

if TYPE_CHECKING:
    from nemo.collections.llm.gpt.model.llama import HFLlamaExporter, HFLlamaImporter

# Transformer Engine fuses each norm into the linear layer behind it; the local spec keeps it as a module of its own.
LOCAL_NORM_NAMES = {
    "self_attention.linear_qkv.layer_norm_weight": "input_layernorm.weight",
    "mlp.linear_fc1.layer_norm_weight": "pre_mlp_layernorm.weight",
}
_NO_LIMIT = 10**9  # transformers writes 10**30 where a tokenizer names no limit


def importer_class() -> type[HFLlamaImporter]:
    """Hugging Face to NeMo; set ``staging`` of an instance to a new folder before :meth:`apply`."""
    from nemo.collections.common.tokenizers.huggingface.auto_tokenizer import AutoTokenizer
    from nemo.collections.llm.gpt.model.llama import HFLlamaImporter, LlamaConfig
    from transformers import AutoConfig

    class LlamaImporter(HFLlamaImporter):
        """NeMo's importer with complete RoPE scaling, checked parameters and a tokenizer folder of its own."""

        staging: str  # where the tokenizer is staged; NeMo's fixed shared folder lets parallel imports mix them up
        parameters: int = 0

        def init(self) -> Any:
            model = super().init()
            # every weight is replaced, and proven to be; drawing 70 billion random numbers first takes many minutes.
            # Set on the object alone: the context that is written has the configuration's arguments
            model.config.perform_initialization = False
            return model

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


def exporter_class() -> type[HFLlamaExporter]:
    """NeMo to Hugging Face."""
    from nemo import lightning as nl
    from nemo.collections.llm.gpt.model.llama import HFLlamaExporter
    from nemo.lightning import io

    from recipes.strategy import AnyLayersStrategy

    class LlamaExporter(HFLlamaExporter):
        """NeMo's exporter with checked parameters and the model's vocabulary size; it merges adapters on the way."""

        parameters: int = 0
        base: Path | None = None  # where the base model of adapters is now, if it was moved

        def nemo_load(self, path: Path, trainer: Any = None, cpu: bool = True) -> Any:
            # as NeMo makes it, with a strategy that reads checkpoints of a CPU into Transformer Engine's layers
            strategy = AnyLayersStrategy(ddp="pytorch", setup_optimizers=False)
            trainer = trainer or nl.Trainer(devices=1, accelerator="cpu" if cpu else "gpu", strategy=strategy)
            if not has_adapters(Path(path)):
                return super().nemo_load(path, trainer, cpu)
            adapters = read_adapters(Path(path), self.base)
            # the base model as it is: NeMo would load the adapters beside weights that it left out
            model, trainer = super().nemo_load(adapters.base, trainer, cpu)
            merge(model, adapters)
            return model, trainer

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
