"""One run in a folder at a time; a killed run leaves no lock and no rank behind."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from preprocessing.errors import RecipeError
from recipes import run_guard
from tests.recipes.tiny import start_python

HOLD = "import sys, time; from pathlib import Path; from recipes.run_guard import lock_folder; \
lock_folder(Path(sys.argv[1])); print('locked', flush=True); time.sleep(100)"

RANK = "import sys, time; from types import SimpleNamespace; from recipes.run_guard import RunGuard; \
RunGuard(sys.argv[1]).setup(SimpleNamespace(is_global_zero=True), None, 'fit'); \
print('training', flush=True); time.sleep(100)"


def test_a_second_run_is_refused_and_waits_for_one_that_is_being_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start_python(HOLD, tmp_path / "run")
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "locked\n"
        sentence = rf"another run is training in {re.escape(str(tmp_path))}/run \(process {first.pid}\)"
        with monkeypatch.context() as impatient, pytest.raises(RecipeError, match=sentence):
            impatient.setattr(run_guard, "_PATIENCE", 0.3)
            run_guard.lock_folder(tmp_path / "run")
        threading.Timer(1.0, first.send_signal, (signal.SIGKILL,)).start()
        started = time.monotonic()
        descriptor = run_guard.lock_folder(tmp_path / "run")
        assert 0.5 < time.monotonic() - started < run_guard._PATIENCE
        assert (tmp_path / "run" / "run.lock").read_text() == str(os.getpid())
        os.close(descriptor)
    finally:
        first.kill()
        first.communicate()


def test_a_file_system_without_locks_is_told_and_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(run_guard.fcntl, "flock", flock)
    for number in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
        os.close(run_guard.lock_folder(tmp_path))
        assert f"is on a file system without locks ({os.strerror(number)})" in capsys.readouterr().err
    number = errno.EIO
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        run_guard.lock_folder(tmp_path)


def test_a_rank_ends_when_its_launcher_is_gone(tmp_path: Path) -> None:
    launcher = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    rank = start_python(RANK, tmp_path, **{run_guard.LAUNCHER_VARIABLE: str(launcher.pid)})
    try:
        assert rank.stdout is not None
        assert rank.stdout.readline() == "training\n"
        time.sleep(0.7)  # longer than it takes to look
        assert rank.poll() is None
        launcher.kill()
        launcher.wait()
        assert rank.wait(timeout=10) == 1
    finally:
        launcher.kill()
        rank.kill()
        rank.communicate()
    os.close(run_guard.lock_folder(tmp_path))


def test_only_rank_zero_takes_the_lock(tmp_path: Path) -> None:
    run_guard.RunGuard(str(tmp_path)).setup(SimpleNamespace(is_global_zero=False), None, "fit")
    assert list(tmp_path.iterdir()) == []
