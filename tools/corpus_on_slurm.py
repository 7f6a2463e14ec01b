"""``preprocess --engine slurm``: the parts of :mod:`preprocessing.corpus.parts` as job arrays, by NeMo-Run.

    read (array) -> plan -> write (array) -> finish

Slurm starts each job when the one before it has ended well (``afterok``), so nothing has to stay connected. NeMo-Run
writes the sbatch scripts, submits them, and shows what became of them (``nemo experiment status ID``).
"""

from __future__ import annotations

import contextlib
import io
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from preprocessing.corpus.parts import PLAN, READ, WRITE
from preprocessing.corpus.settings import Settings
from preprocessing.errors import RecipeError, UsageError, did_you_mean

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = ROOT / "nemo_configs" / "executors" / "slurm.yaml"
FINISH = "finish"
TITLE = "eurlex-corpus"
# The jobs in their order, and what each waits for.
_BEFORE = {READ: None, PLAN: READ, WRITE: PLAN, FINISH: WRITE}


@dataclass(frozen=True)
class SlurmSettings:
    """``nemo_configs/executors/slurm.yaml``, which explains them."""

    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    time: str = "04:00:00"
    cpus_per_task: int = 8
    mem: str | None = None
    parts: int = 64
    at_once: int | None = None
    retries: int = 1
    setup: str = ""
    container_image: str | None = None
    container_mounts: list[str] = field(default_factory=list)
    sbatch: dict[str, Any] = field(default_factory=dict)
    ssh_host: str | None = None
    ssh_user: str | None = None
    ssh_identity: str | None = None
    ssh_job_dir: str | None = None
    repository: str | None = None


@dataclass(frozen=True)
class SlurmRun:
    """The jobs by name: their sbatch scripts, what these run and, where they were submitted, their numbers."""

    experiment: str
    scripts: dict[str, str]
    commands: dict[str, str]
    jobs: dict[str, str]

    def text(self) -> str:
        """Return the scripts, or what was submitted."""
        if not self.jobs:
            return "\n".join(
                f"# --- {_submission(name)}\n{script}\n# --- {name}.sh\n{self.commands[name]}"
                for name, script in self.scripts.items()
            )
        lines = [f"submitted  {', '.join(f'{name} {job}' for name, job in self.jobs.items())}"]
        lines.append("each starts when the one before has ended well; the same command again does what is missing")
        lines.append(f"watch:     squeue -j {','.join(self.jobs.values())}; nemo experiment status {self.experiment}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the same for a program."""
        return dict(vars(self))


def load_slurm_settings(path: Path | None = None) -> SlurmSettings:
    """Read the settings; by default those of the repository.

    Raises:
        UsageError: the file is not there, or a value is missing or unknown.
    """
    path = path or DEFAULT
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise UsageError(f"no executor settings at {path}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not valid YAML: {error}") from error
    hints = get_type_hints(SlurmSettings)
    for key, value in values.items():
        if key not in hints:
            raise UsageError(f"{path}: unknown key '{key}'.{did_you_mean(str(key), hints)}")
        # str | None or list[str]: the types themselves, or what the list is of
        kinds = (get_origin(hints[key]),) if get_origin(hints[key]) in (list, dict) else get_args(hints[key])
        if not isinstance(value, kinds or hints[key]) or isinstance(value, bool):
            raise UsageError(f"{path}: {key} can't be {value!r}; a time or a number of text kind wants quotes")
    settings = SlurmSettings(**values)
    if not settings.account:
        raise UsageError(f"{path}: set account to what this cluster's sbatch --account takes")
    if min(settings.parts, settings.cpus_per_task) < 1:
        raise UsageError(f"{path}: parts and cpus_per_task must be at least 1")
    if settings.ssh_host and not (settings.ssh_user and settings.ssh_job_dir and settings.repository):
        raise UsageError(f"{path}: with ssh_host, set ssh_user, ssh_job_dir and repository too")
    return settings


def submit(options: Sequence[str], slurm: SlurmSettings, *, dry_run: bool = False) -> SlurmRun:
    """Submit the four jobs of ``preprocess`` with ``options``; with ``dry_run`` only make their scripts.

    Raises:
        UsageError: NeMo-Run is not installed.
        RecipeError: Slurm did not take them.
    """
    try:
        import nemo_run as run
        from nemo_run.config import get_nemorun_home
    except ImportError as error:
        raise UsageError("--engine slurm needs NeMo-Run: pip install -r requirements/cpu.txt") from error
    commands = {name: _command(name, options, slurm) for name in _BEFORE}
    jobs_at = slurm.ssh_job_dir or str(get_nemorun_home())
    if not slurm.container_image and any("/nemo_run" in text for text in (jobs_at, *commands.values())):
        raise UsageError(
            "a path of this command, or $NEMORUN_HOME, has a folder whose name begins with nemo_run: NeMo-Run would "
            "take it for its own and put another in its place; use other names"
        )
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),  # its own page of advice, beside which the result would be lost
        run.Experiment(
            TITLE,
            executor=_executor(run, slurm),
            enable_goodbye_message=False,
            skip_status_at_exit=True,
            log_level="ERROR",
            serialize_metadata_for_scripts=False,
        ) as experiment,
    ):
        for name, before in _BEFORE.items():
            executor = _executor(run, slurm)
            if name in (READ, WRITE):
                executor.array = f"0-{slurm.parts - 1}" + (f"%{slurm.at_once}" if slurm.at_once else "")
            task = run.Script(inline=commands[name])
            experiment.add(task, executor=executor, name=name, dependencies=[before] if before else None)
        folder = Path(experiment._exp_dir)
        try:
            if dry_run:
                experiment.dryrun(log=False, delete_exp_dir=False)
            else:
                experiment.run(detach=True)
        except Exception as error:  # whatever ssh, sbatch or NeMo-Run raises, the person wants Slurm's own words
            words = str(getattr(getattr(error, "result", None), "stderr", "")).strip() or str(error)
            what = "NeMo-Run could not write the scripts" if dry_run else "Slurm did not take the jobs"
            raise RecipeError(f"{what}: {words}") from error
        scripts = {name: (folder / f"{name}_sbatch.sh").read_text(encoding="utf-8") for name in _BEFORE}
        jobs = {} if dry_run else {job.id: job.handle.rpartition("/")[2] for job in experiment.jobs}
        if dry_run:
            shutil.rmtree(folder)
    return SlurmRun(experiment._id, scripts, commands, jobs)


def options_of(inputs: Sequence[Path], output: Path, tokenizer: Path, settings: Settings, overwrite: bool) -> list[str]:
    """Return the options of ``preprocess`` that mean just these."""
    options = [item for path in inputs for item in ("--input", str(path))]
    options += ["--output", str(output), "--tokenizer", str(tokenizer)]
    for name, value in vars(settings).items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            options.append(option if value else f"--no-{option[2:]}")
        elif name == "languages":
            options += [option, ",".join(value)]
        elif name == "shares":
            options += [option, ",".join(f"{language}={share}" for language, share in value.items())] if value else []
        elif name == "replay":
            options += [option, "{}={}".format(*value)] if value else []
        elif value is not None:
            options += [option, str(value)]
    return [*options, *(["--overwrite"] if overwrite else [])]


def _command(name: str, options: Sequence[str], slurm: SlurmSettings) -> str:
    """Return what one job (or one element of an array) runs."""
    repository = slurm.repository or str(ROOT)
    start = repository if slurm.ssh_host else str(Path.cwd())  # where the command's relative paths begin
    command = shlex.join(["python", f"{repository}/launch.py", "preprocess", *options])
    if name != FINISH:
        command += f" --only {name}"
    if name in (READ, WRITE):
        command += f' --part "$SLURM_ARRAY_TASK_ID/{slurm.parts}"'
    lines = ["set -e", f"cd {shlex.quote(repository)}", slurm.setup, f"cd {shlex.quote(start)}"]
    return "\n".join([*filter(None, lines), f"{command} --workers {slurm.cpus_per_task}", ""])


def _submission(name: str) -> str:
    before = _BEFORE[name]
    waits = f"--dependency=afterok:<job of {before}> " if before else ""
    return f"sbatch --requeue --parsable {waits}{name}_sbatch.sh"


def _executor(run: Any, slurm: SlurmSettings) -> Any:
    tunnel = run.LocalTunnel(job_dir="")
    if slurm.ssh_host:
        tunnel = run.SSHTunnel(
            host=slurm.ssh_host, user=slurm.ssh_user, job_dir=slurm.ssh_job_dir, identity=slurm.ssh_identity
        )
    return run.SlurmExecutor(
        account=slurm.account,
        partition=slurm.partition,
        qos=slurm.qos,
        time=slurm.time,
        cpus_per_task=slurm.cpus_per_task,
        mem=slurm.mem,
        # srun does not take it over from sbatch since Slurm 22.05, and would bind all workers to one processor
        srun_args=[f"--cpus-per-task={slurm.cpus_per_task}"],
        retries=slurm.retries,
        container_image=slurm.container_image,
        container_mounts=list(slurm.container_mounts),
        # a job whose predecessor failed would otherwise wait in the queue for ever
        additional_parameters={"kill_on_invalid_dep": "yes", **slurm.sbatch},
        packager=run.Packager(),  # the code is in the repository, which all nodes see
        tunnel=tunnel,
        poll_estimated_start_time=False,
    )
