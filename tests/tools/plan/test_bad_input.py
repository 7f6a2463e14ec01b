"""What the plan can't use, of options and of files, it answers with one sentence that names it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from launch import app
from preprocessing.errors import UsageError
from recipes.gpus import GPUS
from recipes.shape import read_shape
from tools.commands.options import print_result
from tools.plan.budget import Budget, parse_budget, read_texts
from tools.plan.coefficients import able
from tools.plan.machines import machine, precision

HUGE = "1" + 400 * "0"
MODEL: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
}
REPORT: dict[str, Any] = {
    "runs": {"cpt": {"dataset": "train", "epochs": {"en": {"share": 0.9}, "replay": {"share": 0.1}}}},
    "languages": {"en": {"tokens": {"train": 500}}},
    "replay": {"share": 0.1, "tokens": 90},
}


def plan(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["plan", *arguments], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def values(*arguments: str, status: int = 0) -> Any:
    return json.loads(plan(*arguments, "--json", status=status))


# GPUs


def described(tflops: str | None, memory: float | None = 256, name: str = "8xnew") -> Any:
    notes: list[str] = []
    hardware, gpu = machine(name, memory, tflops, notes)
    return hardware, gpu, " ".join(notes)


@pytest.mark.parametrize(
    ("tflops", "capability", "auto", "formats"),
    [
        ("1300", (8, 0), "bf16", {"bf16"}),
        ("bf16=1300,fp8=2600", (9, 0), "fp8-current", {"bf16", "fp8-delayed", "fp8-current", "fp8-blockwise"}),
        (
            "bf16=1300,fp8=2600,nvfp4=5200",
            (10, 0),
            "nvfp4",
            {"bf16", "fp8-delayed", "fp8-current", "mxfp8", "nvfp4"},
        ),
    ],
)
def test_a_gpu_that_is_described_has_the_formats_of_its_peaks(
    tflops: str, capability: tuple[int, int], auto: str, formats: set[str]
) -> None:
    _, gpu, notes = described(tflops)
    assert (gpu.name, gpu.memory, gpu.capability) == ("new", 256e9, capability)
    assert {form.name for form in able(gpu)} == formats
    assert precision("auto", gpu) == auto
    assert "new has the memory bandwidth, links and efficiency of" in notes
    with pytest.raises(UsageError, match="NEW can't train in"):
        precision("mxfp8" if auto != "nvfp4" else "fp8-blockwise", gpu)


def test_a_gpu_without_fp8_is_searched_and_changed_in_bf16_alone() -> None:
    gpu = ("--hardware", "8xnew", "--gpu-tflops", "1300")
    found = values(*gpu, "--gpu-memory", "256", "--search")
    assert {each["precision"] for each in found["search"]["ranked"]} == {"bf16"}
    too_small = values(*gpu, "--gpu-memory", "80", status=1)
    assert too_small["changes"]
    assert not any("precision" in change["about"] for change in too_small["changes"])


def test_nvfp4_of_a_described_gpu_is_planned() -> None:
    gpu = ("--hardware", "8xnew", "--gpu-memory", "256", "--gpu-tflops", "bf16=1300,fp8=2600,nvfp4=5200")
    assert values(*gpu, "--precision", "nvfp4")["precision"] == "nvfp4"
    assert values(*gpu, "--precision", "mxfp8")["precision"] == "mxfp8"


def test_a_known_gpu_keeps_what_the_options_do_not_change() -> None:
    b200 = GPUS["b200"]
    hardware, gpu, notes = described("2000", 180, "2x8xb200")
    assert hardware == "2x8xb200"
    assert (gpu.memory, gpu.bandwidth, gpu.nvlink, gpu.capability) == (180e9, b200.bandwidth, b200.nvlink, (10, 0))
    assert gpu.peaks == {**b200.peaks, "bf16": 2000.0}
    assert notes == ""
    assert described(None, 180, "8xb200")[1].peaks == b200.peaks
    assert described("fp8=4000", None, "8xb200")[1].memory == b200.memory


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("8xgb200", "8xb200"),
        ("16x4xgb300", "16x4xb200"),
        ("8xb300", "8xb200"),
        ("8xa100", "8xh100"),
        ("8xl40s", "8xh100"),
    ],
)
def test_a_known_gpu_without_a_profile_is_laid_out_as_the_nearest(name: str, profile: str) -> None:
    chip = name.rpartition("x")[2]
    hardware, gpu, notes = described(None, None, name)
    assert (hardware, gpu) == (profile, GPUS[chip])
    assert f"{chip} is laid out as {profile.rpartition('x')[2]}: nemo_configs/hardware has no profile of it" in notes
    found = values("--hardware", name, "--peft", "lora", status=1 if chip == "l40s" else 0)  # 48 GB are too few
    assert (found["gpu"], found["precision"]) == (chip, precision("auto", gpu))
    assert any("laid out as" in note for note in found["notes"])


@pytest.mark.parametrize("name", [None, "4xb200", "2x8xh100", "cpu", "2xcpu", "8xh10"])
def test_hardware_that_no_option_changes_is_left_as_it_is(name: str | None) -> None:
    assert described(None, None, name) == (name, None, "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("1x2x3xnew", "NODESxGPUSxNAME, as 8xnew or 2x8xnew, not '1x2x3xnew'"),
        ("8xNEW", "not '8xNEW'"),
        ("2xcpu", "not '2xcpu'"),
        ("new", "not 'new'"),
        ("0xnew", "--hardware can't be '0xnew': nodes and GPUs must be at least 1"),
        ("0x8xnew", "'0x8xnew': nodes and GPUs must be at least 1"),
        (f"{HUGE}xnew", "NODESxGPUSxNAME"),
        (None, "are for --hardware GPUSxNAME"),
    ],
)
def test_a_name_that_is_none_is_refused_as_it_was_written(name: str | None, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        described("1300", 256, name)  # type: ignore[arg-type]


def test_no_gpu_of_a_known_kind_without_a_profile_is_refused_as_well() -> None:
    with pytest.raises(UsageError, match="can't be '0xgb200'"):
        described(None, None, "0xgb200")


@pytest.mark.parametrize("memory", [0, -1, math.nan, math.inf, 1e300])
def test_a_memory_that_is_no_amount_is_refused(memory: float) -> None:
    for name in ("8xnew", "8xb200"):
        with pytest.raises(UsageError, match="--gpu-memory can't be"):
            described("1300", memory, name)


@pytest.mark.parametrize(
    "tflops",
    ["", "nan", "inf", "0", "-5", "1e400", "bf16=nan", "bf16=1,fp8=0", "bf16=1,bf16=2", "fp8=9", "int8=5", "1,"],
)
def test_peaks_that_are_none_are_refused(tflops: str) -> None:
    with pytest.raises(UsageError, match="--gpu-tflops can't be"):
        described(tflops)


# prices, budgets and counts


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--price-per-gpu-hour", "0", "--budget", "10eur"], "a price can't be 0"),
        (["--price-per-gpu-hour", "inf"], "a price can't be inf"),
        (["--price-per-gpu-hour", "1e-320", "--budget", "10eur"], "a price can't be"),
        (["--budget", f"{400 * '9'}h"], "a budget can't be '9{40}...'"),
        (["--steps", HUGE], "the number of steps can't be so large a number"),
        (["--sequence-length", HUGE, "--precision", "bf16"], "sequence_length must be at most"),
        (["--global-batch", HUGE], "global_batch_size must be at most"),
        (["--tp", HUGE], "tensor_parallel must be at most"),
        (["--hardware", f"{HUGE}x8xb200"], "unknown hardware"),
    ],
)
def test_numbers_that_are_no_amounts_are_refused(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        plan(*arguments, "--json")


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_money_is_not_divided_by_a_price_that_is_none(price: float) -> None:
    with pytest.raises(UsageError, match="a price can't be"):
        Budget(money=10.0).seconds(4, price)


def test_a_budget_may_be_large() -> None:
    assert parse_budget("999,999,999eur").money == 999_999_999


def test_json_has_no_nan_and_no_infinity(capsys: pytest.CaptureFixture[str]) -> None:
    class Lost:
        def to_dict(self) -> dict[str, Any]:
            return {"loss": math.nan, "losses": [1.0, (math.inf, 2)], "by": {"en": -math.inf}}

    print_result(Lost(), as_json=True)
    read = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert read == {"loss": None, "losses": [1.0, [None, 2]], "by": {"en": None}}


# --corpus


def corpus(folder: Path, **run: Any) -> Path:
    report = {**REPORT, "runs": {"cpt": {**REPORT["runs"]["cpt"], **run}}}
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def of_tokens(folder: Path, tokens: Any) -> Path:
    report = {**REPORT, "languages": {"en": {"tokens": {"train": tokens}}}}
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def test_a_corpus_whose_every_number_is_one_is_read(tmp_path: Path) -> None:
    found = read_texts(corpus(tmp_path), "cpt")
    assert found and found.tokens == {"en": 500, "replay": 90}


@pytest.mark.parametrize("share", [0, -1, math.nan, math.inf, "0.9", None, 1.5, True])
def test_a_share_that_is_none_is_refused(share: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"report\.json is no report of `preprocess`: .* share"):
        read_texts(corpus(tmp_path, epochs={"en": {"share": share}}), "cpt")


@pytest.mark.parametrize("tokens", [0, -500, "500", None, 2.5, math.nan])
def test_tokens_that_are_no_number_are_refused(tokens: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"report\.json is no report of `preprocess`: the number of tokens of en"):
        read_texts(of_tokens(tmp_path, tokens), "cpt")


@pytest.mark.parametrize(
    ("epochs", "sentence"),
    [
        ({}, "names no text that cpt reads"),
        ({"xx": {"share": 0.5}}, "it lacks 'xx'"),
        ({"en": {}}, "it lacks 'share'"),
        ({"en": 5}, "is no report"),
        (None, "is no report"),
    ],
)
def test_epochs_without_a_text_are_refused(epochs: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"report\.json {sentence}|report\.json .*{sentence}"):
        read_texts(corpus(tmp_path, epochs=epochs), "cpt")


@pytest.mark.parametrize("text", ["[" * 100_000, "\udcff", "5", "{", '"report"'])
def test_a_file_that_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UsageError, match=r"report\.json is no report of `preprocess`"):
        read_texts(path, "cpt")


# --shape


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"architectures": 5}, "architectures must be a list of names, not 5"),
        ({"architectures": "LlamaForCausalLM"}, "architectures must be a list of names, not 'LlamaForCausalLM'"),
        ({"architectures": {"LlamaForCausalLM": 1}}, "must be a list of names"),
        ({"architectures": [5]}, "it says 5"),
        ({"tie_word_embeddings": "false"}, "tie_word_embeddings is 'false', and must be true or false"),
        ({"attention_bias": "false"}, "attention_bias is 'false', and must be true or false"),
        ({"num_key_value_heads": 0}, "groups must be at least 1, not 0"),
        ({"num_key_value_heads": "2"}, "num_key_value_heads is '2'"),
        ({"num_attention_heads": 0}, "heads must be at least 1, not 0"),
        ({"head_dim": 0}, "channels must be at least 1, not 0"),
        ({"hidden_size": 10**400}, "hidden must be at most 1,000,000,000"),
        ({"hidden_size": math.nan}, "hidden_size is nan"),
    ],
)
def test_a_configuration_that_is_no_llama_is_refused_by_its_file(
    changes: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**MODEL, **changes}))
    with pytest.raises(UsageError, match=rf"config\.json is not Llama-shaped: .*{sentence}"):
        read_shape(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"architectures": ' + "[" * 100_000, "\udcff"])
def test_a_file_that_is_no_configuration_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UsageError, match=r"config\.json is"):
        read_shape(path)


@pytest.mark.parametrize(
    "text",
    [
        "config: {num_layers: '3'}",
        "config: {num_layers: 3, hidden_size: 64, ffn_hidden_size: 96, num_attention_heads: 0, num_query_groups: 0}",
        "config: 5",
        "[",
        "[" * 100_000,
        "\udcff",
    ],
)
def test_a_checkpoint_without_a_configuration_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "context" / "model.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UsageError, match=r"model\.yaml is"):
        read_shape(tmp_path)


# what the recipe refuses


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sequence-length", "4100"], "NVFP4 takes blocks of 16, and 4100 tokens of a micro-batch"),
        (["--sequence-length", "4100", "--precision", "nvfp4-emulated"], "NVFP4 takes blocks of 16"),
        (["--precision", "fp32"], "adds 16 bits to BF16 weights, and these are FP32"),
        (["sft", "--cp", "2", "--hardware", "2x4xb200"], "can't divide packed chats over 2 context parallel parts"),
        (["sft", "--micro-batch", "2", "--hardware", "8xb200"], "packed chats need micro-batches of 1, not 2"),
    ],
)
def test_the_plan_refuses_what_the_recipe_does(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        plan(*arguments)


def test_a_search_by_speed_wants_a_format_of_known_speed() -> None:
    for options in (["--precision", "fp32", "--optimizer", "adam"], ["--precision", "nvfp4-emulated"]):
        with pytest.raises(UsageError, match=f"the speed of {options[1]} on a GPU is not known; use bf16"):
            plan("--hardware", "16x8xb200", "--search", *options)


def test_the_precision_aware_optimizer_is_refused_on_a_cpu(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(MODEL))
    on_a_cpu = ("--model", "tiny", "--hardware", "cpu", "--shape", str(tmp_path))
    plan(*on_a_cpu)
    with pytest.raises(UsageError, match="is Transformer Engine's, which is for GPUs"):
        plan(*on_a_cpu, "--optimizer", "precision-aware")


def test_a_search_for_packed_chats_offers_no_context_parallel() -> None:
    found = values("sft", "--hardware", "8xb200", "--sequence-length", "16384", "--search")
    assert found["search"]["fit"]
    offered = [override for each in found["search"]["ranked"] for override in each["overrides"]]
    assert not any("context_parallel" in override or "micro_batch" in override for override in offered)
