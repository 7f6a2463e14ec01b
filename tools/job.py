"""``launch.py job``: what became of jobs that were submitted to Slurm, with an exit status that tells the truth.

Slurm is asked itself: NeMo-Run's own look knows neither job arrays nor a state such as COMPLETING, and ends with 0.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError, did_you_mean
from recipes.executors.jobs import log_pattern, need_nemo_run

COMPLETED, UNKNOWN = "COMPLETED", "UNKNOWN"
#: Slurm's states of a job that has not ended, the furthest first.
OPEN = ("RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "RESIZING", "REQUEUED", "PENDING")
_PERIOD = 30.0


@dataclass(frozen=True)
class JobStates:
    """The jobs of a submission by name: their numbers, Slurm's states, and the end of the newest log of each."""

    experiment: str
    numbers: dict[str, str]
    states: dict[str, str]
    logs: dict[str, str]

    @property
    def failed(self) -> bool:
        """Whether a job ended otherwise than well, or is unknown to Slurm."""
        return any(state != COMPLETED and state not in OPEN for state in self.states.values())

    @property
    def ended(self) -> bool:
        """Whether there is nothing to wait for: a job whose predecessor failed never starts."""
        return self.failed or all(state == COMPLETED for state in self.states.values())

    @property
    def exit_status(self) -> int:
        """1 where a job failed, was cancelled, or is unknown."""
        return int(self.failed)

    def text(self) -> str:
        """What a person sees."""
        lines = [f"{name}  {self.numbers[name]}  {state}" for name, state in self.states.items()]
        for name, log in self.logs.items():
            lines += [f"--- {name}", log or "(no log yet)"]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def look_at_job(
    name: str, *, cancel: bool = False, wait: bool = False, lines: int = 0, period: float = _PERIOD
) -> JobStates:
    """Return the states of the jobs that were submitted under ``name``.

    Args:
        name: as the submission printed it.
        cancel: end them first.
        wait: until all have ended, or one has failed.
        lines: how many of the newest log of each job; 0: none.
        period: seconds between two looks.

    Raises:
        UsageError: nothing was submitted under that name from this machine, or NeMo-Run is not installed.
        RecipeError: the cluster cannot be reached.
    """
    need_nemo_run()
    jobs = _jobs(name)
    tunnel = jobs[0].executor.tunnel  # of all of them: they were submitted at once
    numbers = {job.id: job.handle.rpartition("/")[2] for job in jobs}
    try:
        tunnel.connect()
    except (Exception, SystemExit) as error:  # NeMo-Run ends the process when no key and no password is taken
        raise RecipeError(f"{tunnel.key} cannot be reached: {error}") from error
    if cancel:
        tunnel.run(f"scancel {' '.join(numbers.values())}", warn=True)
    states = _states(tunnel, numbers)
    while wait and not JobStates(name, numbers, states, {}).ended:
        time.sleep(period)
        states = _states(tunnel, numbers)
    logs = {job.id: _log(tunnel, job, numbers[job.id], lines) for job in jobs} if lines else {}
    tunnel.cleanup()
    return JobStates(name, numbers, states, logs)


def _jobs(name: str) -> Sequence[Any]:
    from nemo_run import Experiment, SlurmExecutor
    from nemo_run.config import get_nemorun_home

    folder = Path(get_nemorun_home(), "experiments")
    known = sorted(path.name for path in folder.glob("eurlex-*/eurlex-*"))
    if name not in known:
        raise UsageError(f"nothing was submitted as '{name}' from here.{did_you_mean(name, known)}")
    with contextlib.redirect_stdout(io.StringIO()):
        jobs = Experiment.from_id(name).jobs
    if not all(isinstance(job.executor, SlurmExecutor) for job in jobs):
        raise UsageError(f"{name} was not sent to Slurm; SkyPilot is asked by `sky queue`, Docker by `docker ps`")
    return jobs


def _states(tunnel: Any, numbers: dict[str, str]) -> dict[str, str]:
    states = {}
    for name, number in numbers.items():
        # the accounting may be off, or not know yet a job that is in the queue
        rows = tunnel.run(f"sacct -X -n -P -o State -j {number}", warn=True).stdout.split("\n")
        found = [row.split()[0] for row in rows if row.strip()]
        if not found:
            found = tunnel.run(f"squeue -h -o %T -j {number}", warn=True).stdout.split()
        states[name] = _together(found)
    return states


def _together(states: Sequence[str]) -> str:
    """Return the state of a job from those of its elements: a failure if there is one, else what is still to come."""
    if not states:
        return UNKNOWN
    failures = [state for state in states if state != COMPLETED and state not in OPEN]
    still = [state for state in OPEN if state in states]
    return (failures or still or [COMPLETED])[0]


def _log(tunnel: Any, job: Any, number: str, lines: int) -> str:
    newest = f"ls -t {log_pattern(job, number)} 2> /dev/null | head -n 1"
    return str(tunnel.run(f'log=$({newest}); test -z "$log" || tail -n {lines} "$log"', warn=True).stdout).rstrip("\n")
