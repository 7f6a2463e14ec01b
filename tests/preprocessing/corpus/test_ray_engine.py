"""The Ray engine on a real cluster on this machine: two nodes of one processor each."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from preprocessing.corpus.pipeline import preprocess
from preprocessing.corpus.ray_engine import RayEngine
from preprocessing.errors import RecipeError, UsageError
from preprocessing.pool import WorkerDiedError
from tests.preprocessing.corpus.conftest import contents, settings, write_act

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()


def engine(address: str, *paths: Path) -> RayEngine:
    return RayEngine(paths, address)


class Killing(RayEngine):
    """Kills every worker of the cluster once, in the middle of each stage."""

    killed = 0

    def run(self, *arguments: Any) -> Iterator[Any]:
        for done, result in enumerate(super().run(*arguments)):
            yield result
            if not done:
                for process in psutil.Process().children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        if process.name().startswith("ray::_do"):
                            process.kill()
                            Killing.killed += 1


def test_the_result_is_that_of_this_machine_byte_for_byte_though_workers_die(
    address, tokenizer_folder, tmp_path, monkeypatch
):
    for language in ("en", "fr", "de", "es"):
        for number in range(1, 3):
            write_act(tmp_path / "in" / language, number, language)
    monkeypatch.chdir(tmp_path)  # relative paths mean the same on every node
    chosen = settings(shards=4)
    preprocess([Path("in")], Path("local"), tokenizer_folder, chosen, workers=1)
    engine = Killing((Path("in"), Path("ray"), tokenizer_folder), address)
    preprocess([Path("in")], Path("ray"), tokenizer_folder, chosen, engine=engine)
    assert contents(Path("ray")) == contents(Path("local"))
    assert Killing.killed


def test_tasks_run_on_both_nodes(address):
    nodes = {node for _, node in engine(address).run(_node, range(8), 0)}
    assert len(nodes) == 2


def test_a_worker_that_is_killed_is_replaced_and_its_task_done_again(address, tmp_path):
    results = dict(engine(address).run(_die_once, [tmp_path / str(number) for number in range(4)], 0))
    assert results == dict.fromkeys(range(4), 2)


@pytest.mark.slow
def test_a_task_that_kills_every_worker_is_one_clear_error(address):
    with pytest.raises(WorkerDiedError, match="a Ray worker died"):
        list(engine(address).run(_die, [0], 0))


def test_what_a_task_raises_is_raised_as_it_is(address):
    with pytest.raises(RecipeError, match=r"^the disk is full of 7$") as raised:
        list(engine(address).run(_fail, [7], 0))
    assert type(raised.value) is RecipeError
    with pytest.raises(FileNotFoundError) as missing:
        list(engine(address).run(os.stat, ["/nowhere"], 0))
    assert missing.value.filename == "/nowhere"


def test_a_node_that_does_not_see_the_files_is_one_clear_error(address, tmp_path):
    with pytest.raises(RecipeError, match=r"does not see .*nowhere; .* all nodes share"):
        list(engine(address, tmp_path / "nowhere").run(_fail, [7], 0))


def test_ctrl_c_is_answered_while_tasks_run_and_stops_them(address, tmp_path):
    stopped = []

    def stop() -> None:
        while not ((tmp_path / "1").exists() and (tmp_path / "2").exists()):
            time.sleep(0.05)
        stopped.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        threading.Thread(target=stop).start()
        list(engine(address).run(_sleep, [(tmp_path / str(number), 120.0) for number in (1, 2)], 0))
    assert time.monotonic() - stopped[0] < 60  # the tasks take two minutes
    pids = [int((tmp_path / name).read_text()) for name in ("1", "2")]
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_module_that_workers_lack_is_named(address):
    with pytest.raises(RecipeError, match=r"cannot import a module .*no_such_module.*requirements/base.txt"):
        list(engine(address).run(_import, ["no_such_module"], 0))


def test_no_cluster_or_no_ray_is_wrong_usage_and_says_what_to_do(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:1")
    said = r"no Ray cluster answers at ray://127\.0\.0\.1:1 \(.*refused.*`ray start --head`.*--engine-address"
    with pytest.raises(UsageError, match=said):
        list(RayEngine(()).run(_fail, [1], 0))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install -r requirements/ray\.txt"):
        list(RayEngine(()).run(_fail, [1], 0))


def _node(_: int) -> str:
    time.sleep(0.5)
    return ray.get_runtime_context().get_node_id()


def _die_once(path: Path) -> int:
    """Count the calls; the first one of the task named 1 does not come back."""
    calls = len(path.read_text()) + 1 if path.exists() else 1
    path.write_text("x" * calls)
    if calls == 1:
        if path.name == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        path.write_text("xx")
    return len(path.read_text())


def _die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail(number: int) -> None:
    raise RecipeError(f"the disk is full of {number}")


def _sleep(order: tuple[Path, float]) -> None:
    path, seconds = order
    path.write_text(str(os.getpid()))
    time.sleep(seconds)


def _import(name: str) -> None:
    __import__(name)
