"""The report counts by what the training recipes are set to."""

from __future__ import annotations

import dataclasses

from preprocessing.corpus.training_runs import RUNS, training_runs
from recipes.settings import load_stage


def test_the_runs_are_those_of_the_recipes() -> None:
    runs = training_runs()
    assert tuple(runs) == RUNS
    for name, run in runs.items():
        stage = load_stage(name)
        assert vars(run) == {field: getattr(stage, field) for field in vars(run)}
        assert run.milestones[-1] == stage.max_steps


def test_milestones_of_a_short_run_do_not_repeat() -> None:
    run = training_runs()["cpt"]
    assert dataclasses.replace(run, max_steps=40_000).milestones == (1_000, 10_000, 40_000)
    assert dataclasses.replace(run, max_steps=12_000).milestones == (1_000, 3_000, 12_000)
    assert dataclasses.replace(run, max_steps=600).milestones == (150, 600)
    assert dataclasses.replace(run, max_steps=1).milestones == (1,)
