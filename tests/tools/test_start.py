"""What a training command does to a folder before its ranks start: nothing while another one is at work in it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import write_json
from recipes import nodes
from recipes.formats import Format
from tests.recipes.invented_chats import numbered, write_chats
from tests.recipes.test_checkpoints import write_checkpoint
from tests.recipes.tiny import Tiny
from tests.tools.test_train import request, tiny
from tools.train import train

__all__ = ["tiny"]  # a fixture


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")
    }


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    return write_chats(
        tmp_path / "sft", train=[numbered(i) for i in range(40)], validation=[numbered(i) for i in range(40, 50)]
    )


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("log.ckpt.dirpath=/elsewhere", r"log\.ckpt\.dirpath=/elsewhere can't be chosen apart from .*; use --output"),
        (
            "resume.resume_from_directory=/elsewhere",
            "resume_from_directory=/elsewhere can't be chosen .*; use --output",
        ),
        (
            "resume.restore_config.path=/elsewhere",
            r"restore_config\.path=/elsewhere can't be chosen .*nemo; use --checkpoint",
        ),
        ("resume.restore_config=None", r"resume\.restore_config is not set, and no run starts without it"),
        ("model.config.num_layers=4", r"num_layers is 4, not 2; leave out the overrides to model\.config"),
        ("model.config.rotary_base=10000", "rotary_base is 10000, not 250000.0; leave out"),
    ],
)
def test_overrides_that_lead_to_another_folder_or_model_are_refused_before_anything_starts(
    tiny: Tiny, tmp_path: Path, override: str, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        train(request("cpt", tiny.nemo, tiny.blend, tmp_path / "run"), [override])
    assert not (tmp_path / "run").exists()


# of its ranks; of a command whose ranks are not there yet
@pytest.mark.parametrize("lock", ["run.lock", "command.lock"])
def test_a_second_command_touches_nothing_of_a_run_that_is_going_on(
    tiny: Tiny, chats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    from recipes import run_guard

    run = tmp_path / "run"
    write_checkpoint(run / "checkpoints" / "step=10")
    (run / "checkpoints" / "step=20").mkdir()  # being written
    for name in ("checkpoints/step=20-unfinished", "stop", "console.log", "recipe.txt", "chats/training.jsonl"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text("of the run that is going on")
    held = run_guard.lock_folder(run, lock)
    before = {"command.lock": b"", **contents(run)}
    monkeypatch.setattr(run_guard, "_PATIENCE", 0.3)
    try:
        with pytest.raises(RecipeError, match=rf"another run is training in .*run \(process {os.getpid()}\)"):
            train(request("sft", tiny.nemo, chats, run), resume_from="10")
    finally:
        os.close(held)
    after = contents(run)
    assert after.keys() == before.keys()
    assert [name for name in before if after[name] != before[name] and not name.endswith(".lock")] == []


def test_the_chats_of_another_run_are_not_replaced(tiny: Tiny, chats: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_json(run / "run.json", {"stage": "cpt"})
    with pytest.raises(UsageError, match="holds another run: stage was cpt, is sft"):
        train(request("sft", tiny.nemo, chats, run))
    assert not (run / "chats").exists()


def test_another_node_waits_for_the_first_and_leaves_the_folder_to_it(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "_BEAT", 0.1)
    for name, value in {"NODE_RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    run = tmp_path / "run"
    for step in (3, 5):
        write_checkpoint(run / "checkpoints" / f"step={step}")
    before = contents(run)
    overrides = ["trainer.max_steps=5", "data.micro_batch_size=4"]
    ended = threading.Event()

    def other() -> None:
        # going back to step 3 is the first node's work: without a word of it this run looks finished
        train(request("cpt", tiny.nemo, tiny.blend, run, hardware="2x1xcpu"), overrides, "3")
        ended.set()

    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    with nodes.told_to_others(run) as ready:
        assert not ended.wait(4)
        assert contents(run).keys() - {nodes.FILE} == before.keys()
        ready()
        thread.join(60)
    assert ended.is_set()


def test_a_final_precision_that_the_machine_can_not_compute_is_refused_before_the_first_step(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recipes import precision

    def without_bf16(choice: Format) -> None:
        if choice.name == "bf16":
            raise UsageError("no arithmetic for bf16")

    monkeypatch.setattr(precision, "require", without_bf16)
    asked = request("cpt", tiny.nemo, tiny.blend, tmp_path / "run", precision="nvfp4-emulated", final_precision="bf16")
    with pytest.raises(UsageError, match="no arithmetic for bf16"):
        train(asked, ["trainer.max_steps=20"])
    assert not (tmp_path / "run").exists()
