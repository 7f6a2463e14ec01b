"""TensorBoard and W&B in a run's folder: Lightning's loggers, which NeMo's logger takes, made to fit a run.

Three things are added to each. A logger that fails (a full disk, a server that does not answer) says so once and is
switched off; the training goes on. A resumed run goes on with the same curve and shows no step twice. Steps count from
1, as in ``metrics.jsonl`` and in a checkpoint's name; Lightning and NeMo count the first step as 0.
"""

# no `from __future__ import annotations` here: NeMo-Run reads the types of what it overrides, and not as text

import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from lightning.pytorch.loggers.logger import DummyExperiment
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from recipes.monitoring.console import say


class _Forgiving(ABC):
    """What both loggers share. ``_folder`` is the run's folder."""

    _folder: Path
    _off = False

    def begin(self, step: int, seen: int) -> None:
        """The run goes on after ``step``; earlier it had already shown its steps up to ``seen``."""
        self._try(lambda: self._begin(step, seen))

    def record(self, metrics: Mapping[str, float], step: int) -> None:
        """Show ``metrics`` at ``step`` (the first is 1)."""
        self._try(lambda: self._show(metrics, step))

    @property
    def experiment(self) -> Any:
        """TensorBoard's writer or W&B's run, made when it is first asked for; a stand-in on other ranks than 0.

        Lightning asks for it while the run is set up, outside of all that :meth:`_try` guards.
        """
        if self._off or rank_zero_only.rank != 0:
            return DummyExperiment()
        try:
            self._prepare()
            return super().experiment  # type: ignore[misc]
        except Exception as error:
            self._give_up(error)
            return DummyExperiment()

    def _prepare(self) -> None:  # noqa: B027 (most loggers need nothing beforehand)
        """Do what has to be done before the first look at :attr:`experiment`."""

    @abstractmethod
    def _begin(self, step: int, seen: int) -> None:
        """As :meth:`begin`; may fail."""

    @abstractmethod
    def _show(self, metrics: Mapping[str, float], step: int) -> None:
        """As :meth:`record`; may fail."""

    def _try(self, work: Callable[[], object]) -> None:
        if self._off:
            return
        try:
            work()
        # whatever goes wrong in it, a curve is worth less than the run it shows
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._off = True
        say(self._folder, f"{type(self).__name__} is off from here on ({error or type(error).__name__})")


class RunTensorBoard(_Forgiving, TensorBoardLogger):
    """Curves in ``RUN/tensorboard``: ``tensorboard --logdir RUN/tensorboard``."""

    def __init__(self, folder: str) -> None:
        """``folder``: the run's."""
        self._folder = Path(folder)
        super().__init__(save_dir=str(self._folder / "tensorboard"), name="", version="")

    def _begin(self, step: int, seen: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        if rank_zero_only.rank == 0:
            # TensorBoard forgets what it has read of this step and later ones: they are done again
            start = Event(step=step + 1, session_log=SessionLog(status=SessionLog.START))
            self.experiment._get_file_writer().add_event(start, step + 1)

    def _show(self, metrics: Mapping[str, float], step: int) -> None:
        super().log_metrics(metrics, step)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:  # type: ignore[override]
        """Called by Lightning with what NeMo logs."""
        self.record(metrics, _count(step))

    def log_hyperparams(self, *arguments: Any, **more: Any) -> None:
        """As Lightning's."""
        self._try(lambda: super(RunTensorBoard, self).log_hyperparams(*arguments, **more))

    def log_graph(self, *arguments: Any, **more: Any) -> None:
        """As Lightning's."""
        self._try(lambda: super(RunTensorBoard, self).log_graph(*arguments, **more))

    def save(self) -> None:
        """As Lightning's."""
        self._try(super().save)

    def finalize(self, status: str) -> None:
        """As Lightning's."""
        self._try(lambda: super(RunTensorBoard, self).finalize(status))


class RunWandb(_Forgiving, WandbLogger):
    """A W&B run in ``RUN/wandb``, offline where nobody is logged in; ``wandb sync RUN/wandb/offline-run-*`` uploads it.

    Its id stands in ``RUN/wandb_id``, so that a resumed run goes on with the same one.
    """

    def __init__(
        self, folder: str, mode: str = "auto", project: str = "eurlex-llama", entity: str | None = None
    ) -> None:
        """``folder``: the run's; ``mode``: auto, online, offline, unless ``WANDB_MODE`` in the environment says it."""
        self._folder = Path(folder)
        self._mode = mode
        self._seen = 0
        super().__init__(name=self._folder.name, save_dir=str(self._folder), project=project, entity=entity)
        self._wandb_init.pop("anonymous")  # W&B warns of it, whatever it is

    def _prepare(self) -> None:
        import wandb

        if self._wandb_init.get("id"):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._wandb_init["id"] = self._id = _kept_id(self._folder / "wandb_id")
        if not os.environ.get("WANDB_MODE"):
            mode = self._mode
            if mode == "auto":
                mode = "online" if wandb.login(prompt=False, verify=False) else "offline"
            self._wandb_init["mode"] = mode
        # silent: its banners would stand between our lines; off: standard output is in RUN/logs already
        self._wandb_init["settings"] = wandb.Settings(silent=True, console="off")

    def _begin(self, step: int, seen: int) -> None:
        # W&B's history can't be taken back, so a step that was shown before is not shown again
        self._seen = seen

    def _show(self, metrics: Mapping[str, float], step: int) -> None:
        if step > self._seen:
            super().log_metrics(dict(metrics), step)

    def alert(self, title: str, text: str) -> None:
        """Send ``text`` as W&B does: by e-mail or Slack, as the account has it; nothing offline."""
        self._try(lambda: self.experiment.alert(title=title, text=text))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Called by Lightning with what NeMo logs."""
        self.record(metrics, _count(step))

    def log_hyperparams(self, *arguments: Any, **more: Any) -> None:
        """As Lightning's."""
        self._try(lambda: super(RunWandb, self).log_hyperparams(*arguments, **more))

    def finalize(self, status: str) -> None:
        """As Lightning's, and the run is closed: its last lines would stay in the writer's queue."""
        self._try(lambda: self._finish(status))

    def _finish(self, status: str) -> None:
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if status == "success" else 1)


def _count(step: int | None) -> int:
    """Lightning's number of a step, as we count."""
    return int(step or 0) + 1


def _kept_id(path: Path) -> str:
    """The id in ``path``, which is written when it is not there."""
    from preprocessing.files import atomic_file

    if not path.is_file():
        with atomic_file(path) as stream:
            stream.write(uuid.uuid4().hex[:12] + "\n")
    return path.read_text(encoding="utf-8").strip()
