"""Only whole checkpoints count, the newest last."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.errors import UsageError
from recipes.checkpoints import finished_checkpoints, is_checkpoint, newest_checkpoint, step_of

PARTS = ("context/model.yaml", "weights/.metadata", "weights/metadata.json", "weights/common.pt")


def write_checkpoint(folder: Path, unfinished: bool = False) -> Path:
    """The files that NeMo writes last; their content does not matter here."""
    for part in PARTS:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).touch()
    if unfinished:
        folder.with_name(f"{folder.name}-unfinished").touch()
    return folder


def test_steps_are_ordered_as_numbers_and_last_comes_last(checkpoints: Path) -> None:
    names = ["step=100", "step=20-last", "step=20", "step=9", "step=100-last"]
    for name in names:
        write_checkpoint(checkpoints / name)
    found = [path.name for path in finished_checkpoints(checkpoints.parent)]
    assert found == ["step=9", "step=20", "step=20-last", "step=100", "step=100-last"]
    assert newest_checkpoint(checkpoints.parent) == checkpoints / "step=100-last"
    assert newest_checkpoint(checkpoints) == checkpoints / "step=100-last"


def test_one_that_was_being_written_is_skipped(checkpoints: Path) -> None:
    write_checkpoint(checkpoints / "step=10")
    write_checkpoint(checkpoints / "step=20", unfinished=True)
    assert newest_checkpoint(checkpoints.parent) == checkpoints / "step=10"


@pytest.mark.parametrize("part", PARTS)
def test_a_checkpoint_without_one_of_its_parts_is_none(checkpoints: Path, part: str) -> None:
    write_checkpoint(checkpoints / "step=10")
    (write_checkpoint(checkpoints / "step=20") / part).unlink()
    assert not is_checkpoint(checkpoints / "step=20")
    assert newest_checkpoint(checkpoints.parent) == checkpoints / "step=10"


def test_an_imported_checkpoint_is_its_own_newest(tmp_path: Path) -> None:
    imported = write_checkpoint(tmp_path / "llama")
    assert newest_checkpoint(imported) == imported
    assert step_of(imported) == 0


def test_a_run_with_nothing_finished_names_what_is_unfinished(checkpoints: Path) -> None:
    write_checkpoint(checkpoints / "step=20", unfinished=True)
    with pytest.raises(UsageError, match="only unfinished ones: step=20-unfinished"):
        newest_checkpoint(checkpoints.parent)


def test_a_folder_that_holds_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"is not a NeMo checkpoint or run folder: it needs weights/ and context/"):
        newest_checkpoint(tmp_path)
    with pytest.raises(UsageError, match="no checkpoint folder at"):
        newest_checkpoint(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no checkpoint folder at"):
        newest_checkpoint(tmp_path / "notes.txt")
    assert finished_checkpoints(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("name", "step"), [("step=50", 50), ("cpt--step=120-last", 120), ("step=0", 0), ("llama33_70b", 0)]
)
def test_the_step_is_read_from_the_name(name: str, step: int) -> None:
    assert step_of(Path("runs") / name) == step
