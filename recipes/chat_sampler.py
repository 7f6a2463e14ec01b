"""The order of chats in instruction tuning, the same whether or not the run was interrupted."""

from __future__ import annotations

from typing import Any

from nemo.collections.common.data.data_samplers import MegatronPretrainingBatchSampler
from nemo.lightning.pytorch.plugins import MegatronDataSampler
from torch.utils.data import DataLoader


class WholeRunBatchSampler(MegatronPretrainingBatchSampler):
    """NeMo's batch sampler with the length of the whole run.

    NeMo's own shrinks by what was consumed before a resume, and Lightning counts the same batches a second time: it
    takes the loader for exhausted after one step, starts an epoch, and shows the model the data of that step again.
    """

    def __len__(self) -> int:
        """Global batches from the first step of the run to its last."""
        return self.total_samples // self.global_batch_size


class ChatDataSampler(MegatronDataSampler):
    """NeMo's data sampler, whose training loader is told the right length."""

    def transform_dataloader(self, dataloader: DataLoader, consumed_samples: int = 0) -> DataLoader:
        """Put the loader's samples into Megatron's order."""
        loader = super().transform_dataloader(dataloader, consumed_samples)
        if getattr(dataloader, "mode", "train") != "train":
            return loader
        made: Any = loader.batch_sampler
        sampler = WholeRunBatchSampler(
            total_samples=made.total_samples,
            consumed_samples=made.consumed_samples,
            micro_batch_size=made.micro_batch_size,
            global_batch_size=made.global_batch_size,
            data_parallel_rank=made.data_parallel_rank,
            data_parallel_size=made.data_parallel_size,
            drop_last=made.drop_last,
        )
        return DataLoader(
            loader.dataset,
            batch_sampler=sampler,
            num_workers=loader.num_workers,
            pin_memory=loader.pin_memory,
            persistent_workers=loader.persistent_workers,
            collate_fn=loader.collate_fn,
        )
