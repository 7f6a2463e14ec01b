"""One process that has imported NeMo, and forks of it that do what tests ask: the import takes 20 s, a fork nothing.

    with Warm() as warm:
        warm.call("tests.recipes.recompute_in_process:main", folder)

A fork has one thread for torch (it would not inherit a pool of them), and environment variables of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.recipes.tiny import ROOT


class Warm:
    """Started at the first call."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process:
            _kill(self._process)
            self._process.wait()

    def call(
        self, function: str, *arguments: object, timeout: float = 540, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Call ``MODULE:NAME`` with ``arguments`` as text in a fork, and wait for it."""
        if not self._process or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.recipes.warm"],
                cwd=ROOT,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # so that all that hangs can be killed with it
            )
        process = self._process
        assert process.stdin and process.stdout
        watch = threading.Timer(timeout, _kill, (process,))
        watch.start()
        with tempfile.TemporaryDirectory() as folder:
            stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
            asked = {"function": function, "arguments": list(map(str, arguments)), "environment": environment}
            process.stdin.write(json.dumps({**asked, "stdout": str(stdout), "stderr": str(stderr)}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            watch.cancel()
            printed = [path.read_text() if path.exists() else "" for path in (stdout, stderr)]
        return subprocess.CompletedProcess(function, int(answer or -signal.SIGKILL), *printed)


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def forked(function: Callable[[], Any]) -> int:
    """Start a fork that calls ``function`` and ends, with exit status 1 after an error; return its process number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        function()
        status = 0
    except BaseException:  # the parent has to learn of every end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def finished(*children: int) -> int:
    """Wait for forks; return the first exit status that is not 0, or 0."""
    return next(filter(None, [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]), 0)


def _do(asked: dict[str, Any]) -> None:
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT), descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    os.environ.update(asked["environment"])
    module, _, name = asked["function"].partition(":")
    getattr(importlib.import_module(module), name)(*asked["arguments"])


def main() -> None:
    """Do what the lines of standard input ask; answer each with an exit status."""
    from tools.bench.warm_runs import warm_up

    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what NeMo prints is no answer
    warm_up()
    for line in sys.stdin:
        asked = json.loads(line)
        print(finished(forked(lambda asked=asked: _do(asked))), file=answers)  # type: ignore[misc]


if __name__ == "__main__":
    main()
