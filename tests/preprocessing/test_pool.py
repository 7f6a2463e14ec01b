from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from preprocessing.errors import RecipeError
from preprocessing.pool import worker_pool
from tests.preprocessing.formex.invented import act, article, write
from tests.preprocessing.pool_workers import kill_first_worker, pool_workers

ROOT = Path(__file__).resolve().parents[2]
# Kills itself with SIGKILL in the middle of a parse, while its workers wait for more.
KILLED = """
import os, signal, sys
from pathlib import Path
from preprocessing.formex.parse import read_documents
if __name__ == "__main__":
    documents = read_documents([Path(sys.argv[1])], workers=2)
    print(next(documents).title, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_worker_outlives_a_parse_that_is_killed(tmp_path: Path) -> None:
    acts = {f"act{number}__xml": act(article("1", "Those who fly shall keep a record.")) for number in range(200)}
    (tmp_path / "run.py").write_text(KILLED, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "run.py"), str(write(tmp_path / "in", **acts))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    # the workers hold the same end of the pipe: it ends when the last of them is gone
    title, _ = process.communicate(timeout=20)
    assert title.startswith("Regulation (EU) 2099/123") and process.returncode < 0


def test_a_worker_that_dies_is_one_clear_error() -> None:
    with pytest.raises(RecipeError, match="worker process was killed"), worker_pool(1) as pool:
        pool.submit(os._exit, 1).result()


def test_a_worker_that_dies_while_another_is_started_hangs_nothing() -> None:
    # where the executor forgets a worker in this race, it did so within a few dozen rounds
    for _ in range(40):
        killer = threading.Thread(target=kill_first_worker)
        killer.start()
        with pytest.raises(RecipeError, match="worker process was killed"), worker_pool(2) as pool:
            for future in [pool.submit(time.sleep, 60) for _ in range(3)]:
                future.result()
        killer.join()
        assert not pool_workers()


def test_each_worker_runs_the_initializer_first() -> None:
    with worker_pool(1, os.putenv, ("EURLEX_POOL_TEST", "started")) as pool:
        seen = pool.submit(subprocess.check_output, ["sh", "-c", "echo $EURLEX_POOL_TEST"]).result()
    assert seen == b"started\n"
