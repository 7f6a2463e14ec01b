"""Jobs handed to NeMo-Run: scripts made, submitted, and what became of them."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from preprocessing.errors import RecipeError, UsageError
from recipes.executors.container import ended_by_signals
from recipes.executors.look import look_at_cluster, look_here, needs
from recipes.executors.script import ROOT, refuse_changed_names, uncommitted
from recipes.executors.settings import Docker, Remote, Skypilot, Slurm


@dataclass(frozen=True)
class Job:
    """A script, the executor that runs it (NeMo-Run's), and the job whose good end it waits for."""

    name: str
    script: str
    executor: Any
    after: str | None = None


@dataclass(frozen=True)
class Submission:
    """The jobs by name: what was made for the scheduler, what they run and, where they were submitted, their numbers.

    ``logs`` are shell patterns; ``place`` is ``user@host`` of the machine they are patterns on, None for this one.
    """

    experiment: str
    scripts: dict[str, str]
    commands: dict[str, str]
    jobs: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    place: str | None = None
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the scripts, or what was submitted and how to look at it."""
        if not self.jobs:
            return "\n".join(
                f"# --- {name}: for the scheduler\n{script}\n# --- {name}.sh: what it runs\n{self.commands[name]}"
                for name, script in self.scripts.items()
            )
        lines = [f"submitted  {', '.join(f'{name} {job}' for name, job in self.jobs.items())}", *self.notes]
        if not self.logs:  # no job of Slurm
            return "\n".join(lines)
        far = f"ssh {self.place} " if self.place else ""
        numbers = ",".join(self.jobs.values())
        lines.append(f"state:     python launch.py job {self.experiment}  (or: {far}squeue -j {numbers})")
        lines += [
            f"log:       {far}{shlex.quote(f'tail -F {log}') if far else f'tail -F {log}'}"
            for log in self.logs.values()
        ]
        lines.append(f"stop:      python launch.py job {self.experiment} --cancel  (or: {far}scancel {numbers})")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the same for a program."""
        return dict(vars(self))


def need_nemo_run() -> None:
    """Raise UsageError unless NeMo-Run is installed."""
    if importlib.util.find_spec("nemo_run") is None:
        raise UsageError(
            "jobs are submitted by NeMo-Run; install it: pip install nemo-run leptonai -c requirements/constraints.txt"
        )


def submit(
    title: str,
    jobs: Sequence[Job],
    settings: Remote,
    *,
    dry_run: bool = False,
    paths: Sequence[str] = (),
    written: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Submission:
    """Hand ``jobs`` to NeMo-Run under ``title``; with ``dry_run`` only make their scripts.

    Jobs of Slurm and SkyPilot are submitted and left; a container is waited for.

    Args:
        paths: what must be there, where the jobs run, before they are submitted; absolute, as the jobs see them.
        written: the same of what they make, which must outlive a container.
        notes: lines for the person, shown when it is submitted.

    Raises:
        UsageError: a path is missing, in no mount, or has a name that NeMo-Run would change.
        RecipeError: the machine is out of reach, the scheduler did not take the jobs, or the container's job failed.
        KeyboardInterrupt: Ctrl-C ended the container.
        StoppedError: SIGTERM did.
    """
    import nemo_run as run
    from nemo_run.config import get_nemorun_home

    if settings.code == "git":
        _say_what_is_not_sent(settings)
    refuse_changed_names(settings, str(get_nemorun_home()), [job.script for job in jobs])
    needed = needs(settings, paths, written)
    waits = isinstance(settings, Docker) and not dry_run
    with (
        ended_by_signals() if waits else contextlib.nullcontext() as ending,
        _in_folder(ROOT),  # NeMo-Run asks git about the current folder
        # beside NeMo-Run's own page of advice the result would be lost; a container's output is among it, and wanted
        contextlib.redirect_stdout(sys.stderr if waits else io.StringIO()),
        run.Experiment(
            title,
            executor=jobs[0].executor,
            enable_goodbye_message=False,
            skip_status_at_exit=True,
            log_level="ERROR",
            serialize_metadata_for_scripts=False,
        ) as experiment,
    ):
        for job in jobs:
            experiment.add(
                run.Script(inline=job.script),
                executor=job.executor,
                name=job.name,
                tail_logs=isinstance(settings, Docker),
                dependencies=[job.after] if job.after else None,
            )
        folder = Path(experiment._exp_dir)
        try:
            if dry_run:
                experiment.dryrun(log=False, delete_exp_dir=False)
            else:
                if isinstance(settings, Slurm):
                    look_at_cluster(_tunnel(experiment, settings), settings, needed)
                else:
                    look_here(needed)
                if ending:
                    ending.experiment = experiment
                experiment.run(detach=not waits)
                if ending and ending.came:  # while the image was fetched
                    ending.end()
        except RecipeError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except Exception as error:  # whatever ssh, sbatch or NeMo-Run raises, the person wants Slurm's own words
            words = str(getattr(getattr(error, "result", None), "stderr", "")).strip() or str(error)
            what = "NeMo-Run could not write the scripts" if dry_run else f"{_name(settings)} did not take the jobs"
            taken = [f"{job.id} {job.handle.rpartition('/')[2]}" for job in experiment.jobs if job.handle]
            if not taken:
                shutil.rmtree(folder, ignore_errors=True)
            raise RecipeError(f"{what}: {words}{'; it has taken: ' if taken else ''}{', '.join(taken)}") from error
        made = [(job.id, job) for job in experiment.jobs]
        scripts = {name: _script(folder, job) for name, job in made}
        if dry_run:
            shutil.rmtree(folder)
    numbers = {} if dry_run else {name: job.handle.rpartition("/")[2] for name, job in made}
    if ending:
        ending.expect_success(made)
    return Submission(
        experiment=experiment._id,
        scripts=scripts,
        commands={job.name: job.script for job in jobs},
        jobs=numbers,
        logs={name: log_pattern(job, numbers[name]) for name, job in made}
        if numbers and isinstance(settings, Slurm)
        else {},
        place=settings.place if isinstance(settings, Slurm) else None,
        notes=list(notes),
    )


def _say_what_is_not_sent(settings: Remote) -> None:
    if changed := uncommitted():
        named = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        remedy = "commit them" if isinstance(settings, Skypilot) else "commit them, or set code: files"
        print(f"note: not sent, because not committed: {named}; {remedy}", file=sys.stderr)


def _tunnel(experiment: Any, slurm: Slurm) -> Any:
    """Return the way to the cluster; over ssh the connection that NeMo-Run goes on with, and asks no password again."""
    from recipes.executors.build import tunnel as make_tunnel

    tunnel = make_tunnel(slurm)
    tunnel._set_job_dir(experiment._id)
    if slurm.place:
        experiment.tunnels[tunnel.key] = tunnel
    return tunnel


def _name(settings: Remote) -> str:
    return type(settings).__name__


def _script(folder: Path, job: Any) -> str:
    """Return what the scheduler is given."""
    path = folder / f"{job.id}_sbatch.sh"
    if path.exists():
        return path.read_text(encoding="utf-8")
    request = job._dryrun_info.request
    task = getattr(request, "task", None)  # SkyPilot's, which NeMo-Run shows by a function that SkyPilot has moved
    return yaml.dump(task.to_yaml_config(), Dumper=_Readable, sort_keys=False) if task is not None else f"{request}"


class _Readable(yaml.SafeDumper):
    """Writes text of several lines as such."""


_Readable.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)
)


def log_pattern(job: Any, number: str) -> str:
    """Return the pattern of a job's log files: one for each time that Slurm started it, of an array one an element."""
    return f"{job.executor.tunnel.job_dir}/{Path(job.executor.job_dir).name}/log-*_{number}*_*.out"


@contextlib.contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
