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
from recipes.shape import read_shape
from tests.recipes.test_shape import CONFIG
from tools.commands.options import print_result
from tools.plan.budget import Budget, parse_budget, read_texts

HUGE = "1" + 400 * "0"
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
    path.write_text(json.dumps({**CONFIG, **changes}))
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
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    on_a_cpu = ("--model", "tiny", "--hardware", "cpu", "--shape", str(tmp_path))
    plan(*on_a_cpu)
    with pytest.raises(UsageError, match="is Transformer Engine's, which is for GPUs"):
        plan(*on_a_cpu, "--optimizer", "precision-aware")


def test_a_search_for_packed_chats_offers_no_context_parallel() -> None:
    found = values("sft", "--hardware", "8xb200", "--sequence-length", "16384", "--search")
    assert found["search"]["fit"]
    offered = [override for each in found["search"]["ranked"] for override in each["overrides"]]
    assert not any("context_parallel" in override or "micro_batch" in override for override in offered)
