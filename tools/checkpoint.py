"""Bring a Hugging Face Llama checkpoint into NeMo, and a trained NeMo checkpoint back to Hugging Face.

The conversion is NeMo's own importer and exporter, completed in ``tools/connectors.py``.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_folder
from recipes.checkpoints import newest_checkpoint
from recipes.quiet import import_nemo, quiet
from tools.adapters import has_adapters, read_adapters, write_peft_folder
from tools.connectors import exporter_class, importer_class
from tools.hf_checkpoint import check_tensors, llama_config, open_checkpoint

# by which the processes of a run find each other
_MEETING_POINT = ("MASTER_ADDR", "MASTER_PORT")


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
    open_checkpoint(source)
    config = llama_config(source)
    _check_output(output, overwrite)
    prepare_conversion()
    check_tensors(source)
    with (
        tempfile.TemporaryDirectory(prefix="tokenizer-") as staging,
        atomic_folder(output) as partial,
        _alone(),
        quiet(),
    ):
        importer = importer_class()(str(source.resolve()))
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


def export_checkpoint(
    source: Path, output: Path, overwrite: bool = False, base: Path | None = None
) -> ConversionSummary:
    """Convert the NeMo checkpoint in ``source`` (or the newest one of a run's folder) to Hugging Face in ``output``.

    Adapters of a LoRA or DoRA run are merged into the weights that they were trained on, which are read from where they
    were then, or from ``base``.

    Raises:
        UsageError: ``source`` holds no finished NeMo checkpoint, its base model is gone, or ``output`` exists.
        RecipeError: a parameter of the model was not in the checkpoint, or the adapters are not those of the base.
    """
    checkpoint = newest_checkpoint(source)
    _check_output(output, overwrite)
    prepare_conversion()
    with atomic_folder(output) as partial, _alone(), quiet():
        exporter = exporter_class()(str(checkpoint.resolve()))
        exporter.base = base
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


def export_adapters(source: Path, output: Path, overwrite: bool = False, base: Path | None = None) -> ConversionSummary:
    """Write the adapters of a LoRA or DoRA run alone, as Hugging Face's PEFT reads them, with their tokenizer.

    Raises:
        UsageError: ``source`` holds no adapters, their base model is gone, or ``output`` exists.
    """
    checkpoint = newest_checkpoint(source)
    if not has_adapters(checkpoint):
        raise UsageError(f"{checkpoint} holds a whole model, no adapters; export it without --adapters-only")
    _check_output(output, overwrite)
    prepare_conversion()
    with atomic_folder(output) as partial, quiet():
        from nemo.lightning import io

        adapters = read_adapters(checkpoint, base)
        model = io.load_context(checkpoint.resolve(), subpath="model")
        parameters = write_peft_folder(adapters, model.config, partial)
        model.tokenizer.tokenizer.save_pretrained(partial)
    return ConversionSummary(
        source=str(checkpoint),
        output=str(output),
        parameters=parameters,
        layers=model.config.num_layers,
        dtype="float32",
        gigabytes=_folder_bytes(output) / 1e9,
    )


def prepare_conversion() -> None:
    """Get this process ready to convert: NeMo loaded, and the CPU support where no GPU is there."""
    import_nemo()
    import torch

    if torch.cuda.is_available():
        torch.cuda.init()  # NeMo's reader of checkpoints wants that done (io/pl.py, _fix_tensors_device)
    else:
        from recipes import cpu

        cpu.activate()


@contextmanager
def _alone() -> Iterator[None]:
    """Within this block a process group of this process alone can be made, whatever runs beside it.

    NeMo takes the port that the environment names: another run's, where this process was started by one. Without, it
    looks for a free one and leaves it in the environment, where every program that this process starts later takes it
    for its own. 0 lets the system choose a port and open it at once.
    """
    before = {name: os.environ.get(name) for name in _MEETING_POINT}
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="0")
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _check_output(output: Path, overwrite: bool) -> None:
    if output.exists() and any(output.iterdir()) and not overwrite:
        raise UsageError(f"{output} exists already; remove it, choose another --output, or add --overwrite")


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


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
