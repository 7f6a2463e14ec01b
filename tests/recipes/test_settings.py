"""The YAML files are read whole or refused with a sentence that names the key."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from preprocessing.errors import UsageError
from recipes.hardware import load_hardware
from recipes.settings import CONFIGS, Stage, load_adapters, load_model, load_stage

STAGES = [
    *(("cpt", "cpt.yaml"), ("cpt_fast", "cpt_fast.yaml"), ("sft", "sft.yaml")),
    *((name, "quickstart.yaml") for name in ("cpt", "cpt_fast", "sft")),
]


def write(folder: Path, **changes: Any) -> Path:
    """Write the CPT settings with changes; None takes a key away."""
    values = {**yaml.safe_load((CONFIGS / "cpt.yaml").read_text(encoding="utf-8")), **changes}
    path = folder / "cpt.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))
    return path


def test_the_list_of_stage_files_is_complete() -> None:
    assert {path.name for path in CONFIGS.glob("*.yaml")} == {"monitoring.yaml", *(file for _, file in STAGES)}


@pytest.mark.parametrize(("name", "file"), STAGES)
def test_every_stage_file_loads_with_its_own_values(name: str, file: str) -> None:
    values = yaml.safe_load((CONFIGS / file).read_text(encoding="utf-8"))
    values = values.get(name, values)
    stage = load_stage(name, CONFIGS / file)
    assert {key: getattr(stage, key) for key in values} == values
    assert 0 < stage.min_learning_rate < stage.learning_rate
    assert stage.global_batch_size % stage.micro_batch_size == 0


@pytest.mark.parametrize("path", sorted((CONFIGS / "models").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_model_names_hardware_that_has_a_layout_for_it(path: Path) -> None:
    model = load_model(path.stem)
    assert model.name == path.stem
    assert load_hardware(model.hardware).layout(model.name).tensor_parallel >= 1


def test_unknown_models_and_adapters_get_the_nearest_suggested() -> None:
    with pytest.raises(UsageError, match=r"unknown model 'llama3_70b'\. Did you mean 'llama33_70b'\?"):
        load_model("llama3_70b")
    with pytest.raises(UsageError, match=r"unknown adapters 'lorra'\. Did you mean 'lora'\?"):
        load_adapters("lorra")


def test_adapters_say_where_they_stand() -> None:
    lora = load_adapters("lora")
    with pytest.raises(UsageError, match=r"adapters have no place at 'linear_fc3'\. Did you mean 'linear_fc"):
        dataclasses.replace(lora, layers=["linear_fc3"])
    with pytest.raises(UsageError, match="rank must be at least 1, not 0"):
        dataclasses.replace(lora, rank=0)
    with pytest.raises(UsageError, match=r"dropout must be in \[0, 1\), not 1\.0"):
        dataclasses.replace(lora, dropout=1.0)
    with pytest.raises(UsageError, match=r"learning_rate_factor must be above 0, not -1\.0"):
        dataclasses.replace(lora, learning_rate_factor=-1.0)
    with pytest.raises(UsageError, match="adapters need layers"):
        dataclasses.replace(lora, layers=[])


def test_without_a_path_the_stage_comes_from_its_own_file() -> None:
    assert load_stage("cpt") == load_stage("cpt", CONFIGS / "cpt.yaml")


def test_an_unknown_key_gets_the_nearest_one_suggested(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown key 'learning_rat'\. Did you mean 'learning_rate'\?"):
        load_stage("cpt", write(tmp_path, learning_rat=1.0))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("# Größe\n".encode("latin-1"), "cpt.yaml is not UTF-8 text, from byte 4 on"),
        (b"seed: 2026-13-01\n", "cpt.yaml is not valid YAML: month must be in 1..12"),
        (b"seed: [1\n", "cpt.yaml is not valid YAML: "),
        (b"seed\n", "cpt.yaml must hold 'key: value' lines"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "cpt.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=sentence):
        load_stage("cpt", path)


def test_missing_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing validate_every, seed"):
        load_stage("cpt", write(tmp_path, seed=None, validate_every=None))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("learning_rate", "fast"),
        ("sequence_length", 4096.5),
        ("max_steps", "100"),
        ("max_steps", True),
        ("max_steps", float("inf")),
        ("learning_rate", float("nan")),
        ("adam_betas", 0.9),
        ("adam_betas", [0.9, "0.95"]),
        ("seed", [1]),
        ("weight_decay", {"a": 1}),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_key(tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{key} can't be"):
        load_stage("cpt", write(tmp_path, **{key: value}))


def test_a_number_written_as_yaml_reads_text_is_refused(tmp_path: Path) -> None:
    # YAML 1.1 reads 2e-5 (without a point) as a string
    path = write(tmp_path, learning_rate=None)
    path.write_text(path.read_text() + "learning_rate: 2e-5\n")
    with pytest.raises(UsageError, match="learning_rate can't be '2e-5'"):
        load_stage("cpt", path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"max_steps": None}, "either max_steps or epochs"),
        ({"epochs": 1.0}, "either max_steps or epochs, and not both"),
        ({"max_steps": None, "epochs": 2.0}, "epochs needs expected_chats"),
        ({"micro_batch_size": 0}, "micro_batch_size must be at least 1, not 0"),
        ({"checkpoint_every": -5}, "checkpoint_every must be at least 1, not -5"),
        ({"max_steps": -5}, "max_steps must be at least 1, not -5"),
        ({"validation_batches": 0}, "validation_batches must be at least 1, not 0"),
        ({"keep_checkpoints": 0}, "keep_checkpoints must be at least 1, not 0"),
        ({"packed_chats": 0}, "packed_chats must be at least 1, not 0"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0, not -1.0"),
        ({"min_learning_rate": 1.0}, "min_learning_rate 1.0 must be at most learning_rate 2e-05"),
        ({"min_learning_rate": -1e-6}, "min_learning_rate must be at least 0, not -1e-06"),
        ({"gradient_clip": -1.0}, "gradient_clip must be at least 0, not -1.0"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0, not -1.0"),
        ({"max_steps": None, "epochs": 0.0, "expected_chats": 5}, "epochs must be above 0, not 0.0"),
        ({"adam_betas": [0.9]}, r"adam_betas must be two numbers in \[0, 1\), not \[0\.9\]"),
        ({"adam_betas": [0.9, 1.0]}, "adam_betas must be two numbers"),
        ({"warmup_fraction": 1.0}, r"warmup_fraction must be in \[0, 1\)"),
        ({"final_share": 1.0}, "final_share must be between 0 and 1"),
        ({"micro_batch_size": 3}, "global_batch_size 128 must be a multiple of micro_batch_size 3"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        load_stage("cpt", write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("a: [1", "not valid YAML"), ("- 1\n- 2\n", "must hold 'key: value' lines"), ("", "must hold 'key: value' lines")],
)
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UsageError, match=sentence):
        load_stage("cpt", tmp_path / "x.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no configuration file at .*none\.yaml"):
        load_stage("cpt", tmp_path / "none.yaml")


def stage(**changes: Any) -> Stage:
    return dataclasses.replace(load_stage("sft"), **changes)


@pytest.mark.parametrize(
    ("epochs", "batch", "examples", "steps"),
    [(3.0, 128, 128, 3), (3.0, 128, 129, 4), (1.0, 16, 1, 1), (0.5, 16, 320, 10), (0.001, 16, 16, 1)],
)
def test_epochs_become_steps_rounded_up_and_at_least_one(epochs: float, batch: int, examples: int, steps: int) -> None:
    assert stage(epochs=epochs, global_batch_size=batch).steps(examples) == steps


def test_the_expected_number_of_chats_counts_until_the_data_is_there() -> None:
    assert stage(epochs=2.0, expected_chats=1000, global_batch_size=100).steps() == 20


def test_max_steps_holds_whatever_the_data() -> None:
    assert load_stage("cpt").steps(5) == load_stage("cpt").max_steps


def test_profiles_are_values_that_nobody_can_change_by_accident() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_hardware("cpu").devices = 3  # type: ignore[misc]
