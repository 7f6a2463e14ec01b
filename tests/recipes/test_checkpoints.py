"""Only whole checkpoints count, the newest last."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from preprocessing.errors import UsageError
from recipes import metrics
from recipes.checkpoint_files import FILE, write_manifest
from recipes.checkpoints import (
    best_checkpoint,
    chosen_checkpoint,
    fault,
    faulty_checkpoints,
    finished_checkpoints,
    is_checkpoint,
    newest_checkpoint,
    set_aside,
    step_of,
)

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


def described(folder: Path, size: int = 3_000_000) -> Path:
    """A checkpoint with tensors of ``size`` bytes and a manifest, as a run writes it."""
    write_checkpoint(folder)
    (folder / "weights" / "__0_0.distcp").write_bytes(bytes(index % 251 for index in range(size)))
    write_manifest(folder)
    return folder


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def zero_a_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    middle = (len(data) - (1 << 16)) * 8 // 15
    data[middle : middle + 4096] = bytes(4096)
    path.write_bytes(data)


def garble(path: Path) -> None:
    path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "harm", "reason"),
    [
        ("weights/__0_0.distcp", cut, "weights/__0_0.distcp has 2,999,999 bytes of 3,000,000"),
        ("weights/__0_0.distcp", zero_a_page, "weights/__0_0.distcp is not what was written"),
        ("weights/__0_0.distcp", Path.unlink, "weights/__0_0.distcp is missing"),
        ("weights/.metadata", Path.unlink, "weights/.metadata is missing"),
        ("weights/common.pt", lambda path: path.write_bytes(b"x"), "weights/common.pt has 1 bytes of 0"),
        (FILE, garble, "its manifest.json can't be read"),
    ],
)
def test_damage_is_named_and_the_checkpoint_before_is_taken(
    checkpoints: Path, name: str, harm: Callable[[Path], object], reason: str
) -> None:
    before, newest = described(checkpoints / "step=10"), described(checkpoints / "step=20")
    assert finished_checkpoints(checkpoints.parent) == [before, newest]
    harm(newest / name)
    assert fault(newest) == reason
    assert newest_checkpoint(checkpoints.parent) == before
    assert faulty_checkpoints(checkpoints.parent) == {newest: reason}
    place = set_aside(checkpoints.parent, [newest])
    assert faulty_checkpoints(checkpoints.parent) == {}
    assert (place / "step=20").is_dir()
    harm(before / name)
    with pytest.raises(UsageError, match=r"only damaged ones: step=10 \("):
        newest_checkpoint(checkpoints.parent)


def test_a_step_or_the_best_can_be_chosen(checkpoints: Path) -> None:
    run = checkpoints.parent
    for step, loss in ((5, math.nan), (10, 3.0), (20, 2.0), (30, 2.5)):
        described(checkpoints / f"step={step}", size=10)
        metrics.append(run, {"step": step, "loss": 1.0})
        metrics.append(run, {"step": step, "validation_loss": loss})
    metrics.append(run, {"step": 25, "validation_loss": 0.1})  # nothing was saved there
    assert best_checkpoint(run) == chosen_checkpoint(run, "best") == checkpoints / "step=20"
    assert chosen_checkpoint(run, "10") == checkpoints / "step=10"
    with pytest.raises(UsageError, match=r"has no checkpoint of step 11; it has: 5, 10, 20, 30"):
        chosen_checkpoint(run, "11")
    cut(checkpoints / "step=20" / "weights" / "__0_0.distcp")
    assert chosen_checkpoint(run, "best") == checkpoints / "step=30"
    with pytest.raises(
        UsageError, match=r"step=20 can't be used: weights/__0_0.distcp has 9 bytes of 10; whole ones: 5, 10"
    ):
        chosen_checkpoint(run, "20")
    (run / metrics.FILE).unlink()
    with pytest.raises(UsageError, match=r"has a validation loss; choose a step: 5, 10, 30"):
        chosen_checkpoint(run, "best")


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
