"""The NVFP4 benchmark compares runs of the same seed, and does each once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recipes.metrics import FILE
from recipes.request import make_request
from tools.bench.nvfp4_curves import BASELINE, VARIANTS, Curve, curve, planned, plot, table

CURVES = {
    BASELINE: {1: Curve([4.0] * 30, 4.0), 2: Curve([5.0] * 30, 5.0)},
    "NVFP4": {1: Curve([8.0] * 10 + [4.04] * 20, 4.08), 2: Curve([5.1] * 30, 5.2)},
    "another": {2: Curve([5.3] * 30, 5.3)},
    "not run": {},
}


def test_every_variant_of_a_seed_reads_the_same_data_for_as_many_steps(tmp_path: Path) -> None:
    plan = list(planned(tmp_path, tmp_path / "quickstart", seeds=2, steps=30))
    assert [(name, seed) for name, seed, _ in plan] == [(name, seed) for seed in (1, 2) for name in VARIANTS]
    assert len({run.folder for _, _, run in plan}) == len(plan)
    for name, seed, run in plan:
        request = make_request(run.stage, folder=run.folder, **run.arguments)
        assert request.format.name == VARIANTS[name][0]
        assert (request.stage.seed, request.stage.steps(), request.stage.sequence_length) == (seed, 30, 128)
        assert request.layout.model_parallel == run.processes == 1


def test_a_loss_is_compared_with_the_baseline_of_its_own_seed() -> None:
    rows = table(CURVES, {"BF16 otherwise": {1: 4.2}}).splitlines()
    assert rows[2:] == [
        "| BF16 | 2 | 4.5000 |  | -2.90 % (-3.85 to -1.96) |  |",
        "| NVFP4 | 2 | 4.6400 | +3.00 % (+2.00 to +4.00) |  | +1.50 % (+1.00 to +2.00) |",
        "| another | 1 | 5.3000 | +6.00 % (+6.00 to +6.00) | +1.92 % (+1.92 to +1.92) | +6.00 % (+6.00 to +6.00) |",
        "| BF16 otherwise | 1 | 4.2000 | +5.00 % (+5.00 to +5.00) | +2.94 % (+2.94 to +2.94) |  |",
    ]


def test_only_a_finished_run_counts(tmp_path: Path) -> None:
    assert curve(tmp_path, steps=2) is None
    records = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}, {"step": 2, "validation_loss": 2.5}]
    for count, expected in ((1, None), (2, None), (3, Curve([3.0, 2.0], 2.5))):
        lines = "".join(json.dumps(record) + "\n" for record in records[:count])
        (tmp_path / FILE).write_text(lines, encoding="utf-8")
        assert curve(tmp_path, steps=2) == expected


@pytest.mark.filterwarnings("error")
def test_the_plot_is_the_same_file_for_the_same_curves(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        plot(CURVES, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("one.svg", "two.svg"))
    assert first == second
    assert b"NVFP4" in first
    assert b"not run" not in first
