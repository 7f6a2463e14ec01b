"""Who answers the questions: a Hugging Face checkpoint (``hf``), or answers written earlier (``replay``)."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import xxhash

from preprocessing.errors import RecipeError, UsageError, did_you_mean
from preprocessing.instruct.prompts import system_prompt
from preprocessing.languages import LANGUAGES
from tools.evaluation.answers import read_answers
from tools.evaluation.questions import Question
from tools.hf_checkpoint import open_checkpoint

CHAT_TEMPLATE = Path(__file__).resolve().parents[2] / "recipes" / "llama3_chat_template.jinja"
DTYPES = ("auto", "float32", "bfloat16", "float16")
STOP_TOKENS = ("<|eot_id|>", "<|end_of_text|>")


class Backend(Protocol):
    """Answers questions in order; ``about`` is what the report says of it, ``identity`` names its answers on disk."""

    about: dict[str, Any]
    identity: str

    def answer(self, questions: Sequence[Question]) -> Iterator[str]:
        """Yield one answer a question, in the order given."""
        ...

    def close(self) -> None:
        """Free the memory; calling it twice does no harm."""
        ...


def open_backend(path: Path, *, batch_size: int, max_new_tokens: int, device: str, dtype: str) -> Backend:
    """Return the backend for ``path``: a file of answers is replayed, a folder is a Hugging Face checkpoint."""
    if path.is_file():
        return Replay(path)
    return HuggingFace(path, batch_size=batch_size, max_new_tokens=max_new_tokens, device=device, dtype=dtype)


class Replay:
    """Answers from a file of JSON Lines ``{"language", "question", "answer"}``, such as an earlier run saved."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers = read_answers(path)
        self.identity = f"replay-{xxhash.xxh3_64_hexdigest(path.read_bytes())}"
        self.about: dict[str, Any] = {"path": str(path), "backend": "replay"}

    def answer(self, questions: Sequence[Question]) -> Iterator[str]:
        """Yield the saved answers; RecipeError when one is missing."""
        missing = [question for question in questions if question.key not in self._answers]
        if missing:
            raise RecipeError(
                f"{self._path} has no answer to {len(missing)} of the {len(questions)} questions, the first on line"
                f" {missing[0].line} of the test set"
            )
        for question in questions:
            yield self._answers[question.key]

    def close(self) -> None:
        """Nothing to free."""


class HuggingFace:
    """A checkpoint run by transformers: chat template, left padding, greedy decoding.

    The tokenizer is read at once, the model only when the first answer is asked for: a run that finds all its answers
    saved loads no weights. On ``device="auto"`` the model is spread over all GPUs when there is one, else it runs on
    the CPU; ``dtype="auto"`` is the checkpoint's own on a GPU and float32 on the CPU, where 16-bit arithmetic is slow.
    """

    def __init__(self, path: Path, *, batch_size: int, max_new_tokens: int, device: str, dtype: str) -> None:
        if batch_size < 1 or max_new_tokens < 1:
            raise UsageError("batch size and the number of new tokens must be at least 1")
        if dtype not in DTYPES:
            raise UsageError(f"unknown dtype '{dtype}'.{did_you_mean(dtype, DTYPES)}")
        checkpoint = open_checkpoint(path)
        self._path, self._batch_size, self._max_new_tokens = path, batch_size, max_new_tokens
        self._device = _resolve_device(device)
        self._dtype = "float32" if dtype == "auto" and self._device == "cpu" else dtype
        self._model: Any = None
        self._tokenizer, own_template = _load_tokenizer(path)
        settings = [
            checkpoint.fingerprint,
            str(max_new_tokens),
            self._dtype,
            self._tokenizer.chat_template,
            *(system_prompt(language) for language in LANGUAGES),
        ]
        self.identity = f"{path.resolve().name}-{xxhash.xxh3_64_hexdigest(chr(0).join(settings).encode())}"
        project_template = f"the project's (recipes/{CHAT_TEMPLATE.name})"
        self.about: dict[str, Any] = {
            "path": str(path),
            "backend": "hf",
            "fingerprint": checkpoint.fingerprint,
            "chat_template": "the checkpoint's own" if own_template else project_template,
            "device": self._device,
            "dtype": self._dtype,
            "max_new_tokens": max_new_tokens,
        }

    def answer(self, questions: Sequence[Question]) -> Iterator[str]:
        """Yield answers batch by batch; RecipeError when the model cannot be loaded or a batch does not fit."""
        import torch

        if questions and self._model is None:
            self._model = self._load_model()
        for start in range(0, len(questions), self._batch_size):
            batch = questions[start : start + self._batch_size]
            try:
                yield from self._generate(batch)
            except torch.OutOfMemoryError:
                raise RecipeError(
                    f"a batch of {len(batch)} questions does not fit in the GPU's memory: give a smaller batch size;"
                    " the answers so far are kept"
                ) from None

    def close(self) -> None:
        """Free the weights before the next checkpoint is loaded."""
        import torch

        self._model = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _load_model(self) -> Any:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            model, loading = AutoModelForCausalLM.from_pretrained(
                self._path,
                dtype="auto" if self._dtype == "auto" else getattr(torch, self._dtype),
                device_map=None if self._device == "cpu" else self._device,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            first_line = str(error).strip().splitlines()[0]
            raise RecipeError(f"the checkpoint {self._path} cannot be loaded: {first_line}") from error
        if loading["missing_keys"]:
            # transformers fills these in at random and only warns
            missing = sorted(loading["missing_keys"])
            raise RecipeError(
                f"the weights of {self._path} lack {len(missing)} of the model's tensors, the first is {missing[0]}"
            )
        if len(self._tokenizer) > model.config.vocab_size:
            raise UsageError(
                f"the tokenizer of {self._path} has {len(self._tokenizer)} tokens, its model only"
                f" {model.config.vocab_size}: they do not belong together"
            )
        return model.eval()

    def _generate(self, batch: Sequence[Question]) -> list[str]:
        import torch

        chats = [
            [
                {"role": "system", "content": system_prompt(question.language)},
                {"role": "user", "content": question.question},
            ]
            for question in batch
        ]
        inputs = self._tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, padding=True, return_dict=True, return_tensors="pt"
        ).to(self._model.device)
        prompt_length = inputs["input_ids"].shape[1]
        window = self._model.config.max_position_embeddings
        if prompt_length + self._max_new_tokens > window:
            raise UsageError(
                f"a prompt of {prompt_length} tokens with {self._max_new_tokens} new ones exceeds the {window}"
                f" positions of {self._path}: allow fewer new tokens"
            )
        with torch.inference_mode():
            output = self._model.generate(
                # these two only: a generic tokenizer also gives token_type_ids, which a Llama does not take
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                max_new_tokens=self._max_new_tokens,
                do_sample=False,
                num_beams=1,
                temperature=None,
                top_p=None,
                top_k=None,
                eos_token_id=self._stop_ids(),
                pad_token_id=self._tokenizer.pad_token_id,
            )
        texts = self._tokenizer.batch_decode(output[:, prompt_length:], skip_special_tokens=True)
        return [text.strip() for text in texts]

    def _stop_ids(self) -> list[int]:
        """A base model's configuration stops at the end of text only: a chat also ends with the turn."""
        configured = self._model.generation_config.eos_token_id
        ids = set(configured if isinstance(configured, list) else [configured])
        vocabulary = self._tokenizer.get_vocab()
        ids |= {self._tokenizer.eos_token_id, *(vocabulary.get(token) for token in STOP_TOKENS)}
        return sorted(number for number in ids if number is not None)


def _resolve_device(device: str) -> str:
    """Return ``"cpu"``, or what transformers takes as ``device_map``."""
    import torch

    if device == "auto":
        return "auto" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise UsageError(f"unknown device '{device}'; give auto, cpu, cuda or cuda:N") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device '{device}' was asked for, but torch sees no GPU; give auto or cpu")
    return device


def _load_tokenizer(path: Path) -> tuple[Any, bool]:
    """Return the tokenizer with left padding and a chat template, and whether the template is its own."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path, padding_side="left", local_files_only=True)
    except Exception as error:  # the tokenizers library raises bare Exception for a damaged file
        raise UsageError(f"the tokenizer of {path} cannot be read: {error}") from error
    own_template = bool(tokenizer.chat_template)
    if not own_template:
        tokenizer.chat_template = CHAT_TEMPLATE.read_text(encoding="utf-8")
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise UsageError(f"the tokenizer of {path} has neither a padding nor an end-of-text token")
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, own_template
