"""A full disk and a killed run leave nothing that looks whole; the next run ends with the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from preprocessing.corpus.output import WORK
from preprocessing.corpus.pipeline import preprocess
from tests.preprocessing.corpus.conftest import contents, settings

RUN = """
import resource, sys
from pathlib import Path
from preprocessing.corpus import engines
from preprocessing.corpus.pipeline import preprocess
from preprocessing.errors import RecipeError
from tests.preprocessing.corpus.conftest import settings
engines.BYTES_PER_WORKER = 1
if __name__ == "__main__":
    limit = int(sys.argv[4])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # the system refuses to write on, as on a full disk
    try:
        source, output, tokenizer = map(Path, sys.argv[1:4])
        preprocess([source], output, tokenizer, settings(shards=4), workers=int(sys.argv[5]))
    except RecipeError as error:
        sys.exit(f"error: {error}")
"""


def command(script: Path, *arguments: object) -> list[str]:
    script.write_text(RUN, encoding="utf-8")
    return [sys.executable, str(script), *map(str, arguments)]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("limit", [5_000, 20_000, 40_000])
def test_a_full_disk_is_one_clear_sentence_and_leaves_nothing(acts, tokenizer_folder, tmp_path, limit, workers):
    arguments = (acts, tmp_path / "out", tokenizer_folder, limit, workers)
    done = subprocess.run(
        command(tmp_path / "run.py", *arguments),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert done.returncode == 1
    assert "the disk is full" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] in ([], [WORK])


# A small disk of its own, which nothing outside this shell sees and which goes with it. The same command is tried with
# ever more room on it (in KiB); what it says and what it leaves is kept for the test.
SMALL_DISK = """
disk=$1 kept=$2; shift 2
mkdir "$disk" && mount -t tmpfs -o size=16m small "$disk" || exit 77
for room in $ROOMS 16384; do
    head -c $(((16384 - room) * 1024)) /dev/zero > "$disk/others"
    "$@" > /dev/null 2> "$kept/$room.said"
    echo $? > "$kept/$room.status"
    (cd "$disk/out" && find . -type f) > "$kept/$room.files"
done
cp -a "$disk/out" "$kept/out"
"""


def test_on_a_disk_that_is_really_full_it_goes_on_once_there_is_room(acts, corpus, tokenizer_folder, tmp_path):
    # KiB in which it comes as far as reading, tokenizing and putting together
    rooms = {"0": "", "400": "work/write/", "660": "work/write/shard-00003"}
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    kept.mkdir()
    preprocess_it = [sys.executable, "launch.py", "preprocess", "--near-duplicates", "0", "--shards", "4"]
    preprocess_it += ["--input", str(acts), "--output", str(disk / "out"), "--tokenizer", str(tokenizer_folder)]
    if not shutil.which("unshare"):
        pytest.skip("unshare is not installed")
    own_mounts = ["unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh", str(disk), str(kept)]
    done = subprocess.run(
        own_mounts + preprocess_it, capture_output=True, text=True, env={**os.environ, "ROOMS": " ".join(rooms)}
    )
    if not (kept / "0.status").exists():
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    for room, done_so_far in rooms.items():
        said = (kept / f"{room}.said").read_text().splitlines()
        files = [name.removeprefix("./") for name in (kept / f"{room}.files").read_text().splitlines()]
        assert (kept / f"{room}.status").read_text() == "1\n", room
        assert said[-1].startswith(
            f"error: the disk is full (No space left on device) while writing {disk / 'out'}; free"
        )
        assert not any("Traceback" in line or line.startswith("error: ") for line in said[:-1])
        assert all(name.startswith(f"{WORK}/") for name in files)
        assert not done_so_far or any(name.startswith(done_so_far) for name in files), room
    assert (kept / "16384.status").read_text() == "0\n"
    assert contents(kept / "out") == contents(corpus)


def test_a_killed_run_leaves_nothing_that_looks_whole_and_the_next_one_ends(acts, corpus, tokenizer_folder, tmp_path):
    process = subprocess.Popen(
        command(tmp_path / "run.py", acts, tmp_path / "out", tokenizer_folder, 0, 2),
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    staged = tmp_path / "out" / WORK / "write"
    deadline = time.monotonic() + 60
    while not staged.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"building.partial", WORK}
    preprocess([acts], tmp_path / "out", tokenizer_folder, settings(shards=4), workers=1)
    assert contents(tmp_path / "out") == contents(corpus)


@pytest.mark.slow
def test_killed_twenty_times_at_random_it_ends_with_the_same_bytes(acts, corpus, tokenizer_folder, tmp_path):
    out = tmp_path / "out"
    chances = random.Random(20160427)
    for _ in range(20):
        process = subprocess.Popen(
            command(tmp_path / "run.py", acts, out, tokenizer_folder, 0, 2),
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        try:
            process.wait(timeout=chances.uniform(1, 12))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if (out / "manifest.json").exists():  # it was faster: once more, from the middle
            assert contents(out) == contents(corpus)
            (out / "manifest.json").unlink()
            shutil.rmtree(out / chances.choice(["cpt", "documents"]))
    preprocess([acts], out, tokenizer_folder, settings(shards=4), workers=1)
    assert contents(out) == contents(corpus)
