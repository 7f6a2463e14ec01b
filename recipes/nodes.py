"""Which of a run's nodes this is, and how the others wait until the first has got the run's folder ready.

Each node starts the same command. What is done once for all of them (chats are checked and packed, checkpoints set
aside) is the first one's work; it tells the others through ``RUN/first_node.json``, again every few seconds: a file
that an earlier start left behind does not change, and so is not believed.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import write_json

FILE = "first_node.json"
_PREPARING, _READY, _FAILED = "preparing", "ready", "failed"
_BEAT = 3.0  # seconds between two signs of life
_PATIENCE = 900.0  # seconds without one after which the others give up


def this_node(nodes: int) -> int:
    """Return which of the run's ``nodes`` this is, from ``NODE_RANK`` or Slurm's ``SLURM_NODEID``; 0 where it is alone.

    Raises:
        UsageError: nobody says, or what is said can't be.
    """
    if nodes == 1:
        return 0
    rank = os.environ.get("NODE_RANK") or os.environ.get("SLURM_NODEID")
    if rank is None or not (os.environ.get("MASTER_ADDR") and os.environ.get("MASTER_PORT")):
        raise UsageError(
            f"a run on {nodes} nodes is started on each of them, by --executor slurm, or by hand with MASTER_ADDR, "
            "MASTER_PORT and NODE_RANK set"
        )
    if not (rank.isdecimal() and int(rank) < nodes):
        raise UsageError(
            f"NODE_RANK (or SLURM_NODEID) of {nodes} nodes is a number from 0 to {nodes - 1}, not '{rank}'"
        )
    return int(rank)


def last_sign(folder: Path) -> dict[str, Any]:
    """Return what the first node said last about ``folder``; {} where it said nothing."""
    try:
        sign = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return sign if isinstance(sign, dict) else {}


def wait_for_first(folder: Path, before: dict[str, Any]) -> None:
    """Wait until the first node says that ``folder`` is ready.

    Args:
        folder: the run's.
        before: :func:`last_sign` when this command began; it may be an earlier start's.

    Raises:
        RecipeError: the first node failed, or was silent for too long.
    """
    heard = time.monotonic()
    while time.monotonic() - heard < _PATIENCE:
        sign = last_sign(folder)
        if sign and sign != before:
            before, heard = sign, time.monotonic()
            if sign.get("state") == _READY:
                return
            if sign.get("state") == _FAILED:
                raise RecipeError(f"the first node could not start the run: {sign.get('reason')}")
        time.sleep(_BEAT / 3)
    raise RecipeError(
        f"no sign of the first node (NODE_RANK 0) in {folder} for {_PATIENCE / 60:.0f} minutes; start the same command "
        "there, with an --output that all nodes see"
    )


@contextlib.contextmanager
def told_to_others(folder: Path) -> Iterator[Callable[[], None]]:
    """On the first node: tell the others how far it is while the block runs.

    Yields a function to call once ``folder`` is ready. An error before that is told, too.
    """
    state: dict[str, str] = {"state": _PREPARING}
    over = threading.Event()

    def tell() -> None:
        # one that can't be written (a full disk) is followed by another
        with contextlib.suppress(OSError):
            write_json(folder / FILE, {**state, "time": time.time_ns()})

    def beat() -> None:
        ready = None
        # a node that comes later than this finds no other one waiting for it any more
        while ready is None or time.monotonic() - ready < _PATIENCE:
            tell()
            if over.wait(_BEAT):
                return
            ready = ready or (time.monotonic() if state["state"] == _READY else None)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield lambda: state.update(state=_READY)
    except BaseException as error:
        if state["state"] == _PREPARING:
            state |= {"state": _FAILED, "reason": str(error) or type(error).__name__}
        raise
    finally:
        over.set()
        thread.join()
        tell()
