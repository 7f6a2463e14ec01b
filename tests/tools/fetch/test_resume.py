"""Runs that were stopped, folders that were changed, and what the reader makes of what was fetched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from preprocessing.errors import RecipeError, UsageError
from preprocessing.formex.parse import parse_to_file
from tests.preprocessing.formex.archives import zipped
from tests.preprocessing.formex.invented import DECLARATION, act, article
from tests.tools.fetch.cellar import Cellar, status
from tests.tools.fetch.conftest import act_zip
from tools.fetch.run import Request, fetch
from tools.fetch.store import Outcome, open_store

Ask = Callable[..., Request]
ROOT = Path(__file__).parents[3]
NUMBERS = [f"32099R0{number}" for number in range(200, 212)]


@pytest.fixture
def many(cellar: Cellar) -> Cellar:
    """Twelve regulations."""
    for celex in NUMBERS:
        cellar.add(celex, {"eng": act_zip(f"{celex}. ")})
    return cellar


def start(cellar: Cellar, output: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command itself on the twelve regulations."""
    command = [sys.executable, "launch.py", "fetch", *NUMBERS, "--languages", "en", "--output", str(output)]
    command += ["--base-url", f"{cellar.url}/resource/celex/", "--rate", "1000", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, env={**os.environ, "NO_PROXY": "127.0.0.1"}, **pipes)  # type: ignore[call-overload,no-any-return]


def files(folder: Path) -> dict[str, bytes]:
    """The zips by name."""
    return {path.name: path.read_bytes() for path in folder.glob("*/*")}


def wait_for(count: int, folder: Path) -> None:
    """Wait until so many documents are in place."""
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*/*.zip"))) < count:
        assert time.monotonic() < deadline, "it does not get on"
        time.sleep(0.01)


def test_what_is_there_is_not_fetched_again(many: Cellar, ask: Ask, tmp_path: Path) -> None:
    fetch(tmp_path, ask(*NUMBERS))
    before = (tmp_path / "fetch.jsonl").read_bytes()
    many.forget()
    summary = fetch(tmp_path, ask(*NUMBERS))
    assert not many.asked
    assert (summary.to_dict()["present"], summary.to_dict()["fetched"]) == (12, 0)
    assert (tmp_path / "fetch.jsonl").read_bytes() == before


def test_what_was_changed_or_removed_is_fetched_again(many: Cellar, ask: Ask, tmp_path: Path) -> None:
    fetch(tmp_path, ask(*NUMBERS))
    wanted = files(tmp_path)
    changed = bytearray(wanted["32099R0203.en.zip"])
    changed[100] ^= 1
    (tmp_path / "2099" / "32099R0203.en.zip").write_bytes(changed)
    (tmp_path / "2099" / "32099R0207.en.zip").unlink()
    many.forget()
    fetch(tmp_path, ask(*NUMBERS))
    assert {asked.path[-10:] for asked in many.asked_for()} == {"32099R0203", "32099R0207"}
    assert files(tmp_path) == wanted


def test_what_failed_is_tried_again_by_the_next_run(many: Cellar, ask: Ask, tmp_path: Path) -> None:
    many.trouble[NUMBERS[0], "eng"] += [status(500)] * 3
    summary = fetch(tmp_path, ask(*NUMBERS))
    assert (summary.to_dict()["failed"], summary.to_dict()["by_status"]) == (1, {"200": 11, "500": 1})
    assert "tries again" in summary.text()
    many.forget()
    assert fetch(tmp_path, ask(*NUMBERS)).to_dict()["fetched"] == 1
    assert len(many.asked_for()) == 1


def test_a_killed_run_goes_on_where_it_was(many: Cellar, ask: Ask, tmp_path: Path) -> None:
    many.delay = 0.03
    process = start(many, tmp_path, "--connections", "2")
    wait_for(4, tmp_path)
    process.kill()
    process.communicate()
    there = len(list(tmp_path.glob("*/*.zip")))
    assert 4 <= there < 12
    (tmp_path / "2099" / "32099R0299.en.zip.1.partial").write_bytes(b"left behind")
    with (tmp_path / "fetch.jsonl").open("a") as stream:
        stream.write('{"celex": "32099R0211", "lang')  # a line that the kill cut off
    many.forget()
    many.delay = 0
    fetch(tmp_path, ask(*NUMBERS))
    assert len(many.asked_for()) <= 12 - there + 2  # what was in place but not yet noted comes again
    assert sorted(files(tmp_path)) == [f"{celex}.en.zip" for celex in NUMBERS]
    rows = [json.loads(line) for line in (tmp_path / "fetch.jsonl").read_text().splitlines()]
    assert [row["celex"] for row in rows] == NUMBERS
    assert sorted(json.loads((tmp_path / "manifest.json").read_text())["outputs"]) == [row["file"] for row in rows]


def test_a_line_that_a_kill_cut_off_does_not_spoil_the_next_one(many: Cellar, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "fetch.jsonl").write_text('{"celex": null, "language": 1}\n[1]\n{"celex": "32099R0211", "lang')
    with open_store(tmp_path) as store:
        store.add(Outcome(NUMBERS[0], "en", status=404, reason="HTTP 404 Not Found"))
        noted = (tmp_path / "fetch.jsonl").read_text().splitlines()
    assert json.loads(noted[-1])["celex"] == NUMBERS[0]
    assert len((tmp_path / "fetch.jsonl").read_text().splitlines()) == 1


def test_ctrl_c_stops_at_once_and_says_how_to_go_on(many: Cellar, tmp_path: Path) -> None:
    many.delay = 0.05
    many.trouble["32099R0205", "eng"] += [lambda handler: time.sleep(20)]
    process = start(many, tmp_path, "--connections", "2")
    wait_for(3, tmp_path)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert "the same command goes on from what is finished" in errors
    assert "Traceback" not in errors
    rows = [json.loads(line) for line in (tmp_path / "fetch.jsonl").read_text().splitlines()]
    assert len(rows) == len(list(tmp_path.glob("*/*.zip")))
    assert not list(tmp_path.glob("*/*.partial"))


def test_the_command_sums_up_for_programs_and_fails_where_nothing_came(many: Cellar, tmp_path: Path) -> None:
    process = start(many, tmp_path, "--json")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(output)["by_status"] == {"200": 12}
    process = start(many, tmp_path / "other", "--languages", "de")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "nothing came: 12 do not exist, 0 failed, as 32099R0200 de: HTTP 406 Not Acceptable" in errors


def test_a_second_run_in_the_same_folder_is_refused(many: Cellar, ask: Ask, tmp_path: Path) -> None:
    with open_store(tmp_path), pytest.raises(RecipeError, match="another fetch is writing"):
        fetch(tmp_path, ask(*NUMBERS))


def test_a_corpus_is_not_written_into(many: Cellar, ask: Ask, tmp_path: Path) -> None:
    manifest = '{"settings": {}, "outputs": {}}'
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(UsageError, match="holds a corpus"):
        fetch(tmp_path, ask(*NUMBERS))
    assert (tmp_path / "manifest.json").read_text() == manifest


def test_a_file_is_no_folder(many: Cellar, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        fetch(tmp_path / "out", ask(*NUMBERS))


def test_a_disk_that_is_full_ends_the_run(
    many: Cellar, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        fetch(tmp_path, ask(*NUMBERS, connections=1))
    assert len(many.asked_for()) == 1
    assert not files(tmp_path)


def parsed(folder: Path) -> dict[str, dict[str, str]]:
    """What `parse` makes of a folder: documents by id."""
    parse_to_file([folder], folder.with_suffix(".jsonl"), 1)
    lines = folder.with_suffix(".jsonl").read_text().splitlines()
    return {document["id"]: document for document in map(json.loads, lines)}


def test_the_reader_takes_the_folder_as_it_is(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    title = "<TITLE><TI><P>Corrigendum to Regulation (EU) 2099/123 on invented things</P></TI></TITLE>"
    files = {"DOC_1.xml": act(article("1", "For “two lamps” read “three lamps”."), title, root="CORR")}
    cellar.add("32099R0123R(02)", {"eng": zipped(files)})
    fetch(tmp_path / "out", ask("32099R0123", "32099R0123R(02)", languages=("en", "fr")))
    documents = parsed(tmp_path / "out")
    assert {(row["celex"], row["base_celex"], row["language"]) for row in documents.values()} == {
        ("32099R0123", "32099R0123", "en"),
        ("32099R0123", "32099R0123", "fr"),
        ("32099R0123R(02)", "32099R0123", "en"),
    }


def test_the_language_of_a_judgment_is_that_of_its_file(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    # too short to tell by the words, and without a mark, as all case law
    body = "<TITLE><TI><P>C-7/98</P></TI></TITLE><CONTENTS><P>Ad astra, 7.</P></CONTENTS>"
    judgment = f"{DECLARATION}<JUDGMENT><BIB.JUDGMENT/>{body}</JUDGMENT>".encode()
    cellar.add("62098CJ0007", {"deu": zipped({"DOC_1.xml": judgment}), "por": zipped({"DOC_1.xml": judgment + b" "})})
    fetch(tmp_path / "out", ask("62098CJ0007", languages=("de", "pt")))
    documents = parsed(tmp_path / "out")
    assert {(row["celex"], row["language"]) for row in documents.values()} == {
        ("62098CJ0007", "de"),
        ("62098CJ0007", "pt"),
    }
