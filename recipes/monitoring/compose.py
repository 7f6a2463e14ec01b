"""The part of a recipe that watches: loggers and callbacks with the numbers of ``nemo_configs/monitoring.yaml``."""

from __future__ import annotations

from typing import Any

import nemo_run as run

from recipes.monitoring.languages import LanguageLosses
from recipes.monitoring.loggers import RunTensorBoard, RunWandb
from recipes.monitoring.quantization import QuantizationStatistics
from recipes.monitoring.run_log import RunLog
from recipes.monitoring.settings import load_monitoring
from recipes.monitoring.watcher import Alerts, RunReport
from recipes.request import Request


def callbacks(request: Request) -> list[run.Config]:
    """Return the callbacks, in the order in which they are to stand."""
    settings, folder = load_monitoring(), str(request.folder)
    return [
        run.Config(LanguageLosses),
        run.Config(
            RunLog,
            folder=folder,
            stage=request.stage_name,
            chip=request.hardware.chip,
            precision=request.format.name,
            adapter_rank=request.adapters.rank if request.adapters else None,
        ),
        run.Config(
            Alerts,
            folder=folder,
            gradient_norm=settings.gradient_norm,
            spike_window=settings.spike_window,
            spike_deviations=settings.spike_deviations,
            spike_rise=settings.spike_rise,
            data_share=settings.data_share,
            stalled_seconds=settings.stalled_seconds,
            silent_seconds=settings.silent_seconds,
            repeat_after=settings.repeat_after,
        ),
        run.Config(
            QuantizationStatistics,
            folder=folder,
            precision=request.format.name,
            every=settings.quantization_every,
        ),
        run.Config(RunReport, folder=folder),
    ]


def loggers(request: Request) -> dict[str, Any]:
    """Return ``tensorboard`` and ``wandb`` of NeMo's logger; None for one that is off."""
    settings, folder = load_monitoring(), str(request.folder)
    wandb = run.Config(
        RunWandb,
        folder=folder,
        mode=settings.wandb,
        project=settings.wandb_project,
        entity=settings.wandb_entity,
    )
    return {
        "tensorboard": run.Config(RunTensorBoard, folder=folder) if settings.tensorboard else None,
        "wandb": wandb if settings.wandb != "off" else None,
    }
