"""The sample command: made once, recognised afterwards, never over anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.errors import RecipeError, UsageError
from tools.sample.build import sample
from tools.sample.corpus import SAMPLE_TEST_ACT, write_sample

SMALL = {"acts": 2, "vocab_size": 1024, "hidden": 64, "layers": 2}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("build") / "sample"
    summary = sample(output, **SMALL)
    assert (summary.documents, summary.vocab_size, summary.test_act) == (10, 1024, SAMPLE_TEST_ACT)
    assert not summary.reused
    return output


def files(folder: Path) -> dict[str, int]:
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_it_holds_the_files_and_the_model(made: Path) -> None:
    assert (made / "formex" / "pt" / "L_2099001PT.01000101.doc.xml").is_file()
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {file.name for file in (made / "model").iterdir()}
    assert {entry.name for entry in made.iterdir()} == {"formex", "model", "sample.json"}


def test_the_second_time_nothing_is_written(made: Path) -> None:
    before = files(made)
    summary = sample(made, **SMALL)
    assert summary.reused
    assert "Already there" in summary.text()
    assert files(made) == before


def test_other_settings_are_refused_by_name(made: Path) -> None:
    with pytest.raises(UsageError, match=r"other settings \(acts\)"):
        sample(made, **{**SMALL, "acts": 3})


def test_a_sample_that_lost_a_file_is_not_taken_for_whole(made: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    assert sample(copy, **SMALL).model == str(copy / "model")
    (copy / "model" / "config.json").unlink()
    with pytest.raises(UsageError, match="no longer as it was made"):
        sample(copy, **SMALL)


def test_given_files_replace_the_invented_ones(tmp_path: Path) -> None:
    write_sample(tmp_path / "given", acts=2, languages=("en", "de"))
    summary = sample(tmp_path / "out", formex=tmp_path / "given", vocab_size=512, hidden=64, layers=2)
    assert summary.formex == str(tmp_path / "given")
    assert (summary.documents, summary.test_act) == (4, None)
    assert not (tmp_path / "out" / "formex").exists()
    assert sample(tmp_path / "out", formex=tmp_path / "given", vocab_size=512, hidden=64, layers=2).reused


def test_paths_are_told_as_they_were_given(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.parent)
    summary = sample(Path("sample"), **SMALL)
    assert (summary.output, summary.formex, summary.model) == ("sample", "sample/formex", "sample/model")


def test_a_folder_with_other_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="already holds other files"):
        sample(tmp_path, **SMALL)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "sample.json").write_text('{"settings": ')
    with pytest.raises(UsageError, match=r"sample\.json is damaged"):
        sample(tmp_path, **SMALL)


def test_missing_files_are_named_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        sample(tmp_path / "out", formex=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError):
        sample(tmp_path / "out", formex=tmp_path / "empty")
    assert [entry.name for entry in tmp_path.iterdir()] == ["empty"]


def test_too_little_text_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="too little"):
        sample(tmp_path / "out", acts=1, languages=("en",), vocab_size=32768)
    assert list(tmp_path.iterdir()) == []
