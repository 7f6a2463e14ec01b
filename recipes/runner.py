"""Runs a recipe on this machine: NeMo-Run starts torchrun, torchrun the ranks; a person sees one line a second.

What the ranks print goes to ``RUN/logs/nemo_run/``; the lines for people come through ``RUN/console.log``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import nemo_run as run

from preprocessing.errors import RecipeError
from preprocessing.processors import processors
from recipes.monitoring.console import CONSOLE_LOG
from recipes.nodes import this_node
from recipes.run_guard import LAUNCHER_VARIABLE
from recipes.stop import signals_ask_to_stop

ROOT = Path(__file__).resolve().parent.parent
_SHUTDOWN_SECONDS = 1800
_ON_CPU = ROOT / "recipes" / "on_cpu_path"


def run_recipe(recipe: run.Partial, name: str, folder: Path) -> None:
    """Train ``recipe`` on this machine and wait for it.

    Where the recipe has several nodes, this is called on each of them, with ``MASTER_ADDR``, ``MASTER_PORT`` and
    ``NODE_RANK`` (or Slurm's ``SLURM_NODEID``) in the environment, and a ``folder`` that all see.

    Raises:
        UsageError: several nodes, and no word which of them this is (:func:`recipes.nodes.this_node`).
        RecipeError: a process of the run failed. (NeMo-Run by itself reports success whatever its job did.)
    """
    nodes = int(recipe.trainer.num_nodes)
    node = this_node(nodes)
    folder.mkdir(parents=True, exist_ok=True)
    console = folder / CONSOLE_LOG
    if node == 0:
        (folder / "recipe.txt").write_text(f"{recipe!r}\n", encoding="utf-8")
        console.touch()
    jobs = folder / "logs" / "nemo_run" / (f"node{node}" if nodes > 1 else "")
    # torchrun is started by name, and an interpreter that was called by its path has not put its folder on PATH
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    executor = run.LocalExecutor(
        nodes=nodes,
        ntasks_per_node=int(recipe.trainer.devices),
        launcher="torchrun",
        env_vars=_environment(recipe),
    )
    # clean_mode: NeMo-Run's own banners are about its experiment database, which nobody here asks for
    with (
        _shown(console) if node == 0 else contextlib.nullcontext(),
        signals_ask_to_stop(folder),
        _ctrl_c_cancels() as running,  # outside the experiment, which waits for its jobs when its block is left
        _named_plainly(jobs) as base_dir,
        run.Experiment(name, base_dir=str(base_dir), clean_mode=True, log_level="ERROR") as experiment,
    ):
        running.append(experiment)
        experiment.add(recipe, executor=executor, name=name)
        experiment.run(sequential=True, detach=False, tail_logs=False)
    states = [str(job.state) for job in experiment.jobs]  # known when the experiment's block has been left
    if not states or any("SUCCEEDED" not in state for state in states):
        raise RecipeError(f"the {name} run failed: {_reason(jobs)} (logs: {jobs}; the same command tries again)")


@contextlib.contextmanager
def _named_plainly(folder: Path) -> Iterator[Path]:
    """Give ``folder``, where its path has blanks or the like, a name without them.

    NeMo-Run 0.11.1 quotes arguments as for a shell (torchx_backend/components/torchrun.py) and starts torchrun without
    one: the ranks then look for a file whose name has the quotes in it.
    """
    if shlex.quote(str(folder)) == str(folder):
        yield folder
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-") as plain:
        Path(plain, "jobs").symlink_to(folder, target_is_directory=True)
        yield Path(plain, "jobs")


def _environment(recipe: run.Partial) -> dict[str, str]:
    """What the ranks need: this project on their path, this interpreter's programs, a fair share of the cores."""
    cpu = recipe.trainer.accelerator == "cpu"
    own = [_ON_CPU, ROOT] if cpu else [ROOT]
    paths = [*map(str, own), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    variables = {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONWARNINGS": "ignore",
        "TOKENIZERS_PARALLELISM": "false",
        LAUNCHER_VARIABLE: str(os.getpid()),
        # where a scheduler signals every process: torchrun's 30 s after SIGTERM are too few for a large checkpoint
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(_SHUTDOWN_SECONDS),
    }
    if cpu:
        variables["OMP_NUM_THREADS"] = str(max(1, processors() // int(recipe.trainer.devices)))
        variables["CUDA_VISIBLE_DEVICES"] = ""
        return variables
    # the environment's own word goes before each of these
    variables |= {name: value for name, value in _for_gpus(recipe).items() if name not in os.environ}
    return variables


def _for_gpus(recipe: run.Partial) -> dict[str, str]:
    """What CUDA reads when a rank starts, and a recipe can't set."""
    import torch

    strategy = recipe.trainer.strategy
    # segments that grow: without, 58.8 GB were lost to fragmentation in a reported tuning of 70B
    variables = {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}
    if strategy.tensor_model_parallel_size > 1 or strategy.context_parallel_size > 1:
        # Megatron overlaps communication with products, and wants them to start in the order of their calls; the
        # figures are those of NeMo's PerfEnvPlugin
        blackwell = torch.cuda.is_available() and torch.cuda.get_device_capability()[0] >= 10
        variables["CUDA_DEVICE_MAX_CONNECTIONS"] = "32" if blackwell else "1"
    return variables


@contextlib.contextmanager
def _shown(console: Path) -> Iterator[None]:
    """Copy what rank 0 writes to ``console`` to standard error while the block runs."""
    done = threading.Event()
    begin = console.stat().st_size  # before it stands what earlier starts of the run said

    def follow() -> None:
        with console.open(encoding="utf-8", errors="replace") as stream:
            stream.seek(begin)
            while True:
                last = done.wait(0.2)
                if text := stream.read():
                    sys.stderr.write(text)
                    sys.stderr.flush()
                if last:
                    return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextlib.contextmanager
def _ctrl_c_cancels() -> Iterator[list[run.Experiment]]:
    """Yield a list; Ctrl-C stops the jobs of the experiments in it.

    The ranks are not in the terminal's process group, and NeMo-Run alone would wait for their end.
    """
    running: list[run.Experiment] = []

    def cancel(signal_number: int, frame: object) -> None:
        for experiment in running:
            for job in experiment.jobs:
                experiment.cancel(job.id)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield running  # only the main thread may set handlers, and only it gets Ctrl-C
        return
    previous = signal.signal(signal.SIGINT, cancel)
    try:
        yield running
    finally:
        signal.signal(signal.SIGINT, previous)


def _reason(jobs: Path) -> str:
    """The sentence of our own error in the newest log, else the last line that names an exception."""
    logs = sorted(jobs.rglob("combined.log"), key=lambda path: path.stat().st_mtime)
    lines = logs[-1].read_text(encoding="utf-8", errors="replace").splitlines() if logs else []
    for pattern in (r"preprocessing\.errors\.\w+: (.+)", r"(\w*(?:Error|Exception|Interrupt): .+)"):
        for line in lines:
            if found := re.search(pattern, line):
                return found.group(1)
    return lines[-1] if lines else "no process was started"
