from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.corpus.output import BUILDING, MANIFEST, OUTPUTS, building, finished, publish
from preprocessing.errors import RecipeError, UsageError

SETTINGS = {"seed": 1, "languages": ["en"]}


def make(folder: Path, content: str = "1", settings: dict | None = None) -> None:
    with building(folder) as place:
        for name in OUTPUTS:
            if "." in name:
                (place / name).write_text(content)
            else:
                (place / name).mkdir()
                (place / name / "file").write_text(content)
        publish(place, settings or SETTINGS)


def test_a_finished_folder_is_recognised(tmp_path: Path):
    assert not finished(tmp_path / "new", SETTINGS, overwrite=False)
    make(tmp_path / "new")
    assert finished(tmp_path / "new", SETTINGS, overwrite=False)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {*OUTPUTS, MANIFEST}


def test_other_settings_are_refused_by_name_unless_overwriting(tmp_path: Path):
    make(tmp_path)
    with pytest.raises(UsageError, match=r"made with other seed; .*--overwrite"):
        finished(tmp_path, {**SETTINGS, "seed": 2}, overwrite=False)
    assert not finished(tmp_path, {**SETTINGS, "seed": 2}, overwrite=True)
    make(tmp_path, "2", {**SETTINGS, "seed": 2})
    assert (tmp_path / "cpt" / "file").read_text() == "2"
    assert {path.name for path in tmp_path.iterdir()} == {*OUTPUTS, MANIFEST}


def test_a_missing_or_shortened_file_is_noticed(tmp_path: Path):
    make(tmp_path)
    (tmp_path / "cpt" / "file").write_text("")
    with pytest.raises(UsageError, match="missing or changed"):
        finished(tmp_path, SETTINGS, overwrite=False)


def test_a_folder_with_something_else_is_refused_and_keeps_it_when_overwritten(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"something else \(thesis.txt\)"):
        finished(tmp_path, SETTINGS, overwrite=False)
    assert not finished(tmp_path, SETTINGS, overwrite=True)
    make(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_file_as_output_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        finished(tmp_path / "file", SETTINGS, overwrite=True)


def test_a_failed_run_leaves_the_old_corpus_as_it_was(tmp_path: Path):
    make(tmp_path)
    with pytest.raises(ValueError), building(tmp_path) as place:
        (place / "cpt").mkdir()
        raise ValueError
    assert finished(tmp_path, SETTINGS, overwrite=False)
    assert not (tmp_path / BUILDING).exists()


def test_what_a_killed_run_left_is_cleared_by_the_next(tmp_path: Path):
    (tmp_path / BUILDING / "cpt").mkdir(parents=True)
    (tmp_path / BUILDING / "cpt" / "file").write_text("half")
    (tmp_path / "documents").mkdir()  # killed while moving its files into place
    assert not finished(tmp_path, SETTINGS, overwrite=False)
    make(tmp_path)
    assert finished(tmp_path, SETTINGS, overwrite=False)
    assert {path.name for path in tmp_path.iterdir()} == {*OUTPUTS, MANIFEST}


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path):
    with building(tmp_path), pytest.raises(RecipeError, match="another preprocess run"), building(tmp_path):
        pass
    make(tmp_path)
