"""What a job runs: the shell script around a command of ``launch.py``, and where its code comes from."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocessing.errors import UsageError
from recipes.executors.settings import Docker, Remote, Skypilot, Slurm

ROOT = Path(__file__).resolve().parents[2]
#: Where NeMo-Run unpacks the code that it sends; without a container it writes the job's own folder in its place.
SENT = "/nemo_run/code"
#: What `code: files` sends.
FILES = ("launch.py", "workspace.py", "preprocessing", "recipes", "tools", "nemo_configs")
# What torchrun needs to know on each of SkyPilot's machines.
_RENDEZVOUS = (
    'export MASTER_ADDR="$(echo "$SKYPILOT_NODE_IPS" | head -n 1)" MASTER_PORT=29500 NODE_RANK="$SKYPILOT_NODE_RANK"'
)


@dataclass(frozen=True)
class Place:
    """Folders of the machine where a job runs: the repository, the code it runs, and where relative paths begin."""

    repository: str
    code: str
    start: str

    @classmethod
    def of(cls, settings: Remote) -> Place:
        """Return the places of an executor, seen from the current folder."""
        if isinstance(settings, Skypilot):
            return cls(repository=SENT, code=SENT, start=settings.folder)
        repository = settings.repository or str(ROOT)
        far = isinstance(settings, Slurm) and settings.ssh_host
        return cls(
            repository=repository,
            code=repository if settings.code == "repository" else SENT,
            start=repository if far else str(Path.cwd()),
        )

    def path(self, path: str | Path) -> str:
        """Return ``path``, as given to the command, as an absolute one there."""
        return str(Path(self.start, path))


def shell_script(settings: Remote, arguments: Sequence[str], more: str = "") -> str:
    """Return the script of a job: ``launch.py ARGUMENTS``, then ``more``, which the shell expands.

    The command takes the shell's place, so that a signal from the scheduler reaches it.
    """
    place = Place.of(settings)
    command = shlex.join(["python", f"{place.code}/launch.py", *arguments])
    lines = [
        "set -e",
        f"cd {shlex.quote(place.repository)}",
        *(f"export {name}={shlex.quote(str(value))}" for name, value in settings.env.items()),
        *([_RENDEZVOUS] if isinstance(settings, Skypilot) else []),
        settings.setup,
        f"cd {shlex.quote(place.start)}",
        f"exec {command}{more}",
    ]
    return "".join(f"{line}\n" for line in lines if line)


def docker_volumes(docker: Docker) -> list[str]:
    """Return the mounts of a container: its ``volumes``, the current folder and, if it is this one, the repository.

    A folder that ``volumes`` mounts already is not mounted twice, which Docker refuses.
    """
    own = {str(Path.cwd()), *([str(ROOT)] if docker.repository is None else [])}
    taken = {str(Path(volume.split(":")[1])) for volume in docker.volumes}
    return [*docker.volumes, *(f"{path}:{path}" for path in sorted(own - taken))]


def refuse_changed_names(settings: Remote, home: str, scripts: Sequence[str]) -> None:
    """Refuse paths that NeMo-Run's scripts would not hold as they are.

    Args:
        settings: of the executor.
        home: NeMo-Run's folder on this machine, ``$NEMORUN_HOME``.
        scripts: what the jobs run.

    Raises:
        UsageError: there is one.
    """
    far = settings.ssh_job_dir if isinstance(settings, Slurm) else None
    for name, folder in (("$NEMORUN_HOME", home), ("ssh_job_dir", far or home)):
        if not folder.startswith("/"):
            raise UsageError(f"{name} must be an absolute path, not '{folder}'")
        if shlex.quote(folder) != folder:
            raise UsageError(
                f"{name} is '{folder}': NeMo-Run's scripts name it without quotes, in which a blank or another "
                "character of the shell breaks them; use another folder"
            )
    texts = [far or home, *(script.replace(SENT, "") for script in scripts)]
    if isinstance(settings, Slurm) and not settings.container_image and any("/nemo_run" in text for text in texts):
        raise UsageError(
            "a path of this command, or $NEMORUN_HOME, has a folder whose name begins with nemo_run: NeMo-Run would "
            "take it for its own and put another in its place; use other names"
        )


def uncommitted() -> list[str]:
    """Return the files of this repository that differ from the last commit, or are not in it.

    Raises:
        UsageError: this is no git repository, so that no commit can be sent.
    """
    done = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"code: git sends a commit, and {ROOT} is no git repository; set code: files")
    return [line[3:] for line in done.stdout.splitlines()]
