"""When a run saves a checkpoint, which it keeps, and what makes one whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from nemo import lightning as nl

from recipes.checkpoint_files import write_manifest
from recipes.checkpoints import best_checkpoint, faulty_checkpoints, finished_checkpoints, set_aside, step_of


class StepCheckpoints(nl.ModelCheckpoint):
    """NeMo's ModelCheckpoint, by the files that are there and not by what it remembers.

    Saves every ``every_n_train_steps`` and at the last step, as ``step=N`` (NeMo's own names say one less, and its
    search for them stumbles over a folder with "step" in its name). Keeps the newest ``save_top_k`` and the one with
    the lowest validation loss. Each gets a manifest when all of its files are written.
    """

    def setup(self, trainer: Any, *args: Any, **kwargs: Any) -> None:
        """Move what is damaged out of the way: Megatron does not write into a folder that is there."""
        if trainer.is_global_zero:
            # NeMo deletes the unfinished ones right after, by their markers
            damaged = [path for path in faulty_checkpoints(self._run) if not self.is_checkpoint_unfinished(path)]
            set_aside(self._run, damaged)
        super().setup(trainer, *args, **kwargs)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save where the interval says so, and at the last step."""
        if self._should_skip_saving_checkpoint(trainer):
            return
        step, interval = trainer.global_step, self._every_n_train_steps
        if step == trainer.max_steps or (interval and step % interval == 0):
            self.save(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Save what is not saved yet, where another callback ended the run."""
        if trainer.global_step:
            self.save(trainer)

    def save(self, trainer: Any) -> None:
        """Save a checkpoint of this step and remove the surplus; every rank must call it."""
        if self._last_global_step_saved == trainer.global_step:
            return
        self._save_checkpoint(trainer, self.format_checkpoint_name(self._monitor_candidates(trainer)))
        # the files are looked at once: ranks that look one after the other may see different ones
        surplus = [str(path) for path in self._surplus(trainer.global_step)] if trainer.is_global_zero else []
        for path in trainer.strategy.broadcast(surplus):
            self._remove_checkpoint(trainer, f"{path}.ckpt")

    def _surplus(self, step: int) -> list[Path]:
        if self.save_top_k < 1:
            return []
        older = [path for path in finished_checkpoints(self._run) if step_of(path) != step]
        best = best_checkpoint(self._run)
        return [path for path in older[: max(0, len(older) - self.save_top_k + 1)] if path != best]

    def _remove_checkpoint(self, trainer: Any, filepath: str, override_async: bool = False) -> None:
        if trainer.is_global_zero and (override_async or not self.async_save):
            # from here on it is no checkpoint any more, also where a kill leaves half of it
            Path(filepath.removesuffix(self.FILE_EXTENSION), "weights", ".metadata").unlink(missing_ok=True)
        super()._remove_checkpoint(trainer, filepath, override_async)

    @property
    def _run(self) -> Path:
        return Path(str(self.dirpath)).parent

    def _monitor_candidates(self, trainer: Any) -> dict[str, torch.Tensor]:
        return {**super()._monitor_candidates(trainer), "step": torch.tensor(trainer.global_step)}

    def nemo_topk_check_previous_run(self) -> None:
        """Nothing to take over from the run before: what is kept is decided at each save, by what is there."""

    def state_dict(self) -> dict[str, Any]:
        """Paths as text: of a resumed run of adapters one is NeMo's AdapterPath, which torch.load refuses to read."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in super().state_dict().items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing to take over from the checkpoint either."""

    def _get_finalize_save_checkpoint_callback(self, trainer: Any, filepath: str, global_step: int) -> Any:
        finalize = super()._get_finalize_save_checkpoint_callback(trainer, filepath, global_step)

        def described() -> None:
            # called when all ranks have written (of an asynchronous save: some steps later); NeMo takes the
            # '-unfinished' marker away next
            if trainer.is_global_zero:
                write_manifest(Path(filepath.removesuffix(self.FILE_EXTENSION)))
            finalize()

        return described
