"""Fixtures of the recipes' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.tiny import Tiny, shared, use_nemo_on_the_cpu


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return shared(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def nemo_on_cpu() -> None:
    use_nemo_on_the_cpu()


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """A run's empty folder of checkpoints."""
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    return folder
