"""What a run is started with: folders that NeMo-Run can work in, and the variables that its ranks read."""

from __future__ import annotations

import shlex
import types
from pathlib import Path
from typing import Any

import pytest

from recipes.monitoring.console import CONSOLE_LOG, say
from recipes.runner import _environment, _named_plainly, _shown


def recipe(accelerator: str = "gpu", tensor: int = 1, context: int = 1) -> Any:
    """As much of a recipe as is looked at."""
    strategy = types.SimpleNamespace(tensor_model_parallel_size=tensor, context_parallel_size=context)
    return types.SimpleNamespace(
        trainer=types.SimpleNamespace(accelerator=accelerator, devices=1, num_nodes=1, strategy=strategy)
    )


def test_nemo_run_gets_a_path_that_needs_no_quotes(tmp_path: Path) -> None:
    with _named_plainly(tmp_path) as plain:
        assert plain == tmp_path
    folder = tmp_path / "my runs" / "cpt"
    with _named_plainly(folder) as plain:
        assert shlex.quote(str(plain)) == str(plain)
        (plain / "log").write_text("said")
    assert (folder / "log").read_text() == "said"
    assert not plain.exists()


def test_the_lines_of_earlier_starts_are_kept_and_not_shown_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say(tmp_path, "of the first start")
    capsys.readouterr()
    with _shown(tmp_path / CONSOLE_LOG), (tmp_path / CONSOLE_LOG).open("a") as console:
        console.write("of the second\n")
    assert capsys.readouterr().err == "of the second\n"


def test_ranks_on_gpus_get_growing_segments_and_where_they_share_a_layer_the_order_of_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PYTORCH_CUDA_ALLOC_CONF", "CUDA_DEVICE_MAX_CONNECTIONS"):
        monkeypatch.delenv(name, raising=False)
    alone = _environment(recipe())
    assert alone["PYTORCH_CUDA_ALLOC_CONF"] == "expandable_segments:True"
    assert "CUDA_DEVICE_MAX_CONNECTIONS" not in alone
    for shared in (recipe(tensor=2), recipe(context=2)):
        assert _environment(shared)["CUDA_DEVICE_MAX_CONNECTIONS"] in ("1", "32")
    assert not {"PYTORCH_CUDA_ALLOC_CONF", "CUDA_DEVICE_MAX_CONNECTIONS"} & _environment(recipe("cpu", tensor=2)).keys()


def test_what_the_environment_says_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "backend:cudaMallocAsync")
    assert "PYTORCH_CUDA_ALLOC_CONF" not in _environment(recipe())  # the ranks inherit it
