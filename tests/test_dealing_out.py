"""How tests are dealt out to processes: what shares something costly stays in one of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import TOGETHER, together

ROOT = Path(__file__).parents[1]


def test_a_file_stays_together_and_other_files_are_by_themselves():
    one, two = "tests/preprocessing/test_celex.py", "tests/preprocessing/test_split.py"
    assert together(f"{one}::test_a[x::y]") == together(f"{one}::test_b") == one
    assert together(f"{two}::test_a") == two


@pytest.mark.parametrize("start", TOGETHER)
def test_what_is_said_to_stay_together_is_there(start: str):
    assert (ROOT / start).exists()


def test_every_file_that_imports_nemo_into_its_process_is_with_the_others():
    names = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in names}
    with_nemo = [name for name, text in texts.items() if re.search("use_nemo_on_the_cpu|nemo_on_cpu", text)]
    assert "tests/tools/test_train.py" in with_nemo
    alone = [name for name in with_nemo if together(f"{name}::test") not in ("nemo", "end to end")]
    assert alone == [Path(__file__).relative_to(ROOT).as_posix()]  # which only says the name
