"""Where a corpus goes: a folder here, or on a host that a remote shell reaches; commands run there through ``sh``."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from preprocessing.errors import RecipeError, UsageError

# ssh's own exit status; a command at the other end ends with a smaller one.
UNREACHABLE = 255
NO_FOLDER = 3


@dataclass(frozen=True)
class Answer:
    """How a script ended: its status, the lines it printed, and what it said on standard error."""

    status: int
    lines: list[str]
    errors: str

    @property
    def reason(self) -> str:
        """The last line on standard error: what the failure was about."""
        return last_line(self.errors)


@dataclass(frozen=True)
class Place:
    """A folder; ``host`` (``user@host``) is None for one of this machine.

    ``rsh`` is the remote shell's command as it was given, ``sharing`` what makes ssh use one connection for all.
    """

    path: str
    host: str | None = None
    rsh: tuple[str, ...] = ()
    sharing: tuple[str, ...] = ()

    @property
    def shell(self) -> tuple[str, ...]:
        """The remote shell's command, to which the host is added."""
        return (*self.rsh, *self.sharing)

    def __str__(self) -> str:
        return f"{self.host}:{self.path}" if self.host else self.path

    def run(self, script: str, on_line: Callable[[str], None] | None = None, create: bool = False) -> Answer:
        """Run a POSIX shell script inside the folder and give every line it prints to ``on_line`` as it comes.

        It goes in by standard input: what the login shell at the other end would make of quotes does not matter. When
        there is no such folder and ``create`` does not make it, the status is :data:`NO_FOLDER`.

        Raises:
            RecipeError: the host cannot be reached.
        """
        command = [*self.shell, self.host, "sh -s"] if self.host else ["sh", "-s"]
        path = shlex.quote(self.path)
        enter = f"mkdir -p -- {path} && cd -- {path}" if create else f"cd -- {path}"
        script = f"{enter} || exit {NO_FOLDER}\n{script}\n"
        lines = []
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace"
            ) as process,
        ):
            assert process.stdin and process.stdout
            try:
                process.stdin.write(script)
                process.stdin.close()
            except BrokenPipeError:
                pass  # it ended before it read all; its status says why
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if on_line is not None:
                    on_line(lines[-1])
            status = process.wait()
            errors.seek(0)
            answer = Answer(status, lines, errors.read())
        if self.host and status == UNREACHABLE:
            raise RecipeError(unreachable(self.host, self.rsh, answer.reason))
        return answer


@contextmanager
def one_connection(place: Place) -> Iterator[Place]:
    """Give the place with a connection that all commands share: whoever is asked for a password is asked once.

    Only for ssh, and not where the options speak of a shared connection themselves.
    """
    if not place.host or Path(place.rsh[0]).name != "ssh" or any("control" in word.lower() for word in place.rsh):
        yield place
        return
    # not in TMPDIR, which may be deeper than a socket's path may be long
    with tempfile.TemporaryDirectory(prefix="ssh-", dir="/tmp") as folder:
        options = ("ControlMaster=auto", f"ControlPath={folder}/%C", "ControlPersist=60")
        shared = replace(place, sharing=tuple(part for option in options for part in ("-o", option)))
        try:
            yield shared
        finally:
            subprocess.run([*shared.shell, "-O", "exit", place.host], capture_output=True)


def parse_place(text: str, rsh: str | None = None, ssh_options: Sequence[str] = ()) -> Place:
    """Read ``HOST:DIR``, ``USER@HOST:DIR`` or a local path (a colon after the first slash belongs to the path).

    Args:
        text: as given on the command line.
        rsh: the remote shell's command, ``ssh -p 2222``; ssh by default.
        ssh_options: each is put behind ``-o``.

    Raises:
        UsageError: no folder is named, or it is an rsync daemon's address.
        RecipeError: the remote shell is not installed.
    """
    if "::" in text.split("/")[0].split("]")[-1] or text.startswith("rsync://"):
        raise UsageError(f"{text} is an rsync daemon's address; give HOST:DIR, which is reached by ssh")
    closed = text.find("]") if text.startswith("[") or "@[" in text else 0  # [::1]:DIR
    colon, slash = text.find(":", max(closed, 0)), text.find("/")
    remote = colon > 0 and (slash < 0 or colon < slash)
    path = (text[colon + 1 :] if remote else text).rstrip("/") or ("/" if text.endswith("/") else "")
    if remote and path.startswith("~/"):
        path = path[2:]  # where a path begins anyway; rsync would take the sign for a name
    if path in ("", "/", "~"):
        raise UsageError(
            f"{text} names no folder of its own for the corpus; give HOST:DIR, for example node1:data/corpus"
        )
    if path.startswith("~"):
        raise UsageError(f"{text}: write the folder's whole path; only ~/ is understood")
    if not remote:
        return Place(str(Path(path).resolve()))
    words = tuple(shlex.split(rsh)) if rsh else ("ssh",)
    words += tuple(part for option in ssh_options for part in ("-o", option))
    if not words or shutil.which(words[0]) is None:
        name = words[0] if words else "the command of --rsh"
        raise RecipeError(f"{name} is not installed here; install it (Debian: openssh-client) or give --rsh COMMAND")
    return Place(path, text[:colon], words)


def unreachable(host: str, rsh: Sequence[str], reason: str) -> str:
    """The sentence for a host that does not answer."""
    return f"{host} cannot be reached ({reason or 'no answer'}); `{shlex.join([*rsh, host, 'true'])}` must work first"


def last_line(text: str) -> str:
    """Return the last line that is not empty."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
