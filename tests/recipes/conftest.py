"""Fixtures of the recipes' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.invented_chats import numbered, write_chats
from tests.recipes.tiny import Tiny
from tests.recipes.warm import Warm


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """A run's empty folder of checkpoints."""
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty chats about nothing, and ten for validation."""
    folder = tmp_path_factory.mktemp("chats")
    train, validation = ([numbered(number) for number in numbers] for numbers in (range(40), range(40, 50)))
    return write_chats(folder, train=train, validation=validation)


@pytest.fixture(scope="session")
def short_runs(
    warm: Warm, tiny: Tiny, chats: Path, nemo_on_cpu: None, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of the runs of tests/recipes/short_runs.py."""
    folder = tmp_path_factory.mktemp("short_runs")
    done = warm.call("tests.recipes.short_runs:main", tiny.nemo, tiny.blend, chats, folder, timeout=1100)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder
