"""A run in parts: what a job array does, here one part after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.corpus.output import WORK
from preprocessing.corpus.parts import do_part, parse_part
from preprocessing.corpus.pipeline import preprocess
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import locked_folder
from tests.preprocessing.corpus.conftest import contents, settings, write_act


@pytest.fixture(scope="module")
def acts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formex")
    for language in ("en", "fr", "de", "es"):
        for number in range(1, 4):
            write_act(folder / language, number, language)
    return folder


def files(folder: Path, pattern: str) -> dict[str, int]:
    """Files by name with their number on the disk, which stays when they are linked or moved."""
    return {path.name: path.stat().st_ino for path in folder.glob(pattern)}


def test_parts_in_any_order_give_the_bytes_of_one_run(acts, tokenizer_folder, tmp_path):
    output = tmp_path / "parts"
    given = ([acts], output, tokenizer_folder, settings(shards=4))
    reads = [do_part(*given, "read", (number, 3), workers=1) for number in (2, 0, 1, 0)]
    assert [(part.tasks, part.of) for part in reads] == [(1, 4), (2, 4), (1, 4), (2, 4)]
    assert do_part(*given, "plan").tasks == 4
    for number in (5, 1, 0, 2, 3, 4):  # more parts than tasks: the last ones have nothing to do
        do_part(*given, "write", (number, 6), workers=1)
    staged, written = files(output / WORK / "read", "*"), files(output / WORK / "write", "*.parquet")

    preprocess(*given, workers=1)
    assert files(output / WORK / "read", "*") == staged
    assert files(output / "documents", "*") == written
    preprocess([acts], tmp_path / "one", *given[2:], workers=1)
    assert contents(output) == contents(tmp_path / "one")
    assert do_part(*given, "read", (0, 3)).of == 0  # the corpus is made: nothing to do


def test_a_stage_says_what_has_to_come_before_it(acts, tokenizer_folder, tmp_path):
    given = ([acts], tmp_path / "out", tokenizer_folder, settings(shards=4))
    do_part(*given, "read", (0, 2), workers=1)
    with pytest.raises(RecipeError, match="2 of 4 slices are not read yet; first run every part of --only read"):
        do_part(*given, "plan")
    do_part(*given, "read", (1, 2), workers=1)
    with pytest.raises(RecipeError, match="no plan for these inputs and settings; first run --only plan"):
        do_part(*given, "write", (0, 2), workers=1)
    do_part(*given, "plan")
    other = (*given[:3], settings(shards=4, seed=7))
    with pytest.raises(RecipeError, match="no plan for these inputs and settings"):
        do_part(*other, "write", (0, 2), workers=1)


def test_parts_run_beside_each_other_but_not_beside_a_whole_run(acts, tokenizer_folder, tmp_path):
    given = ([acts], tmp_path / "out", tokenizer_folder, settings(shards=4))
    (tmp_path / "out" / WORK).mkdir(parents=True)
    with locked_folder(tmp_path / "out", "", shared=True):
        assert do_part(*given, "read", (0, 4), workers=1).tasks == 1
        with pytest.raises(RecipeError, match="another preprocess run is writing into"):
            preprocess(*given, workers=1)
    with locked_folder(tmp_path / "out", ""), pytest.raises(RecipeError, match="is making the corpus"):
        do_part(*given, "read", (0, 4), workers=1)


@pytest.mark.parametrize("value", ["", "3", "3/3", "-1/3", "a/b", "1/0", "1/2/3"])
def test_a_part_that_does_not_exist_is_wrong_usage(value):
    with pytest.raises(UsageError, match="write K/N"):
        parse_part(value)


def test_wrong_usage_of_stages(acts, tokenizer_folder, tmp_path):
    given = ([acts], tmp_path / "out", tokenizer_folder, settings(shards=4))
    with pytest.raises(UsageError, match="--only must be one of read, plan, write, not join"):
        do_part(*given, "join")
    with pytest.raises(UsageError, match="it has no --part"):
        do_part(*given, "plan", (0, 2))
    assert parse_part("0/1") == (0, 1) and parse_part("63/64") == (63, 64)
