"""A corpus arrives whole and is proved to be, or what differs is named; half of one never looks whole."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from preprocessing.errors import RecipeError, UsageError
from tests.tools.transfer.conftest import needs_rsync
from tools.transfer import transfer
from tools.transfer.rsync import PARTIAL_FOLDER

pytestmark = needs_rsync
ROOT = Path(__file__).parents[3]
SENT = ["cpt/en/best.bin", "cpt/en/train.bin", "cpt/en/train.idx", "documents/shard.parquet", "manifest.json"]


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_a_local_copy_holds_the_corpus_and_nothing_else(corpus: Path, tmp_path: Path):
    summary = transfer(corpus, str(tmp_path / "there" / "deep"))
    assert (summary.exit_status, summary.sent, summary.verified_with) == (0, 4, "this program")
    assert files_in(tmp_path / "there" / "deep") == SENT
    assert (tmp_path / "there" / "deep" / "cpt" / "en" / "best.bin").readlink() == Path("train.bin")
    assert "5 files" in summary.text()


def test_what_is_there_already_is_not_sent_again(corpus: Path, tmp_path: Path):
    transfer(corpus, str(tmp_path / "there"))
    (tmp_path / "there" / "documents" / "shard.parquet").unlink()
    assert transfer(corpus, str(tmp_path / "there")).sent == 1


def test_a_dry_run_sends_nothing(corpus: Path, tmp_path: Path, make_rsh: Callable[..., str]):
    summary = transfer(corpus, f"node1:{tmp_path / 'there'}", rsh=make_rsh(), dry_run=True)
    assert (summary.sent, summary.dry_run) == (4, True)
    assert not (tmp_path / "there").exists()
    transfer(corpus, str(tmp_path / "there"))
    (tmp_path / "there" / "cpt" / "en" / "train.idx").unlink()
    assert transfer(corpus, str(tmp_path / "there"), dry_run=True).sent == 1
    assert (tmp_path / "there" / "manifest.json").exists()


def test_it_goes_over_a_real_ssh(corpus: Path, tmp_path: Path, ssh_options: list[str]):
    target = tmp_path / "it's a place"
    summary = transfer(corpus, f"localhost:{target}", ssh_options=ssh_options)
    assert (summary.exit_status, summary.sent) == (0, 4)
    assert (tmp_path / "sshd.log").read_text().count("Accepted publickey") == 1  # a password would be asked for once
    assert files_in(target) == SENT
    assert summary.destination == f"localhost:{target}"


@pytest.mark.parametrize(
    ("tools", "used"),
    [(("xxhsum", "python3"), "xxhsum"), (("python3",), "python3"), ((), "rsync --checksum")],
)
def test_the_destination_uses_what_it_has(
    corpus: Path, tmp_path: Path, make_rsh: Callable[..., str], tools: tuple[str, ...], used: str
):
    if "xxhsum" in tools and shutil.which("xxhsum") is None:
        pytest.skip("xxhsum is not installed")
    rsh = make_rsh(tools=tools)
    target = tmp_path / "there"
    summary = transfer(corpus, f"node1:{target}", rsh=rsh)
    assert (summary.exit_status, summary.verified_with, files_in(target)) == (0, used, SENT)

    damage(target / "cpt" / "en" / "train.bin")
    (target / "cpt" / "en" / "train.idx").unlink()
    summary = transfer(corpus, f"node1:{target}", rsh=rsh)
    assert summary.exit_status == 1
    assert [text.split()[0] for text in summary.differing if "best" not in text] == ["cpt/en/train.bin"]
    assert not (target / "manifest.json").exists()

    summary = transfer(corpus, f"node1:{target}", rsh=rsh, rsync_options=["--checksum"])
    assert (summary.exit_status, files_in(target)) == (0, SENT)


def damage(path: Path) -> None:
    """Flip a bit, and leave size and time as they were: rsync alone would not look again."""
    times = path.stat()
    with path.open("r+b") as stream:
        stream.seek(1000)
        byte = stream.read(1)[0]
        stream.seek(1000)
        stream.write(bytes([byte ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_damage_in_a_local_copy_is_named(corpus: Path, tmp_path: Path):
    transfer(corpus, str(tmp_path / "there"))
    damage(tmp_path / "there" / "documents" / "shard.parquet")
    summary = transfer(corpus, str(tmp_path / "there"))
    assert summary.exit_status == 1
    assert "documents/shard.parquet has changed" in summary.text()
    assert "--rsync-option=--checksum" in summary.text()
    assert not (tmp_path / "there" / "manifest.json").exists()


def test_damage_that_was_here_before_is_said_to_be(corpus: Path, tmp_path: Path):
    damage(corpus / "cpt" / "en" / "train.bin")
    summary = transfer(corpus, str(tmp_path / "there"))
    assert summary.exit_status == 1
    assert "cpt/en/train.bin has changed" in summary.text()
    assert "(and here)" in summary.text()


@pytest.mark.parametrize("tool", ["python3", None])
def test_damage_here_is_found_from_afar_too(
    corpus: Path, tmp_path: Path, make_rsh: Callable[..., str], tool: str | None
):
    damage(corpus / "cpt" / "en" / "train.bin")
    summary = transfer(corpus, f"node1:{tmp_path / 'there'}", rsh=make_rsh(tools=(tool,) if tool else ()))
    assert summary.exit_status == 1
    assert any(text.startswith("cpt/en/train.bin") and "here" in text for text in summary.differing)


def test_a_corpus_that_is_not_whole_is_not_sent(corpus: Path, tmp_path: Path):
    (corpus / "cpt" / "en" / "train.idx").unlink()
    with pytest.raises(RecipeError, match=r"train\.idx is missing or changed; `launch.py check"):
        transfer(corpus, str(tmp_path / "there"))
    assert not (tmp_path / "there").exists()


def test_an_interrupted_transfer_goes_on_where_it_was(corpus: Path, tmp_path: Path, make_rsh: Callable[..., str]):
    target = tmp_path / "there"
    command = [sys.executable, "launch.py", "transfer", str(corpus), f"node1:{target}", "--rsh", make_rsh()]
    slow = [*command, "--rsync-option=--bwlimit=2m"]
    with subprocess.Popen(slow, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        deadline = time.monotonic() + 60
        while sum(path.stat().st_size for path in target.glob("cpt/en/.train.bin.*")) < 2_000_000:
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
        errors = run.communicate(timeout=60)[1]
    assert run.returncode == 130, errors
    assert "the same command goes on" in errors
    assert not (target / "manifest.json").exists()
    half = target / "cpt" / "en" / PARTIAL_FOLDER / "train.bin"
    assert half.stat().st_size >= 2_000_000

    again = subprocess.run([*command, "--rsync-option=--stats"], cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    matched = max(
        int(line.split(":")[1].split()[0].replace(",", "")) for line in lines_with("Matched data", again.stderr)
    )
    assert matched >= 1_900_000
    assert files_in(target) == SENT


def lines_with(words: str, text: str) -> list[str]:
    return [line for line in text.splitlines() if words in line]


def test_a_full_disk_there_is_said_to_be_full(corpus: Path, tmp_path: Path, make_rsh: Callable[..., str]):
    rsh = make_rsh("trap '' XFSZ; ulimit -f 2000")
    with pytest.raises(
        RecipeError, match=r"the disk at node1:.*is full, or takes no file so large .*goes on from there"
    ):
        transfer(corpus, f"node1:{tmp_path / 'there'}", rsh=rsh)
    assert not (tmp_path / "there" / "manifest.json").exists()


def test_files_of_others_are_not_mixed_in(corpus: Path, tmp_path: Path):
    (tmp_path / "there" / "documents").mkdir(parents=True)
    (tmp_path / "there" / "documents" / "thesis.parquet").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"not of this corpus \(documents/thesis\.parquet\)"):
        transfer(corpus, str(tmp_path / "there"))
    assert files_in(tmp_path / "there") == ["documents/thesis.parquet"]


def test_a_host_that_does_not_answer_is_named(corpus: Path):
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not installed")
    with pytest.raises(RecipeError, match=r"localhost cannot be reached \(.*\); `ssh -o Port=1 .*localhost true`"):
        transfer(corpus, "localhost:corpus", ssh_options=["Port=1", "BatchMode=yes"])


def test_a_host_without_rsync_is_named(corpus: Path, tmp_path: Path, make_rsh: Callable[..., str]):
    rsh = make_rsh(tools=())
    (tmp_path / "bin" / "rsync").unlink()
    with pytest.raises(RecipeError, match="node1 has no rsync; install it there"):
        transfer(corpus, f"node1:{tmp_path / 'there'}", rsh=rsh)


def test_a_folder_that_cannot_be_made_is_named(corpus: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecipeError, match="cannot be written"):
        transfer(corpus, str(tmp_path / "file" / "there"))


def test_without_a_usable_rsync_nothing_is_tried(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_rsh: Callable[..., str]
):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(RecipeError, match=r"rsync is not installed here; install rsync 3\.1"):
        transfer(corpus, str(tmp_path / "there"))
    with pytest.raises(RecipeError, match="ssh is not installed here"):
        transfer(corpus, "node1:there")
    old = tmp_path / "old"
    old.mkdir()
    (old / "rsync").write_text(
        "#!/bin/sh\necho 'openrsync: protocol version 29'\necho 'rsync version 2.6.9 compatible'\n"
    )
    (old / "rsync").chmod(0o755)
    monkeypatch.setenv("PATH", str(old))
    with pytest.raises(RecipeError, match=r"rsync 2\.6 is too old"):
        transfer(corpus, str(tmp_path / "there"))


def test_a_destination_inside_the_corpus_is_refused(corpus: Path):
    with pytest.raises(UsageError, match="lies inside"):
        transfer(corpus, str(corpus / "copy"))
