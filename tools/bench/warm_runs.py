"""Many short training runs on a CPU from one process that has imported NeMo: each is a fork of it, and starts at once.

Importing NeMo takes 20 s, a run of a tiny model less. Every run is the real recipe, in one process or several of its
own; only torchrun is left out, whose environment variables are set here.
"""

from __future__ import annotations

import functools
import os
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError


@dataclass(frozen=True)
class Run:
    """One run.

    ``arguments``: of :func:`recipes.request.make_request`; ``overrides``: NeMo-Run's; ``watch``: makes a callback of
    Lightning's from the request and the recipe.
    """

    folder: Path
    arguments: dict[str, Any]
    overrides: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    processes: int = 1
    stage: str = "cpt"
    watch: Callable[[Any, Any], Any] | None = None


def warm_up() -> None:
    """Import NeMo for the CPU, with one thread a run: a fork does not inherit a pool of threads."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["OMP_NUM_THREADS"] = "1"
    from recipes.quiet import import_nemo

    import_nemo()
    import torch

    torch.set_num_threads(1)
    from recipes import cpt, cpu_strategy, sft  # noqa: F401 (what a run would import)


def start(run: Run) -> list[int]:
    """Start the ranks of ``run``; return their process numbers. What they print goes to ``FOLDER/rank<N>.log``."""
    run.folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    children = []
    for rank in range(run.processes):
        children.append(_fork(functools.partial(_be_rank, run, rank, port)))
    return children


def finish(run: Run, children: list[int]) -> None:
    """Wait for the ranks of ``run``.

    Raises:
        RecipeError: one failed; with the last line that it printed.
    """
    failed = [rank for rank, child in enumerate(children) if os.waitpid(child, 0)[1]]
    if failed:
        log = _log(run, failed[0])
        raise RecipeError(f"rank {failed[0]} of {run.folder} failed: {log.read_text().splitlines()[-1]} ({log})")


def train(run: Run) -> None:
    """:func:`start` and :func:`finish`."""
    finish(run, start(run))


def apart(function: Callable[[], object]) -> None:
    """Call ``function`` in a fork, so that it leaves no threads or groups of processes to the forks after it.

    Raises:
        RecipeError: it failed; it has printed how.
    """
    if os.waitpid(_fork(function), 0)[1]:
        raise RecipeError("a process of the benchmark failed, see above")


def _fork(function: Callable[[], object]) -> int:
    """Call ``function`` in a fork, which ends with it whatever happens; return its process number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        function()
        status = 0
    except BaseException:  # the parent has to learn of Ctrl-C too
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _log(run: Run, rank: int) -> Path:
    return run.folder / f"rank{rank}.log"


def _be_rank(run: Run, rank: int, port: int) -> None:
    descriptor = os.open(_log(run, rank), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout = sys.stderr = os.fdopen(descriptor, "w", buffering=1)
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "MASTER_PORT": port}
    world = {"WORLD_SIZE": run.processes, "LOCAL_WORLD_SIZE": run.processes, "TORCHELASTIC_RUN_ID": port}
    os.environ.update({name: str(value) for name, value in {**numbers, **world}.items()})
    os.environ.update({"MASTER_ADDR": "127.0.0.1", **run.environment})
    import fiddle

    from recipes.request import make_request
    from tools.train import compose

    request = make_request(run.stage, folder=run.folder, **run.arguments)
    recipe = compose(request, (*run.overrides, f"trainer.devices={run.processes}"))
    call = fiddle.build(recipe)
    if run.watch:
        call.keywords["trainer"].callbacks.append(run.watch(request, recipe))
    call()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
