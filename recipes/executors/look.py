"""What a job needs is looked for before it is sent: the mounts that hold its paths, the files, the scheduler."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from recipes.executors.script import Place, docker_volumes
from recipes.executors.settings import Docker, Remote, Skypilot, Slurm


def needs(settings: Remote, read: Sequence[str], written: Sequence[str]) -> list[str]:
    """Return where, outside a container, that lies which must be there before the job: ``read`` and the code.

    Args:
        settings: of the executor.
        read: absolute paths, as the job sees them.
        written: the same of what the job makes; what no mount holds would go with its container.

    Raises:
        UsageError: the job runs in a container, and no mount holds one of the paths.
    """
    if isinstance(settings, Skypilot):
        return []  # its machines are not there yet
    place = Place.of(settings)
    own = [place.repository, *([f"{place.code}/launch.py"] if settings.code == "repository" else [])]
    if isinstance(settings, Docker):
        name, mounts = "volumes", docker_volumes(settings)
        own = own if settings.repository is None else []  # the image may hold it
    elif settings.container_image:
        name, mounts = "container_mounts", settings.container_mounts
    else:
        return [place.start, *own, *read]
    for path in written:
        if _outside(path, mounts) is None:
            raise UsageError(f"no {name} holds {path}: what the job writes there would be lost with its container")
    found = {path: _outside(path, mounts) for path in (place.start, *own, *read)}
    for path, outside in found.items():
        if outside is None:
            raise UsageError(f"no {name} brings {path} into the container")
    return [outside for outside in found.values() if outside and outside.startswith("/")]  # else: Docker's own volume


def look_here(paths: Sequence[str]) -> None:
    """Raise UsageError if one of ``paths`` is not on this machine."""
    if missing := [path for path in paths if not Path(path).exists()]:
        raise UsageError(f"not there: {', '.join(missing)}")


def look_at_cluster(tunnel: Any, slurm: Slurm, paths: Sequence[str]) -> None:
    """Connect, and refuse what would fail in the queue: no sbatch, or one of ``paths`` not there.

    Raises:
        UsageError: a path is missing.
        RecipeError: the cluster is out of reach, or has no sbatch.
    """
    if slurm.place:
        _connect(tunnel, slurm)
    where = f" on {slurm.place}" if slurm.place else ""
    if not tunnel.run("command -v sbatch", warn=True).ok:
        raise RecipeError(f"there is no sbatch{where}; it must be found by a shell that runs one command")
    tests = "; ".join(f"test -e {shlex.quote(path)} || echo {shlex.quote(path)}" for path in paths)
    missing = tunnel.run(tests, warn=True).stdout.split("\n") if paths else []
    if missing := [path for path in missing if path]:
        raise UsageError(f"not there{where}: {', '.join(missing)}")


def _connect(tunnel: Any, slurm: Slurm) -> None:
    port = f"-p {slurm.ssh_port} " if slurm.ssh_port else ""
    try:
        tunnel.connect()
    except (Exception, SystemExit) as error:  # NeMo-Run ends the process when no key and no password is taken
        raise RecipeError(
            f"{slurm.place} cannot be reached ({why(error)}); `ssh {port}{slurm.place} true` must work first"
        ) from error


def why(error: BaseException) -> str:
    """Return the reason of a connection's failure; a bare EOFError has no words."""
    if isinstance(error, SystemExit):
        return "it takes no key of yours"
    return str(error) or type(error).__name__


def _outside(path: str, mounts: Sequence[str]) -> str | None:
    """Return where ``path`` of a container lies outside it, by the innermost mount that holds it; None: by none."""
    path = os.path.normpath(path)  # /here/../there is not in /here
    pairs = [mount.split(":")[:2] for mount in mounts]
    holding = [(target, source) for source, target in pairs if Path(path).is_relative_to(target)]
    if not holding:
        return None
    target, source = max(holding, key=lambda mount: len(Path(mount[0]).parts))
    return str(Path(source, Path(path).relative_to(target)))
