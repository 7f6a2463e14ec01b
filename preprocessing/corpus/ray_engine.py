"""The tasks on a Ray cluster that is running already.

    ray start --head                         # on one machine; on the others: ray start --address=HEAD:6379
    python launch.py preprocess --engine ray ...

What every node needs: this repository, the inputs, the tokenizer and the output folder under the same paths (a shared
file system), and a Python with requirements/base.txt and ray.txt. Ray does all scheduling; a worker that dies, with its
node or alone, is replaced by Ray and its task is done again, three times at most.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from preprocessing.corpus.engines import AHEAD
from preprocessing.errors import RecipeError, UsageError
from preprocessing.pool import WorkerDiedError

T = TypeVar("T")
R = TypeVar("R")

_ROOT = Path(__file__).resolve().parents[2]
# How often Ray does a task again whose worker died: more than a lost node needs, few enough for a task that kills every
# worker (too little memory) to end.
_RETRIES = 3
# How long a cluster may take to answer, in seconds.
_ANSWER = 10.0


@dataclass(frozen=True)
class RayEngine:
    """An engine (see :class:`preprocessing.corpus.engines.Engine`): one processor of the cluster for each task.

    ``paths`` is what every node must see. ``address`` is that of the cluster (``HOST:6379``, ``ray://HOST:10001``), by
    default RAY_ADDRESS, else the one that runs on this machine. The connection stays until the process ends.
    """

    paths: tuple[Path, ...]
    address: str | None = None

    def run(
        self, function: Callable[[T], R], tasks: Sequence[T], size: int, prepare: Callable[[], Any] | None = None
    ) -> Generator[tuple[int, R], None, None]:
        """As the protocol says.

        Raises:
            UsageError: Ray is not installed, or no cluster answers.
            RecipeError: a node lacks this repository, its packages or one of ``paths``.
            WorkerDiedError: the workers that tried a task died, one after the other.
        """
        ray = self._connected()
        if prepare:
            prepare()
        remote = ray.remote(num_cpus=1, max_retries=_RETRIES)(_do)
        folder = Path.cwd()
        paths = tuple(path.absolute() for path in self.paths)
        running: dict[Any, int] = {}
        try:
            for number, task in enumerate(tasks):
                running[remote.remote(function, task, folder, paths)] = number
                # asked again each time: nodes come and go
                while len(running) >= AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1))):
                    yield from _finished(ray, running)
            while running:
                yield from _finished(ray, running)
        finally:
            if running:
                # After an error or Ctrl-C: what runs ends with the connection. ray.cancel (Ray 2.60) is no way:
                # a reply that is on its way then ends this process, with a page of C++.
                ray.shutdown()

    def _connected(self) -> Any:
        try:
            import ray
        except ImportError as error:
            raise UsageError("--engine ray needs Ray: pip install -r requirements/ray.txt") from error
        if ray.is_initialized():
            return ray
        address = self.address or os.environ.get("RAY_ADDRESS") or "auto"
        try:
            _knock(address)
            # one attempt of half a minute to reach a cluster that is gone, where Ray makes twenty
            os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": {"PYTHONPATH": str(_ROOT)}},
            )
        except (OSError, RuntimeError, ValueError) as error:
            where = "on this machine" if address == "auto" else f"at {address}"
            reason = str(error).strip().partition("\n")[0]
            raise UsageError(
                f"no Ray cluster answers {where} ({reason}); start one with `ray start --head`, or name a running one "
                "with --engine-address HOST:6379 or RAY_ADDRESS"
            ) from error
        return ray


def _knock(address: str) -> None:
    """Raise an OSError if nothing listens at ``HOST:PORT``; Ray itself would go on trying for more than ten minutes."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()


def _do(function: Callable[[T], R], task: T, folder: Path, paths: Sequence[Path]) -> R:
    """Do one task on a node of the cluster.

    A node that does not see the inputs would count every document as unreadable, so that is looked at first.
    """
    for path in paths:
        if not path.exists():
            raise RecipeError(
                f"Ray node {os.uname().nodename} does not see {path}; inputs, tokenizer and output must lie on a file "
                "system that all nodes share"
            )
    if folder.is_dir():  # what relative paths start from
        os.chdir(folder)
    return function(task)


def _finished(ray: Any, running: dict[Any, int]) -> Iterator[tuple[int, Any]]:
    done, _ = ray.wait(list(running), num_returns=1)
    for reference in done:
        number = running.pop(reference)
        yield number, _result(ray, reference)


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ImportError):
            raise RecipeError(
                f"a Ray worker cannot import a module ({error.cause}); every node needs {_ROOT} at the same path and "
                "the packages of requirements/base.txt"
            ) from error
        raise error.cause from None  # Ray's own is a traceback in a string
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError) as error:
        raise WorkerDiedError(
            f"a Ray worker died, and so did {_RETRIES} more on the same task, most often because memory ran out; "
            "nodes need 1.5 GB for each processor that Ray counts (ray start --num-cpus)"
        ) from error
