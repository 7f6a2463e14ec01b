"""GPUs of several nodes that are slower than the others, found by nvidia-resiliency-ext."""

from __future__ import annotations

import nemo_run as run

from recipes.request import Request

_EVERY = 300.0  # seconds between reports
_SLOW = 0.7  # of the fastest rank's score


def straggler_detection(request: Request) -> list[run.Config]:
    """Return the callback that names ranks whose kernels are slow, for GPUs on more than one node; else [].

    On one node NVLink's collectives keep the ranks together, and a slow GPU shows in the speed of all. The run is not
    ended: who has paid for the nodes decides.
    """
    if not request.hardware.gpu or request.hardware.nodes == 1:
        return []
    from nvidia_resiliency_ext.ptl_resiliency import StragglerDetectionCallback

    return [
        run.Config(
            StragglerDetectionCallback,
            report_time_interval=_EVERY,
            calc_relative_gpu_perf=True,
            calc_individual_gpu_perf=True,
            num_gpu_perf_scores_to_print=5,
            gpu_relative_perf_threshold=_SLOW,
            gpu_individual_perf_threshold=_SLOW,
            stop_if_detected=False,
            enable_ptl_logging=True,
        )
    ]
