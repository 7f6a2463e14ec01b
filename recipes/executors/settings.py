"""``nemo_configs/executors/*.yaml``, read into checked settings. Imports neither torch nor NeMo-Run."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError, did_you_mean
from recipes.settings import CONFIGS, checked, named_file, read_yaml

FOLDER = CONFIGS / "executors"
#: Which code a job runs: that of the repository there, the last commit here, or the files here.
CODE = ("repository", "git", "files")
#: How Slurm is asked for GPUs.
GPU_OPTIONS = ("gpus-per-node", "gres", "none")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)")


@dataclass(frozen=True)
class Local:
    """This machine."""

    env: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_common(self)


@dataclass(frozen=True)
class SlurmTraining:
    """A training job; see the comments in ``slurm.yaml``. ``checkpoint_before`` is in seconds."""

    partition: str | None = None
    time: str = "24:00:00"
    checkpoint_before: int = 600
    retries: int = 10
    gpus: str = "gpus-per-node"
    cpus_per_task: int | None = 32
    mem: str | None = "0"
    exclusive: bool = True

    def __post_init__(self) -> None:
        _check_choice("gpus", self.gpus, GPU_OPTIONS)
        if self.retries < 0 or self.checkpoint_before < 0:
            raise UsageError("retries and checkpoint_before can't be negative")
        limit = _seconds(self.time)
        if self.checkpoint_before >= limit:
            raise UsageError(f"checkpoint_before, {self.checkpoint_before} s, must be less than time, {limit} s")


@dataclass(frozen=True)
class SlurmCorpus:
    """The job arrays of ``preprocess``; see the comments in ``slurm.yaml``."""

    partition: str | None = None
    time: str = "04:00:00"
    cpus_per_task: int = 8
    mem: str | None = None
    parts: int = 64
    at_once: int | None = None
    retries: int = 1

    def __post_init__(self) -> None:
        _seconds(self.time)
        if min(self.parts, self.cpus_per_task) < 1:
            raise UsageError("parts and cpus_per_task must be at least 1")
        if self.retries < 0:
            raise UsageError("retries can't be negative")
        if self.at_once is not None and self.at_once < 1:
            raise UsageError("at_once must be at least 1, or null")


@dataclass(frozen=True)
class Slurm:
    """A Slurm cluster; see the comments in ``slurm.yaml``."""

    account: str | None = None
    qos: str | None = None
    setup: str = ""
    env: dict[str, Any] = field(default_factory=dict)
    code: str = "repository"
    container_image: str | None = None
    container_mounts: list[str] = field(default_factory=list)
    sbatch: dict[str, Any] = field(default_factory=dict)
    training: SlurmTraining = field(default_factory=SlurmTraining)
    corpus: SlurmCorpus = field(default_factory=SlurmCorpus)
    ssh_host: str | None = None
    ssh_port: int | None = None
    ssh_user: str | None = None
    ssh_identity: str | None = None
    ssh_job_dir: str | None = None
    ssh_pre_command: str | None = None
    repository: str | None = None

    def __post_init__(self) -> None:
        _check_common(self)
        if not self.account:
            raise UsageError("set account to what this cluster's sbatch --account takes")
        if self.ssh_host and not (self.ssh_user and self.ssh_job_dir and self.repository):
            raise UsageError("with ssh_host, set ssh_user, ssh_job_dir and repository too")
        _check_absolute(self, "repository", "ssh_job_dir")
        _check_mounts("container_mounts", self.container_mounts)
        for name, value in self.sbatch.items():
            if value is not None and not isinstance(value, (str, int, float)):
                raise UsageError(f"sbatch: {name} can't be {value!r}")

    @property
    def place(self) -> str | None:
        """``user@host`` of the cluster, None when it is this machine's."""
        return f"{self.ssh_user}@{self.ssh_host}" if self.ssh_host else None


@dataclass(frozen=True)
class Docker:
    """A container on this machine; see the comments in ``docker.yaml``."""

    container_image: str
    volumes: list[str] = field(default_factory=list)
    repository: str | None = None
    code: str = "repository"
    setup: str = ""
    env: dict[str, Any] = field(default_factory=dict)
    gpus: int = -1
    shm_size: str | None = None
    ipc_mode: str | None = None
    ulimits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _check_common(self)
        _check_absolute(self, "repository")
        _check_mounts("volumes", self.volumes)


@dataclass(frozen=True)
class Skypilot:
    """Machines of a cloud or of a Kubernetes cluster; see the comments in ``skypilot.yaml``."""

    infra: str | None = None
    gpu: str | None = None
    container_image: str | None = None
    folder: str = "/data"
    file_mounts: dict[str, Any] = field(default_factory=dict)
    storage_mounts: dict[str, Any] = field(default_factory=dict)
    setup: str = ""
    env: dict[str, Any] = field(default_factory=dict)
    cluster_name: str | None = None
    use_spot: bool = False
    disk_size: int | None = None
    idle_minutes_to_autostop: int | None = None
    autodown: bool = True

    def __post_init__(self) -> None:
        _check_common(self)
        _check_absolute(self, "folder")
        for there, here in self.file_mounts.items():
            if not Path(str(here)).exists():
                raise UsageError(f"file_mounts: nothing at {here} to be sent to {there}")

    @property
    def code(self) -> str:
        """NeMo-Run sends this executor nothing but a commit."""
        return "git"


#: Those to which a job is sent.
Remote = Slurm | Docker | Skypilot
Executor = Local | Remote
KINDS: dict[str, type[Any]] = {"local": Local, "slurm": Slurm, "docker": Docker, "skypilot": Skypilot}
_SECTIONS = {"training": SlurmTraining, "corpus": SlurmCorpus}


def load_executor(name: str | Path) -> Executor:
    """Read the executor ``name``: one of ``nemo_configs/executors``, or a YAML file like those.

    Raises:
        UsageError: there is none, or its file has an unknown, missing or wrong key; the sentence names it.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = named_file("executor", FOLDER, str(name))
    values = read_yaml(path)
    kind = values.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise UsageError(f"{path}: kind must be one of {', '.join(KINDS)}.{did_you_mean(str(kind), KINDS)}")
    sections = {}
    if kind == "slurm":
        for section, settings in _SECTIONS.items():
            given = values.pop(section, None)
            given = {} if given is None else given
            if not isinstance(given, dict):
                raise UsageError(f"{path}: {section} must hold 'key: value' lines")
            sections[section] = _located(path, settings, given, f"{section}: ")
    executor: Executor = _located(path, KINDS[kind], values)
    return dataclasses.replace(executor, **sections)


def load_slurm(name: str | Path | None = None) -> Slurm:
    """As :func:`load_executor`, by default ``slurm.yaml``, and refuse what is no Slurm cluster."""
    executor = load_executor(name or "slurm")
    if not isinstance(executor, Slurm):
        raise UsageError(f"{name} is no Slurm cluster; its kind must be slurm")
    return executor


def _located(path: Path, kind: type[Any], values: dict[str, Any], where: str = "") -> Any:
    """Return ``checked`` settings; what the class itself refuses gets the file's name too."""
    try:
        return checked(kind, values, path, where.removesuffix(": "))
    except UsageError as error:
        named = str(error).startswith(f"{path}: ")
        raise error if named else UsageError(f"{path}: {where}{error}") from None


def _check_common(settings: Any) -> None:
    _check_choice("code", getattr(settings, "code", CODE[0]), CODE)
    for name, value in settings.env.items():
        if not _VARIABLE.fullmatch(str(name)):
            raise UsageError(f"env: '{name}' must be in capitals, digits and underscores")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise UsageError(f"env: {name} can't be {value!r}; put it in quotes")


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"unknown {name} '{value}'.{did_you_mean(value, known)}")


def _check_absolute(settings: Any, *names: str) -> None:
    for name in names:
        path = getattr(settings, name)
        if path is not None and not path.startswith("/"):
            raise UsageError(f"{name} must be an absolute path there, not '{path}'")


def _check_mounts(name: str, mounts: list[str]) -> None:
    for mount in mounts:
        if mount.count(":") not in (1, 2) or not mount.split(":")[1].startswith("/"):
            raise UsageError(f"{name}: '{mount}' must be FROM:TO, and TO an absolute path")


def _seconds(time: str) -> int:
    parts = _TIME.fullmatch(time)
    if not parts:
        raise UsageError(f"time must be HH:MM:SS or DAYS-HH:MM:SS, not '{time}'")
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
