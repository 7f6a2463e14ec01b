"""Trains the sample's tokenizer: byte-level BPE made like Llama 3's, only with a small vocabulary.

Same pre-tokenization pattern, same names of special tokens at the end of the vocabulary, same ``<|begin_of_text|>`` in
front of every text, and the project's chat template.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_folder
from tools.sample.corpus import refuse_content

# The split pattern published with Llama 3 (tiktoken notation): contractions, words, numbers of up to three digits,
# punctuation, white space.
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Llama 3.3's special tokens in their order; of its 245 further reserved ones only as many as fill up to sixteen.
SPECIAL_TOKENS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>",
    "<|reserved_special_token_2|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
    *(f"<|reserved_special_token_{number}|>" for number in range(3, 8)),
)
_BYTES = 256
_MULTIPLE = 256
_CHAT_TEMPLATE = Path(__file__).parents[2] / "recipes" / "llama3_chat_template.jinja"
_CONTEXT = 131072  # Llama 3.3's


@dataclass(frozen=True)
class TokenizerSummary:
    """What was trained, and on how much text."""

    output: str
    vocab_size: int
    special_tokens: int
    characters: int

    def text(self) -> str:
        """Return the summary for people."""
        return (
            f"Trained a byte-level BPE tokenizer of {self.vocab_size} tokens ({self.special_tokens} special) "
            f"on {self.characters:,} characters."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return asdict(self)


def train_tokenizer(texts: Iterable[str], output: Path, vocab_size: int = 4096) -> TokenizerSummary:
    """Train on ``texts`` and write a Hugging Face tokenizer folder to ``output``.

    ``vocab_size`` counts everything, special tokens too. It must be a multiple of 256: Megatron pads a vocabulary to a
    multiple of 128 x TP, so that at TP=1 and TP=2 no padding rows are added. The end of a document is
    ``<|end_of_text|>`` (``eos_token``, as in the base Llama 3), the end of a turn ``<|eot_id|>``; padding has a token
    of its own, for what equals end-of-text is masked in pre-training.

    Raises:
        UsageError: ``vocab_size`` does not fit, or ``output`` already holds something.
        RecipeError: the text is too little for ``vocab_size``.
    """
    if vocab_size % _MULTIPLE or vocab_size < 2 * _MULTIPLE:
        raise UsageError(
            f"the vocabulary must be a multiple of {_MULTIPLE}, at least {2 * _MULTIPLE}, not {vocab_size}"
        )
    refuse_content(output)
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    wanted = vocab_size - len(SPECIAL_TOKENS)
    trainer = trainers.BpeTrainer(
        vocab_size=wanted, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    counted = _Counted(texts)
    tokenizer.train_from_iterator(counted, trainer)
    found = tokenizer.get_vocab_size()
    if found < wanted:
        raise RecipeError(
            f"{counted.characters:,} characters of text are too little for a vocabulary of {vocab_size}: "
            f"only {found - _BYTES} of {wanted - _BYTES} merges were found; give more text or a smaller vocabulary"
        )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    begin = SPECIAL_TOKENS[0]
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single=f"{begin} $A",
                pair=f"{begin} $A {begin}:1 $B:1",
                special_tokens=[(begin, tokenizer.token_to_id(begin))],
            ),
        ]
    )
    with atomic_folder(output) as folder:
        _save(tokenizer, folder)
    return TokenizerSummary(str(output), tokenizer.get_vocab_size(), len(SPECIAL_TOKENS), counted.characters)


def _save(tokenizer: Any, folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|begin_of_text|>",
        eos_token="<|end_of_text|>",
        pad_token="<|finetune_right_pad_id|>",
        clean_up_tokenization_spaces=False,  # true would eat the space before a full stop or a quotation mark
        model_input_names=["input_ids", "attention_mask"],
        model_max_length=_CONTEXT,
        padding_side="right",
    )
    fast.chat_template = _CHAT_TEMPLATE.read_text(encoding="utf-8")
    # the template inside tokenizer_config.json: every reader looks there, only recent ones at a separate file
    fast.save_pretrained(str(folder), save_jinja_files=False)


class _Counted:
    """Passes texts on and counts their characters."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts, self.characters = texts, 0

    def __iter__(self) -> Iterator[str]:
        for text in self.texts:
            self.characters += len(text)
            yield text
