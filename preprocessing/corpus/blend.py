"""``cpt/blend.yaml``: the datasets of each language and the share each has in the training mix."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.corpus.holdout import SPLITS
from preprocessing.corpus.tokenizer import TokenizerFacts
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file

_HEADER = """\
# Megatron indexed datasets (.bin + .idx) and their mix, written by `launch.py preprocess`.
# prefix: relative to this file, without suffix. weight: this language's part of the tokens that training sees.
# Weights may be edited; they need not add up to 1. Tokens and documents say what the files hold. General text that
# keeps the model from forgetting what it knew has its place in the list too, as the "language" replay.
"""

#: The "language" of general text in the mix.
REPLAY = "replay"


@dataclass(frozen=True)
class BlendEntry:
    """One language's dataset, or general text; ``prefix`` is absolute and has no suffix, ``weight`` its part."""

    language: str
    prefix: Path
    weight: float
    tokens: int
    documents: int


@dataclass(frozen=True)
class Blend:
    """The datasets of both splits and the tokenizer that made them (``tokenizer_sha256``: of its tokenizer.json)."""

    train: list[BlendEntry]
    validation: list[BlendEntry]
    vocab_size: int
    end_of_text_id: int
    tokenizer_sha256: str


def write_blend(
    path: Path,
    entries: Mapping[str, Sequence[BlendEntry]],
    facts: TokenizerFacts,
) -> None:
    """Write the blend file; ``entries`` are those of each split, in the order in which they are to stand."""
    lines = [
        _HEADER,
        "tokenizer:",
        f"  sha256: {facts.sha256}  # of its tokenizer.json",
        f"  vocab_size: {facts.vocab_size}",
        f"  end_of_text_id: {facts.end_of_text_id}  # ends every document",
    ]
    for split in SPLITS:
        lines.append(f"{split}:" if entries[split] else f"{split}: []")
        for entry in entries[split]:
            inside = entry.prefix.is_relative_to(path.parent)
            lines += [
                f"  - language: {entry.language}",
                f"    prefix: {entry.prefix.relative_to(path.parent) if inside else json.dumps(str(entry.prefix))}",
                f"    weight: {round(entry.weight, 6)}",
                f"    tokens: {entry.tokens}",
                f"    documents: {entry.documents}",
            ]
    with atomic_file(path) as stream:
        stream.write("\n".join(lines) + "\n")


def load_blend(path: Path) -> Blend:
    """Read a blend file and check that its datasets are there.

    Raises:
        UsageError: no such file, or it is not a blend file.
        RecipeError: a dataset that it names is missing.
    """
    blend = read_blend(path)
    for entry in blend.train + blend.validation:
        for suffix in (".bin", ".idx"):
            file = entry.prefix.with_name(entry.prefix.name + suffix)
            if not file.is_file():
                raise RecipeError(f"{file} is missing, though {path} names it; run preprocess again")
    return blend


def read_blend(path: Path) -> Blend:
    """Read a blend file, whether its datasets are there or not.

    Raises:
        UsageError: no such file, or it is not a blend file.
    """
    import yaml

    if not path.is_file():
        raise UsageError(f"blend file {path} does not exist; `launch.py preprocess` writes it as DIR/cpt/blend.yaml")
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        tokenizer = value["tokenizer"]
        splits = {split: [_entry(path, item) for item in value[split]] for split in SPLITS}
        blend = Blend(
            train=splits["train"],
            validation=splits["validation"],
            vocab_size=int(tokenizer["vocab_size"]),
            end_of_text_id=int(tokenizer["end_of_text_id"]),
            tokenizer_sha256=str(tokenizer["sha256"]),
        )
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError, ValueError) as error:
        raise UsageError(
            f"{path} is not a blend file ({type(error).__name__}: {error}); run preprocess again"
        ) from error
    if not blend.train:
        raise UsageError(f"{path} lists no training data; run preprocess again")
    return blend


def _entry(path: Path, item: dict[str, Any]) -> BlendEntry:
    weight = float(item["weight"])
    if not 0 < weight < float("inf"):
        raise ValueError(f"weight {weight} of {item['language']} is not a positive number")
    return BlendEntry(
        language=str(item["language"]),
        prefix=(path.parent / str(item["prefix"])).resolve(),
        weight=weight,
        tokens=int(item["tokens"]),
        documents=int(item["documents"]),
    )
