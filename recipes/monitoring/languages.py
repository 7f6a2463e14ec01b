"""The validation loss of each language, from the losses of tokens that a validation computes anyway.

Megatron's last pipeline stage has one loss a token. NeMo adds them up to one number a step; here they are added up by
the language of the row as well. The rows come in the order of the loader's sampler, so a row's language is known
without a word about it in the batch. The sums of all ranks meet once, at the end of the validation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback
from nemo.lightning.megatron_parallel import MaskedTokenLossReduction

PREFIX = "val_loss/"
TOKENS_PREFIX = "val_tokens/"


@dataclass(frozen=True)
class SampleLanguages:
    """The languages of a validation set: ``names``, and for each sample the place of its own among them."""

    names: list[str]
    places: Sequence[int]


class LanguageLosses(Callback):
    """Logs ``val_loss/en`` and so on, where the data module has ``validation_languages() -> SampleLanguages | None``.

    Every rank must carry it: the sums are a collective of the data and pipeline parallel ranks.
    """

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Put a loss reduction in place that knows the rows' languages."""
        languages = getattr(trainer.datamodule, "validation_languages", lambda: None)()
        self._names: list[str] = languages.names if languages else []
        if not languages:
            return
        sampler = trainer.val_dataloaders.batch_sampler
        rows = (languages.places[index] for index in itertools.chain.from_iterable(sampler))
        self._reduction = LossByLanguage(rows, len(self._names))
        for chunk in _modules(trainer):
            chunk._validation_loss_reduction = self._reduction

    def on_validation_batch_start(self, trainer: Any, *arguments: Any) -> None:
        """Let each step count the same in ``val_loss``.

        Lightning weighs a step by the batch it has in hand. Under NeMo's steps that is the micro batch of the step
        before: the first step, which has none, would count once and every other as often as a micro batch has rows.
        """
        trainer._results.batch_size = 1

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Add up over the ranks and log; a language of which no token was seen is left out."""
        if not self._names:
            return
        for chunk in _modules(trainer):
            chunk._validation_loss_reduction = None  # NeMo makes its own where there is none
        losses, tokens = _sum_over_ranks(self._reduction.sums).cpu().tolist()
        for name, loss, count in zip(self._names, losses, tokens, strict=True):
            if count:
                pl_module.log(f"{PREFIX}{name}", loss / count, batch_size=1, rank_zero_only=False)
                pl_module.log(f"{TOKENS_PREFIX}{name}", count, batch_size=1, logger=False)


class LossByLanguage(MaskedTokenLossReduction):
    """NeMo's reduction, which also keeps the sum of the losses and the number of tokens of each language."""

    def __init__(self, rows: Iterator[int], languages: int) -> None:
        """``rows``: the language of each row to come, by number; ``languages``: how many there are."""
        super().__init__(validation_step=True)
        self.rows = rows
        self.sums = torch.zeros(2, languages, dtype=torch.float64, device=torch.cuda.current_device())

    def forward(self, batch: dict[str, torch.Tensor], forward_out: torch.Tensor) -> Any:
        """``forward_out``: losses [rows, tokens] of a micro batch; ``batch`` has their ``loss_mask``."""
        mask = batch["loss_mask"].view_as(forward_out).double()
        known = list(itertools.islice(self.rows, forward_out.shape[0]))
        places = torch.tensor(known, dtype=torch.long, device=self.sums.device)
        self.sums[0].index_add_(0, places, (forward_out.detach().double() * mask).sum(dim=1))
        self.sums[1].index_add_(0, places, mask.sum(dim=1))
        return super().forward(batch, forward_out)


def _modules(trainer: Any) -> Iterator[Any]:
    """NeMo's module of each piece of the model on this rank (several under virtual pipeline parallelism)."""
    for chunk in trainer.strategy.megatron_parallel:
        while not isinstance(chunk, LightningModule):
            chunk = chunk.module
        yield chunk


def _sum_over_ranks(sums: torch.Tensor) -> torch.Tensor:
    """Add up over the ranks that saw other rows or other tokens; only the last pipeline stage has any."""
    from megatron.core import parallel_state

    torch.distributed.all_reduce(sums, group=parallel_state.get_data_parallel_group(with_context_parallel=True))
    torch.distributed.all_reduce(sums, group=parallel_state.get_pipeline_model_parallel_group())
    return sums
