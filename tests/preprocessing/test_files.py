from __future__ import annotations

import json
from pathlib import Path

import pytest

from preprocessing.files import atomic_file, atomic_folder, write_json, write_json_lines


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path):
    with atomic_file(tmp_path / "new" / "a.txt") as stream:
        stream.write("é\n")
        assert not (tmp_path / "new" / "a.txt").exists()
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\xc3\xa9\n"
    assert everything_in(tmp_path) == ["new", "new/a.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "a.txt") as stream:
        stream.write("new")
        raise KeyboardInterrupt
    assert (tmp_path / "a.txt").read_text() == "old"
    assert everything_in(tmp_path) == ["a.txt"]


def test_bytes_are_written_as_they_are(tmp_path: Path):
    with atomic_file(tmp_path / "a.bin", "wb") as stream:
        stream.write(b"\r\n\x00")
    assert (tmp_path / "a.bin").read_bytes() == b"\r\n\x00"


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("1")
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "new").write_text("2")
        assert everything_in(tmp_path / "out") == ["old"]
    assert everything_in(tmp_path) == ["out", "out/new"]


def test_the_current_folder_can_be_replaced_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with atomic_folder(Path()) as folder:
        (folder / "new").write_text("2")
    assert everything_in(tmp_path) == ["here", "here/new"]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("1")
    with pytest.raises(ValueError), atomic_folder(tmp_path / "out") as folder:
        (folder / "new").write_text("2")
        raise ValueError
    assert everything_in(tmp_path) == ["out", "out/old"]


def test_a_folder_that_fails_leaves_no_empty_folders_above_it(tmp_path: Path):
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError), atomic_folder(tmp_path / "there" / "new" / "newer" / "out"):
        raise ValueError
    assert everything_in(tmp_path) == ["there"]


def test_json_keeps_real_letters(tmp_path: Path):
    write_json(tmp_path / "a.json", {"título": [1, None]})
    assert "título" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"título": [1, None]}


def test_json_lines_hold_one_row_a_line_and_are_counted(tmp_path: Path):
    rows = [{"a": "line\nbreak"}, {"a": "\u2028"}]
    assert write_json_lines(tmp_path / "a.jsonl", iter(rows)) == 2
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in lines if line] == rows


def test_rows_that_cannot_be_written_leave_no_file(tmp_path: Path):
    with pytest.raises(TypeError):
        write_json_lines(tmp_path / "a.jsonl", [{"a": 1}, {"b": object()}])
    assert everything_in(tmp_path) == []
