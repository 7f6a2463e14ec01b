"""A destination is read as rsync reads it; scripts run there whatever its path is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.errors import UsageError
from tools.transfer.place import NO_FOLDER, Place, parse_place


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("node1:data/corpus", "node1", "data/corpus"),
        ("me@node1:/data/corpus/", "me@node1", "/data/corpus"),
        ("node1:~/corpus", "node1", "corpus"),
        ("[::1]:corpus", "[::1]", "corpus"),
        ("me@[fe80::1]:corpus", "me@[fe80::1]", "corpus"),
        ("/data/a:b", None, "/data/a:b"),
    ],
)
def test_places_are_read_as_rsync_reads_them(text: str, host: str | None, path: str):
    place = parse_place(text, rsh="sh -x", ssh_options=["Port=2"])
    assert (place.host, place.path) == (host, path)
    assert place.rsh == (("sh", "-x", "-o", "Port=2") if host else ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("node1:", "names no folder"),
        ("node1:/", "names no folder"),
        ("node1:~", "names no folder"),
        ("", "names no folder"),
        ("node1:~other/corpus", "whole path"),
        ("node1::module", "daemon"),
        ("rsync://node1/module", "daemon"),
    ],
)
def test_a_place_for_no_corpus_is_wrong_usage(text: str, problem: str):
    with pytest.raises(UsageError, match=problem):
        parse_place(text, rsh="sh")


def test_a_script_at_a_place_says_how_it_ended(tmp_path: Path):
    lines: list[str] = []
    answer = Place(str(tmp_path)).run("pwd; echo no >&2; exit 7", lines.append)
    assert (answer.status, answer.lines, answer.reason) == (7, [str(tmp_path)], "no")
    assert lines == answer.lines


def test_a_folder_is_entered_or_made_whatever_it_is_called(tmp_path: Path):
    place = Place(str(tmp_path / "it's $HOME & more"))
    assert place.run("pwd").status == NO_FOLDER
    assert place.run("pwd", create=True).lines == [place.path]
