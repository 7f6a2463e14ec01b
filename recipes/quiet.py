"""Keeps the notices that NeMo prints every time out of a person's way, and nothing else.

Each pattern stands for one line that says nothing about the user's work. Whatever else is printed comes through.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Iterator
from logging import LogRecord, getLogger
from typing import TextIO

NOTICES = (
    r"fused_indices_to_multihot has reached end of life",  # Megatron on a helper of mixture-of-experts models
    r"OneLogger: Setting error_handling_strategy",  # NVIDIA's telemetry, which is off
    r"No exporters were provided. This means that no telemetry",
    r"transformer_engine not installed. Using default recipe",  # nvidia-modelopt; `doctor` says what is missing
    r"The (deploy|evaluate) module could not be imported",  # NeMo's own serving, not installed and not used
    r"Failed to create unified memory mempool",  # that helper, see name_a_chip
    r"No CUDA runtime is found, using CUDA_HOME",
    r"^Converted Llama model to Nemo, model saved to",  # under the name that the folder has before it is whole
    r"^(GPU|TPU|HPU) available: False",
    r"^-{80,}$",  # the frame around the next two
    r"^distributed_backend=gloo",
    r"^All distributed processes registered",
    r"DEPRECATED: Passing 'checkpoint_dir' as a Path",  # NeMo calls Megatron so
    r"Running in WANDB offline mode",  # transformers; the run's own line says where W&B writes
    r"`torch_dtype` is deprecated",  # NeMo calls transformers so
    # NeMo writes the training length here first; the exporter then sets the model's own
    r"`rope_scaling`'s original_max_position_embeddings field must be less",
)
_KNOWN = re.compile("|".join(NOTICES))


class _Filter:
    """A text stream that lets every line through but the known notices.

    Loggers made while NeMo is imported keep it as their stream, so it stays correct after the import: only whole
    lines are looked at, and what is no notice is written at once.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._line_end_left = False  # print() writes a line's end by itself: that of a dropped line goes too

    def write(self, text: str) -> int:
        """Write ``text`` without its notices."""
        if text == "\n" and self._line_end_left:
            self._line_end_left = False
            return 1
        kept = "".join(line for line in text.splitlines(keepends=True) if not _KNOWN.search(line))
        if kept.strip("\n") or not text.strip("\n"):
            self._stream.write(kept)
        self._line_end_left = not kept and bool(text) and not text.endswith("\n")
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def _is_news(record: LogRecord) -> bool:
    return not _KNOWN.search(record.getMessage())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop the known notices of what is imported or converted inside this block."""
    warnings.filterwarnings("ignore", message="The pynvml package is deprecated", category=FutureWarning)
    # a logger may have been made before this block, with the unfiltered stream
    for handler in getLogger("transformers").handlers:
        handler.addFilter(_is_news)
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Filter(stdout), _Filter(stderr)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout, sys.stderr = stdout, stderr


def name_a_chip() -> None:
    """Make Megatron importable with a CUDA build of torch where no GPU is there.

    Megatron-Core 0.15.3 compiles a small helper when it is imported, and torch then looks for the chips to compile for:
    with none in the machine it fails with an IndexError. Any chip will do, the helper is never used. Processes that
    are started from this one inherit the setting.
    """
    import torch

    if torch.version.cuda and not torch.cuda.is_available():
        os.environ.setdefault("TORCH_CUDA_ARCH_LIST", "9.0")


def leave_transformer_engine_out() -> None:
    """Let imports of Transformer Engine fail where no GPU is there: NeMo and Megatron take their own layers then.

    Its layers are made on any machine, and compute on a GPU alone.
    """
    import torch

    if not torch.cuda.is_available():
        sys.modules.setdefault("transformer_engine", None)  # type: ignore[arg-type]


def import_nemo(log_level: str = "ERROR") -> None:
    """Import ``nemo.collections.llm`` quietly; NeMo's own log is then shown from ``log_level`` on.

    It takes ten seconds and more, so a line says what is going on.
    """
    if "nemo.collections.llm" in sys.modules:
        return
    print("loading NeMo (about 15 s) ...", file=sys.stderr, flush=True)
    with quiet():
        name_a_chip()
        leave_transformer_engine_out()
        import nemo.collections.llm  # noqa: F401
    from nemo.utils import logging

    logging.setLevel(getattr(logging, log_level))
