"""Known notices are dropped; whatever else is printed comes through."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from recipes.quiet import quiet
from tests.recipes.tiny import run_python


def test_a_known_notice_is_dropped_and_its_neighbours_stay(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        print("before\nGPU available: False, used: False\nafter")
        print("`torch_dtype` is deprecated! Use `dtype` instead!", file=sys.stderr)
        print("loss is nan", file=sys.stderr)
    captured = capsys.readouterr()
    assert captured.out == "before\nafter\n"
    assert captured.err == "loss is nan\n"


def test_only_whole_notices_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        print("no GPU available: False alarm")
        print("-" * 79)
    assert capsys.readouterr().out == "no GPU available: False alarm\n" + "-" * 79 + "\n"


def test_empty_lines_come_through(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        print("a\n\nb")
        print()
    assert capsys.readouterr().out == "a\n\nb\n\n"


def test_a_logger_made_inside_still_writes_outside() -> None:
    stream = io.StringIO()
    original, sys.stderr = sys.stderr, stream
    try:
        with quiet():
            handler = logging.StreamHandler()
        logger = logging.Logger("made-inside")
        logger.addHandler(handler)
        logger.warning("a real warning")
        logger.warning("distributed_backend=gloo")
    finally:
        sys.stderr = original
    assert stream.getvalue() == "a real warning\n"


def test_the_streams_are_given_back_after_an_error() -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(RuntimeError), quiet():
        raise RuntimeError
    assert (sys.stdout, sys.stderr) == before


def test_importing_nemo_says_one_line_and_no_more() -> None:
    done = run_python("from recipes.quiet import import_nemo; import_nemo(); import_nemo()")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == "loading NeMo (about 15 s) ...\n"
