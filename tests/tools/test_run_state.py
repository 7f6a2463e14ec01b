"""A run's folder is refused to another run, and to one whose checkpoints would not fit; the same run goes on in it."""

from __future__ import annotations

import json
import re
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import UsageError
from recipes import disk, identity
from tests.recipes.test_checkpoints import cut, described, write_checkpoint
from tests.recipes.tiny import Tiny
from tests.tools.test_train import recipe, request, tiny
from tools.run_state import prepare_folder

__all__ = ["tiny"]  # a fixture
Usage = namedtuple("Usage", "total used free")


def prepared(tiny: Tiny, folder: Path, *overrides: str, resume_from: str | None = None, **choices: Any) -> Any:
    """Do what `launch.py cpt` does before it starts; return the recipe."""
    choices = {"stage": "cpt", "data": tiny.blend, **choices}
    asked = request(choices.pop("stage"), tiny.nemo, choices.pop("data"), folder, **choices)
    made = recipe("cpt", tiny.nemo, asked.data, folder, overrides=overrides, **choices)
    prepare_folder(asked, [made], resume_from)
    return made


def test_what_may_change_from_start_to_start_may_and_the_rest_is_named(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    prepared(tiny, folder)
    prepared(tiny, folder, "trainer.max_steps=999", "optim.config.lr=5e-4", "data.micro_batch_size=4")
    prepared(tiny, folder, "trainer.strategy.tensor_model_parallel_size=1", hardware="1xcpu")
    other = Path(str(tiny.blend).replace("blend.yaml", "other.yaml"))
    other.write_text(re.sub(r"weight: [\d.]+", "weight: 0.123", tiny.blend.read_text(), count=1))
    cases: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
        ("sequence length was 256, is 64", ("data.seq_length=64", "model.config.seq_length=64"), {}),
        ("global batch size was 8, is 16", ("data.global_batch_size=16",), {}),
        ("seed was 1234, is 7", ("data.seed=7",), {}),
        ("weights was fp32, is bf16", (), {"precision": "bf16"}),
        ("tuning was full, is LoRA", (), {"peft": "lora"}),
        ("the model's num_layers was 2, is 4", ("model.config.num_layers=4",), {}),
        ("training data was .*, is", (), {"data": other}),
    ]
    for sentence, overrides, choices in cases:
        with pytest.raises(UsageError, match=f"holds another run: .*{sentence}.*Choose another --output"):
            prepared(tiny, folder, *overrides, **choices)
    record = identity.read_identity(folder)
    assert record is not None
    assert record["sequence length"] == 256  # what was refused has not been written down
    (folder / "run.json").write_text("garbage")
    with pytest.raises(UsageError, match=r"run\.json can't be read; remove it"):
        prepared(tiny, folder)


def test_a_run_is_told_by_what_it_trains_on_and_by_nothing_beside_it(tiny: Tiny, tmp_path: Path) -> None:
    shutil.copytree(tiny.blend.parent, tmp_path / "cpt")
    shutil.copytree(tiny.blend.parent / "en", tmp_path / "general")
    blend = tmp_path / "cpt" / "blend.yaml"
    text = blend.read_text()
    validation = text.index("validation:")
    replay = f"  - {{language: replay, prefix: {tmp_path}/general/train, weight: 0.05, tokens: 1, documents: 1}}\n"
    blend.write_text(text[:validation] + replay + text[validation:] + "# a remark\n")
    prepared(tiny, tmp_path / "run", data=blend)
    (tmp_path / "cpt" / "sft").mkdir()
    (tmp_path / "cpt" / "sft" / "00000.jsonl").write_text("{}\n")
    blend.write_text(blend.read_text() + "# another remark\n")
    prepared(tiny, tmp_path / "run", data=blend)
    with (tmp_path / "general" / "train.bin").open("ab") as stream:
        stream.write(bytes(8))
    with pytest.raises(UsageError, match="holds another run: training data was"):
        prepared(tiny, tmp_path / "run", data=blend)


def saved(run: Path, **metadata: str) -> Path:
    """A checkpoint that says how its optimizer's states were saved, as NeMo's do."""
    import torch

    checkpoint = write_checkpoint(run / "checkpoints" / "step=10")
    torch.save({"content_metadata": metadata}, checkpoint / "weights" / "common.pt")
    backends = {"sharded_backend": "torch_dist", "common_backend": "torch"}
    (checkpoint / "weights" / "metadata.json").write_text(json.dumps(backends))
    return checkpoint


def test_states_of_the_distributed_optimizer_keep_their_layout_unless_they_were_saved_for_any(
    tiny: Tiny, tmp_path: Path
) -> None:
    layouts: tuple[dict[str, Any], ...] = ({"tensor parallel": 4, "data parallel": "1"}, {"tensor parallel": 2})
    before, now = ({"stage": "cpt", "layout": {"data parallel": "2 or more", **layout}} for layout in layouts)
    identity.write_identity(tmp_path, before)
    kind = "distrib_optim_sharding_type"
    checkpoint = saved(tmp_path, **{kind: "dp_reshardable"})
    identity.check_layout(tmp_path, checkpoint, before)
    with pytest.raises(
        UsageError,
        match=r"layout only: data parallel was 1, is 2 or more; tensor parallel was 4, is 2\. Set it back \(",
    ):
        identity.check_layout(tmp_path, checkpoint, now)
    for fitting in ({kind: "fully_reshardable"}, {}):  # the second: another optimizer
        shutil.rmtree(tmp_path / "checkpoints")
        identity.check_layout(tmp_path, saved(tmp_path, **fitting), now)


def test_a_second_node_is_another_layout_and_a_third_one_none(tiny: Tiny, tmp_path: Path) -> None:
    def made(hardware: str, **choices: Any) -> dict[str, Any]:
        of = recipe("cpt", tmp_path / "none", tiny.blend, tmp_path, model="llama33_70b", hardware=hardware, **choices)
        return identity.identity(of, "cpt", tiny.blend)

    one, two, three = made("8xb200"), made("2x8xb200"), made("4x8xb200")
    assert (one["layout"]["data parallel"], two["layout"]["data parallel"]) == ("1", "2 or more")
    assert one != two == three
    assert (one["weights"], made("8xb200", peft="lora")["weights"]) == ("bf16 and 16-bit remainders", "bf16")


def test_going_back_sets_later_checkpoints_aside_and_damaged_ones_are_named(
    tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    for step in (10, 20, 30, 40):
        described(folder / "checkpoints" / f"step={step}", size=100)
    cut(folder / "checkpoints" / "step=20" / "weights" / "__0_0.distcp")
    prepared(tiny, folder, resume_from="30")
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["step=10", "step=30"]
    said = capsys.readouterr().err
    assert "later checkpoints are set aside in" in said
    assert "step=20 is passed over: weights/__0_0.distcp has 99 bytes of 100 (moved to" in said
    assert sorted(path.name for path in (folder / "set_aside").glob("*/*")) == ["step=20", "step=40"]


def test_a_run_branches_off_a_checkpoint_of_another_one_of_the_same_kind(tiny: Tiny, tmp_path: Path) -> None:
    prepared(tiny, tmp_path / "old")
    origin = described(tmp_path / "old" / "checkpoints" / "step=10", size=10)
    made = prepared(tiny, tmp_path / "new", resume_from=str(origin))
    import fiddle as fdl

    assert fdl.build(made.resume)._find_trainer_ckpt_path() == origin
    with pytest.raises(UsageError, match=r"old holds another run: seed was 1234, is 7"):
        prepared(tiny, tmp_path / "third", "data.seed=7", resume_from=str(origin))
    with pytest.raises(UsageError, match="is one of this run's own: --resume-from 10"):
        prepared(tiny, tmp_path / "old", resume_from=str(origin))
    aside = described(tmp_path / "old" / "set_aside" / "20260101-000000" / "step=30", size=10)
    prepared(tiny, tmp_path / "fourth", resume_from=str(aside))
    with pytest.raises(UsageError, match=r"nemo is of no run \(there is no run.json above.*--checkpoint .*nemo starts"):
        prepared(tiny, tmp_path / "fifth", resume_from=str(tiny.nemo))
    with pytest.raises(UsageError, match="is no checkpoint, and neither a step nor 'best': there is no such folder"):
        prepared(tiny, tmp_path / "new", resume_from="newest")
    own = described(tmp_path / "new" / "checkpoints" / "step=20", size=10)
    assert fdl.build(made.resume)._find_trainer_ckpt_path() == own
    with pytest.raises(UsageError, match="has checkpoints of its own; to branch off"):
        prepared(tiny, tmp_path / "new", resume_from=str(origin))


def test_a_disk_that_is_too_small_is_refused_before_anything_starts(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = disk.checkpoint_bytes(recipe("cpt", tiny.nemo, tiny.blend, tmp_path))
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda place: Usage(0, 0, int(1.5 * each)))
    with pytest.raises(UsageError, match=r"needs .* MB for 2 checkpoints of .* MB .* has .* MB free: make room"):
        prepared(tiny, tmp_path / "run")
    prepared(tiny, tmp_path / "run", "log.ckpt.every_n_train_steps=160")  # one is ever made
    described(tmp_path / "old" / "checkpoints" / "step=80", size=each)
    prepared(tiny, tmp_path / "old")  # half of it is there already


def test_a_checkpoint_of_70b_is_most_of_a_terabyte_and_one_of_its_adapters_is_not(tmp_path: Path) -> None:
    full, lora = (
        recipe("cpt", tmp_path / "none", tmp_path, tmp_path / "run", model="llama33_70b", peft=peft)
        for peft in (None, "lora")
    )
    assert disk.checkpoint_bytes(full) == pytest.approx(12 * 70.55e9, rel=0.03)
    assert disk.checkpoint_bytes(lora) == pytest.approx(10e9, rel=0.02)
