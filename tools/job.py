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
from recipes.executors.look import why

COMPLETED, UNKNOWN = "COMPLETED", "UNKNOWN"
#: Slurm's states of a job that has not ended, the furthest first; in the last two it is held.
OPEN = (
    *("RUNNING", "SIGNALING", "COMPLETING", "STAGE_OUT", "CONFIGURING", "SUSPENDED", "STOPPED", "RESIZING"),
    *("REQUEUED", "REQUEUE_FED", "PENDING", "REQUEUE_HOLD", "RESV_DEL_HOLD"),
)
_PERIOD = 30.0
# How often in a row `--wait` looks without an answer: ten minutes of a controller, or a connection, that is gone.
_LOOKS = 20
# What sacct says where nothing is accounted; 127: there is no sacct.
_NO_ACCOUNTING = "accounting storage is disabled"
_NO_PROGRAM = 127
# What Slurm says of a job that is over, and of one that it has forgotten.
_OVER = ("Invalid job id", "already completing or completed")


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
        RecipeError: the cluster cannot be reached, Slurm does not answer, or it does not end the jobs.
    """
    need_nemo_run()
    jobs = _jobs(name)
    tunnel = jobs[0].executor.tunnel  # of all of them: they were submitted at once
    numbers = {job.id: job.handle.rpartition("/")[2] for job in jobs}
    if cancel:
        _cancel(tunnel, numbers)
    states = _states(tunnel, numbers)
    unanswered = 0
    while wait and not JobStates(name, numbers, states, {}).ended:
        time.sleep(period)
        try:
            states, unanswered = _states(tunnel, numbers), 0
        except RecipeError:
            unanswered += 1
            if unanswered == _LOOKS:
                raise
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


def _ask(tunnel: Any, command: str) -> Any:
    """Return what became of a command on the cluster, which may have failed; connect first where that is needed.

    Raises:
        RecipeError: the cluster cannot be reached, or no longer; the next call connects anew.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # NeMo-Run says there that it connects
            tunnel.connect()
        done = tunnel.run(command, warn=True)
    except (Exception, SystemExit) as error:
        raise RecipeError(f"{tunnel.key} cannot be reached: {why(error)}") from error
    if done.return_code < 0:  # paramiko's, where the connection ended before the command
        raise RecipeError(f"the connection to {tunnel.key} was lost")
    return done


def _cancel(tunnel: Any, numbers: dict[str, str]) -> None:
    done = _ask(tunnel, f"scancel {' '.join(numbers.values())}")
    said = done.stderr.strip().splitlines()
    if not done.ok and (not said or any(not _is_over(line) for line in said)):
        raise RecipeError(f"scancel did not end {', '.join(numbers)}: {done.stderr.strip() or done.stdout.strip()}")


def _is_over(said: str) -> bool:
    return any(words in said for words in _OVER)


def _states(tunnel: Any, numbers: dict[str, str]) -> dict[str, str]:
    return {name: _together(_found(tunnel, number)) for name, number in numbers.items()}


def _found(tunnel: Any, number: str) -> Sequence[str]:
    """Return the states of a job's elements; none when Slurm has forgotten it.

    Raises:
        RecipeError: those who would know do not answer.
    """
    account = _ask(tunnel, f"sacct -X -n -P -o State -j {number}")
    found = [row.split()[0] for row in account.stdout.split("\n") if row.strip()]
    if account.ok and found:
        return found
    # the accounting may be off, or not know yet a job that is in the queue
    queue = _ask(tunnel, f"squeue -h -t all -o %T -j {number}")
    if queue.ok and queue.stdout.split():
        return list(queue.stdout.split())
    off = account.return_code == _NO_PROGRAM or _NO_ACCOUNTING in account.stderr
    for answer, known in ((queue, _is_over(queue.stderr)), (account, off)):
        if not (answer.ok or known):
            raise RecipeError(f"Slurm does not say what became of job {number}: {answer.stderr.strip()}")
    return []


def _together(states: Sequence[str]) -> str:
    """Return the state of a job from those of its elements: a failure if there is one, else what is still to come."""
    if not states:
        return UNKNOWN
    failures = [state for state in states if state != COMPLETED and state not in OPEN]
    still = [state for state in OPEN if state in states]
    return (failures or still or [COMPLETED])[0]


def _log(tunnel: Any, job: Any, number: str, lines: int) -> str:
    newest = f"ls -t {log_pattern(job, number)} 2> /dev/null | head -n 1"
    return str(_ask(tunnel, f'log=$({newest}); test -z "$log" || tail -n {lines} "$log"').stdout).rstrip("\n")
