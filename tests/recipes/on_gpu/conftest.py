"""What the tests of a GPU machine share."""

from __future__ import annotations

import pytest

from tests.recipes.on_gpu.small import Small


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small(tmp_path_factory.mktemp("on_gpu"))
