"""Each node of a run knows which it is, and the others wait for the first one's word of this start."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from preprocessing.errors import RecipeError, UsageError
from recipes import nodes
from recipes.nodes import last_sign, this_node, told_to_others, wait_for_first

NAMES = ("NODE_RANK", "SLURM_NODEID", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_BEAT", 0.05)
    monkeypatch.setattr(nodes, "_PATIENCE", 0.5)
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_alone_it_is_the_first_whatever_an_earlier_run_left_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, NODE_RANK="1", SLURM_NODEID="x")
    assert this_node(1) == 0


def test_of_several_the_environment_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="a run on 2 nodes is started on each of them"):
        this_node(2)
    environment(monkeypatch, MASTER_ADDR="10.0.0.1", MASTER_PORT="29500", SLURM_NODEID="1")
    assert this_node(2) == 1
    environment(monkeypatch, NODE_RANK="0")
    assert this_node(2) == 0
    for wrong in ("2", "x", "-1", "1.0"):
        environment(monkeypatch, NODE_RANK=wrong)
        with pytest.raises(UsageError, match=rf"of 2 nodes is a number from 0 to 1, not '{wrong}'"):
            this_node(2)


def waiting(folder: Path, heard: list[str]) -> threading.Thread:
    """Another node; what it comes to know is in ``heard``."""

    def wait() -> None:
        try:
            wait_for_first(folder, before)
            heard.append("ready")
        except RecipeError as error:
            heard.append(str(error))

    before = last_sign(folder)
    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_the_others_wait_as_long_as_the_first_is_at_work(tmp_path: Path) -> None:
    heard: list[str] = []
    other = waiting(tmp_path, heard)
    with told_to_others(tmp_path) as ready:
        time.sleep(2 * nodes._PATIENCE)
        assert heard == []
        ready()
        other.join()
        late = waiting(tmp_path, heard)  # the sign it finds is as old as an earlier start's, the next one is not
        late.join()
    assert heard == ["ready", "ready"]


def test_a_first_node_that_was_quicker_than_the_others_is_believed(tmp_path: Path) -> None:
    before = last_sign(tmp_path)
    with told_to_others(tmp_path) as ready:
        ready()
    wait_for_first(tmp_path, before)


def test_what_an_earlier_start_left_is_not_believed(tmp_path: Path) -> None:
    with told_to_others(tmp_path) as ready:
        ready()
    heard: list[str] = []
    waiting(tmp_path, heard).join()
    assert heard[0].startswith(f"no sign of the first node (NODE_RANK 0) in {tmp_path}")


def test_the_others_end_with_the_first_and_say_why(tmp_path: Path) -> None:
    heard: list[str] = []
    other = waiting(tmp_path, heard)
    with pytest.raises(UsageError), told_to_others(tmp_path):
        raise UsageError("the disk is too small")
    other.join()
    assert heard == ["the first node could not start the run: the disk is too small"]
