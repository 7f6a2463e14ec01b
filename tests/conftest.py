"""What holds for every test, and how the tests are dealt out where several processes run them (``pytest -n auto``).

A file's tests run in one process, in their order, so that what the file makes once is made once. Some files share
more than that, see ``TOGETHER``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

from preprocessing.processors import processors
from tests.recipes.tiny import Tiny, shared, use_nemo_on_the_cpu
from tests.recipes.warm import Warm

# As recipes.quiet.name_a_chip, for tests that import Megatron or NeMo by themselves and for the programs they start.
if not Path("/proc/driver/nvidia").exists():
    os.environ.setdefault("TORCH_CUDA_ARCH_LIST", "9.0")
# Runs of tests are nobody's experiments, also where somebody is logged in to W&B.
os.environ["WANDB_MODE"] = "offline"

# A shell without job control starts what runs in its background with Ctrl-C ignored, and programs inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Seconds say nothing of a function while another process of the tests is at work (or compiles, in a first call).
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")

#: Beginnings of paths whose tests share one process.
TOGETHER = {
    # one quickstart serves them all
    "tests/end_to_end/": "end to end",
    # NeMo, 20 s to import, and the checkpoints of tests/recipes/tiny.py
    **dict.fromkeys(
        (
            *("tests/recipes/", "tests/tools/test_checkpoint.py", "tests/tools/test_train.py"),
            *("tests/tools/test_training_on_slurm.py", "tests/tools/evaluation/test_held_out.py"),
            *("tests/tools/plan/test_pieces_in_flight.py", "tests/tools/plan/test_faults.py"),
            *("tests/tools/plan/test_states.py", "tests/tools/plan/test_saved_tensors.py"),
        ),
        "nemo",
    ),
    # the archive of real files, unpacked once
    "tests/real/": "real files",
}
# What a process of the tests, with the programs it starts, may need at its peak.
_MEMORY = 4 << 30
_MOST = 4  # the end-to-end tests alone take as long as all the others in three processes


def together(nodeid: str) -> str:
    """Return what the test of this id shares its process with: the tests of its file, or a group of files."""
    file = nodeid.partition("::")[0]
    return next((name for start, name in TOGETHER.items() if file.startswith(start)), file)


class ByFile(LoadScopeScheduling):
    """Deals out whole files, the first collected first: the end-to-end tests, which take longest, at once."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_xdist_auto_num_workers() -> int:
    """A process a core, as far as there is memory."""
    return max(1, min(processors(), psutil.virtual_memory().total // _MEMORY, _MOST))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return shared(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def nemo_on_cpu() -> None:
    use_nemo_on_the_cpu()


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """A process that has imported NeMo; tests call functions in forks of it."""
    with Warm() as warm:
        yield warm
