"""A blend file and its datasets, looked at before the first step.

Megatron finds out late or never: a ``.bin`` that was cut off ends a run when the missing document is drawn, an id
beyond the vocabulary ends it in the embedding, and a pad token that is the end-of-text token is masked in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preprocessing.corpus.blend import Blend, BlendEntry
from preprocessing.corpus.indexed import HEADER, MAGIC, TYPE_CODES, VERSION, bin_path, idx_path
from preprocessing.errors import RecipeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAD = "<|finetune_right_pad_id|>"  # Llama 3's own, for padding alone
_AGAIN = "run preprocess again"
_TYPES = {code: np.dtype(name) for name, code in TYPE_CODES.items()}
_WINDOWS, _WINDOW = 256, 4096  # tokens looked at in each dataset: a million at most, from all over it


def check_pad(pad: int | None, end_of_text: int, folder: Path) -> None:
    """Refuse a tokenizer that pads with the end of text.

    Megatron's GPTDataset masks every label that is the pad token and reads it as token 0: the model would never learn
    where a document ends, and see another token in its place.

    Raises:
        RecipeError: it does, with the remedy.
    """
    if pad == end_of_text:
        raise RecipeError(
            f"the tokenizer in {folder} pads with its end-of-text token, which Megatron masks and replaces at the end "
            f'of every document; set "pad_token": "{PAD}" in tokenizer_config.json of the Hugging Face checkpoint and '
            "import it again"
        )


def check_corpus(blend: Blend, path: Path, sequence_length: int) -> str:
    """Look at every dataset that ``blend`` names; return one line that says what there is.

    Args:
        blend: as read from ``path``.
        path: the blend file, for messages.
        sequence_length: tokens of a training sequence.

    Raises:
        RecipeError: all faults, one sentence each, with the remedy.
    """
    faults = []
    if not blend.validation:
        faults.append(f"{path} lists no validation data; {_AGAIN} with a larger --validation-share")
    places: dict[tuple[str, Path], str] = {}
    for split, entries in (("train", blend.train), ("validation", blend.validation)):
        for entry in entries:
            name = f"{entry.language}, {split} ({entry.prefix})"
            if (split, entry.prefix) in places:
                faults.append(f"{name} stands twice in {path}; take one entry out and add its weight to the other")
            places[split, entry.prefix] = name
            faults += [f"{name}: {fault}" for fault in _faults(entry, blend.vocab_size, sequence_length)]
    if faults:
        raise RecipeError("this corpus can't be trained on: " + "; ".join(faults))
    total = sum(entry.weight for entry in blend.train)
    mix = ", ".join(f"{entry.language} {entry.weight / total:.0%}" for entry in blend.train)
    return f"corpus: {sum(entry.tokens for entry in blend.train):,} tokens to train on, in the mix {mix}"


def _faults(entry: BlendEntry, vocab_size: int, sequence_length: int) -> Iterator[str]:
    try:
        dtype, lengths, starts = _read_index(entry.prefix)
    except _DamagedError as error:
        yield str(error)
        return
    size = bin_path(entry.prefix).stat().st_size
    if np.iinfo(dtype).max < vocab_size - 1:
        yield f"its ids are stored as {dtype}, too small for {vocab_size:,} tokens; {_AGAIN} with the model's tokenizer"
    end = int((starts + lengths.astype(np.int64) * dtype.itemsize).max())
    if end > size or int(starts.min()) < 0:
        yield f".bin has {size:,} bytes, its .idx lists tokens up to {end:,}: one was cut off or exchanged; {_AGAIN}"
        return
    tokens = int(lengths.sum(dtype=np.int64))
    if tokens <= sequence_length:
        yield (
            f"{tokens:,} tokens are too few for a sequence of {sequence_length:,}; take the entry out, or lower "
            "data.seq_length and model.config.seq_length"
        )
        return
    for place, token in _strange(entry.prefix, dtype, vocab_size):
        yield f"holds token {token} at place {place:,}, the largest of the tokenizer is {vocab_size - 1}; {_AGAIN}"
        return


class _DamagedError(Exception):
    """An index that nothing can be found by."""


def _read_index(prefix: Path) -> tuple[np.dtype[Any], NDArray[np.int32], NDArray[np.int64]]:
    """Type of the ids, tokens of each sequence, and where it begins in ``.bin``, in bytes.

    Other tools' indexes, of general text, may have several sequences a document.
    """
    file = idx_path(prefix)
    size = file.stat().st_size
    if size < HEADER.size:
        raise _DamagedError(f"{file.name} is no Megatron index; {_AGAIN}")
    with file.open("rb") as stream:
        magic, version, code, sequences, borders = HEADER.unpack(stream.read(HEADER.size))
    if magic != MAGIC or version != VERSION:
        raise _DamagedError(f"{file.name} is no Megatron index; {_AGAIN}")
    if code not in _TYPES:
        raise _DamagedError(f"its ids are of Megatron's type {code}, not {' or '.join(TYPE_CODES)}; {_AGAIN}")
    if size != (expected := HEADER.size + 12 * sequences + 8 * borders):
        raise _DamagedError(f"{file.name} has {size:,} bytes instead of {expected:,}: it was cut off; {_AGAIN}")
    if not sequences:
        raise _DamagedError(f"it is empty; {_AGAIN} with more input, or take the entry out")
    lengths = np.memmap(file, "<i4", "r", HEADER.size, (sequences,))
    starts = np.memmap(file, "<i8", "r", HEADER.size + 4 * sequences, (sequences,))
    if int(lengths.min()) < 0:
        raise _DamagedError(f"{file.name} lists a document of {int(lengths.min())} tokens; {_AGAIN}")
    return _TYPES[code], lengths, starts


def _strange(prefix: Path, dtype: np.dtype[Any], vocab_size: int) -> Iterator[tuple[int, int]]:
    """Yield place and id of tokens outside the vocabulary, from samples all over the file."""
    count = bin_path(prefix).stat().st_size // dtype.itemsize
    tokens = np.memmap(bin_path(prefix), dtype, "r", shape=(count,))
    step = max(_WINDOW, -(-len(tokens) // _WINDOWS))
    for start in range(0, len(tokens), step):
        # seen as unsigned, a negative id is a very large one: one comparison finds both
        window = tokens[start : start + _WINDOW].view(f"u{dtype.itemsize}")
        wrong = np.flatnonzero(window >= vocab_size)
        if len(wrong):
            place = start + int(wrong[0])
            yield place, int(tokens[place])
