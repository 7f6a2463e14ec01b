"""The plan of a run: verdicts, changes that help, search, budgets, claims, and what the command prints."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from launch import app
from preprocessing.errors import UsageError
from recipes.formats import format_named
from recipes.gpus import GPUS
from recipes.request import make_request
from tests.recipes.tiny import Tiny
from tests.tools.plan.test_asked import EIGHT_B
from tools.plan.bought import Bought, buy
from tools.plan.budget import Texts, parse_budget, read_texts
from tools.plan.claims import ceiling, claims
from tools.plan.configuration import Configuration
from tools.plan.from_request import configuration_of
from tools.plan.gate import refusal
from tools.plan.memory import memory
from tools.plan.overrides import overrides
from tools.plan.plan import make_plan
from tools.plan.search import MOST, search
from tools.plan.speed import step_time
from tools.plan.text import short
from tools.plan.verdict import FITS, TIGHT, TOO_LARGE, changes, judge


def four_b200(stage: str = "cpt", **choices: Any) -> Configuration:
    return configuration_of(make_request(stage, **{"hardware": "4xb200", **choices}))


def with_layout(configuration: Configuration, **values: Any) -> Configuration:
    return dataclasses.replace(configuration, layout=dataclasses.replace(configuration.layout, **values))


def asked(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["plan", *arguments])
    assert result.exit_code == status, result.output
    return result.output


# verdicts


def test_megatrons_default_optimizer_does_not_fit_on_four_b200() -> None:
    plain = with_layout(four_b200(precision="bf16"), optimizer="adam")
    states = sum(part.bytes for part in memory(plain)[0].parts if part.kind == "states")
    assert states == pytest.approx(18 * 70.55e9 / 4, rel=0.001)  # 317 GB
    assert judge(plain).word == TOO_LARGE


@pytest.mark.parametrize(("peft", "word"), [(None, TIGHT), ("lora", FITS)])
def test_the_profile_of_four_b200_fits(peft: str | None, word: str) -> None:
    assert judge(four_b200(peft=peft)).word == word


@pytest.mark.parametrize(
    ("gpu", "precision", "layout"),
    [
        ("h100", "fp8-current", {"tensor_parallel": 4, "pipeline_parallel": 8}),
        ("b200", "fp8-current", {"tensor_parallel": 2, "pipeline_parallel": 4, "context_parallel": 2}),
        ("gb200", "mxfp8", {"tensor_parallel": 2, "pipeline_parallel": 4}),
        ("gb200", "nvfp4", {"tensor_parallel": 2, "pipeline_parallel": 4}),
        ("gb300", "nvfp4", {"tensor_parallel": 1, "pipeline_parallel": 4, "sequence_parallel": False}),
    ],
)
def test_configurations_that_nvidia_ran_fit(gpu: str, precision: str, layout: dict[str, Any]) -> None:
    """Llama-3 70B on 64 GPUs at 8192 tokens, five pieces a stage, gradients in BF16 as there."""
    base = four_b200(hardware="8x8xb200", precision="bf16")
    ran = dataclasses.replace(
        with_layout(base, optimizer="precision-aware-bf16", recompute="none", virtual_pipeline=5, **layout),
        gpu=GPUS[gpu],
        format=format_named(precision),
        sequence_length=8192,
    )
    assert judge(ran).word != TOO_LARGE


def test_what_does_not_fit_comes_with_changes_that_do() -> None:
    request = make_request("cpt", hardware="8xh100")
    eight = configuration_of(request)
    assert judge(eight).word == TOO_LARGE
    found = changes(eight, request)
    assert {change.about for change in found} >= {"LoRA", "2 nodes"}
    assert all(judge(change.configuration).word != TOO_LARGE for change in found)


def test_a_refusal_names_the_changes() -> None:
    request = make_request("cpt", hardware="8xh100")
    sentence = refusal(make_plan(request, configuration_of(request)))
    assert sentence.startswith("this does not fit: 108 of 86 GB a GPU")
    assert "--force starts it all the same" in sentence
    assert "\n  LoRA: --peft lora" in sentence


# search


@pytest.fixture(scope="module")
def ranked() -> Any:
    return search(four_b200(), [format_named("nvfp4"), format_named("bf16")])


def test_a_search_ranks_what_fits(ranked: Any) -> None:
    rates = [each.time.tokens_per_second for each in ranked.found]
    assert rates == sorted(rates, reverse=True)
    assert len(rates) > 20
    for each in ranked.found:
        gpu = each.configuration.gpu
        assert judge(each.configuration).share == pytest.approx(each.share)
        assert max(stage.peak for stage in memory(each.configuration)) <= MOST * gpu.memory
    assert {each.configuration.format.name for each in ranked.found} == {"nvfp4", "bf16"}


def test_the_profile_is_among_what_is_searched(ranked: Any) -> None:
    mine = four_b200(precision="nvfp4")
    same = [each for each in ranked.found if each.configuration == mine]
    assert len(same) == 1
    assert same[0].time.tokens_per_second == step_time(mine).tokens_per_second


def test_overrides_of_the_best_lead_to_its_configuration(ranked: Any, tmp_path: Path) -> None:
    """What is printed is taken by the recipe, and the recipe is then what was planned."""
    from tools.plan.from_request import configuration_of_recipe
    from tools.train import compose

    request = make_request("cpt", hardware="4xb200", precision="nvfp4", folder=tmp_path)
    base = configuration_of(request)
    by_optimizer = {each.configuration.layout.optimizer: each.configuration for each in reversed(ranked.found)}
    by_depth = {each.configuration.layout.pipeline_parallel: each.configuration for each in reversed(ranked.found)}
    for wanted in (*by_optimizer.values(), *by_depth.values()):
        wanted = dataclasses.replace(wanted, format=base.format)
        recipe = compose(request, overrides(wanted, request))
        assert configuration_of_recipe(request, recipe) == wanted


@pytest.mark.parametrize(("stage", "peft"), [("sft", None), ("sft", "lora"), ("cpt_fast", None)])
def test_a_plan_before_the_recipe_is_that_of_the_recipe(stage: str, peft: str | None, tmp_path: Path) -> None:
    """On GPUs several chats share a sequence."""
    from tools.plan.from_request import configuration_of_recipe
    from tools.train import compose

    request = make_request(stage, hardware="8xb200", peft=peft, folder=tmp_path, data=tmp_path)
    recipe = compose(request)
    assert configuration_of(request) == configuration_of_recipe(request, recipe)
    assert recipe.trainer.max_steps == make_plan(request, configuration_of(request)).steps


def test_a_search_for_packed_chats_keeps_one_sequence_a_micro_batch() -> None:
    values = json.loads(asked("sft", "--hardware", "8xb200", "--precision", "bf16", "--search", "--json"))
    assert values["layout"]["micro_batch_size"] == 1
    assert not any("micro_batch" in each for found in values["search"]["ranked"] for each in found["overrides"])


# budgets


@pytest.mark.parametrize(
    ("text", "hours", "money"),
    [("24h", 24, None), ("2.5 d", 60, None), ("2,000eur", None, 2000), ("10 hours", 10, None), ("500$", None, 500)],
)
def test_a_budget_is_hours_or_money(text: str, hours: float | None, money: float | None) -> None:
    budget = parse_budget(text)
    assert (budget.hours, budget.money) == (hours, money)


@pytest.mark.parametrize("text", ["", "24", "-3h", "0eur", "h", "1.2.3h", "2,5d", "five days"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write hours or money: 24h"):
        parse_budget(text)


def test_a_budget_buys_whole_steps_and_never_more_than_the_stage_has() -> None:
    request = make_request("cpt", hardware="4xb200")
    seconds = step_time(configuration_of(request)).seconds

    def bought(budget: str, price: float | None = None) -> Bought:
        plan = make_plan(request, configuration_of(request), price_per_gpu_hour=price)
        return buy(plan, parse_budget(budget))

    day = bought("24h", 4.0)
    assert day.steps == int(86400 / seconds)
    assert day.price == pytest.approx(4 * 4 * day.steps * seconds / 3600)
    money = bought(f"{day.price + 1:.2f}eur", 4.0)
    assert day.steps <= money.steps < 1.01 * day.steps
    assert bought("9999d").steps == 40_000
    with pytest.raises(UsageError, match="does not buy one step"):
        bought("0.001h")
    with pytest.raises(UsageError, match="a budget in money needs --price-per-gpu-hour"):
        bought("5eur")


def test_passes_over_a_text_follow_from_its_share() -> None:
    texts = Texts({"en": 1000, "pt": 100}, {"en": 0.75, "pt": 0.25})
    assert texts.epochs(4000) == {"en": 3.0, "pt": 10.0}
    assert texts.most_seen(4) == 1600
    assert texts.epochs(1600)["pt"] == 4


def test_texts_are_read_from_the_report_of_a_corpus(tmp_path: Path) -> None:
    report = {
        "runs": {"cpt": {"dataset": "train", "epochs": {"en": {"share": 0.98}, "replay": {"share": 0.02}}}},
        "languages": {"en": {"tokens": {"train": 500}}},
        "replay": {"share": 0.02, "tokens": 90},
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert read_texts(tmp_path, "cpt") == Texts({"en": 500, "replay": 90}, {"en": 0.98, "replay": 0.02})
    assert read_texts(tmp_path, "sft") is None
    with pytest.raises(UsageError, match="no report of `preprocess`"):
        read_texts(tmp_path, "cpt_fast")
    with pytest.raises(UsageError, match="no report of a corpus at"):
        read_texts(tmp_path / "none", "cpt")


# claims


def test_the_claims_made_before_can_not_be() -> None:
    found = claims()
    assert [claim.possible for claim in found] == [False] * 4
    assert "71 GB" in found[0].why
    # 100,000 tokens/s are 43 PFLOP/s, of 36 that four B200 have in NVFP4
    four = four_b200(precision="nvfp4")
    assert ceiling(four) < 36e15 / four.shape.training_flop(4096) < 100_000


# the command


def test_the_command_says_all_of_it() -> None:
    said = asked("--price-per-gpu-hour", "4", "--explain", "--claims")
    for word in ("cpt: llama33_70b, 70.55 B parameters, on 4 B200, nvfp4", "TP 2, PP 2, VP 5", "quantized weights"):
        assert word in said
    for word in (
        "tokens/s",
        "40,000 steps, 20.97 B tokens",
        "a GPU and hour",
        "verdict     tight",
        "[arXiv 2205.05198]",
    ):
        assert word in said
    assert said.count("not possible") == 4


def test_values_for_programs_are_those_of_the_text(tmp_path: Path) -> None:
    values = json.loads(asked("sft", "--peft", "lora", "--hardware", "8xh100", "--json", "--search", "--budget", "24h"))
    assert (values["gpu"], values["gpus"], values["tuning"], values["verdict"]) == ("h100", 8, "lora", FITS)
    peaks = [sum(part["bytes"] for part in stage["parts"]) for stage in values["stages"]]
    assert max(peaks) / 85.5e9 == pytest.approx(values["memory_share"], rel=0.01)
    assert [each["stage"] for each in values["budget"]] == ["cpt", "cpt_fast", "sft"]
    assert values["search"]["fit"] > 0


def test_what_does_not_fit_ends_with_1() -> None:
    assert "with LoRA" in asked("--hardware", "8xh100", status=1)


def test_a_page_shows_every_part(tmp_path: Path) -> None:
    asked("--hardware", "8xb200", "--html", str(tmp_path / "plan.html"))
    page = (tmp_path / "plan.html").read_text()
    for word in ("<svg", "quantized weights", "stage 3", "fragmentation", "stage 0"):
        assert word in page


def test_options_of_batch_and_layout_count_before_it_is_looked_at_whether_all_divides() -> None:
    asked("--hardware", "128x8xb200", "--global-batch", "2048")
    said = asked("--hardware", "512x8xh100", "--global-batch", "4096", "--search")
    assert "data.global_batch_size=4096" in said.splitlines()[-1]
    said = asked("--tp", "4", "--pp", "1", "--search", "--precision", "nvfp4")
    assert "tensor_model_parallel_size" not in said.splitlines()[-1]  # the best is the profile's own layout


def test_another_model_and_another_gpu_can_be_described(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(EIGHT_B))
    gpu = ("--hardware", "8xnew1", "--gpu-memory", "256", "--gpu-tflops", "bf16=1300,fp8=2600")
    said = asked("--shape", str(tmp_path), *gpu)
    assert "8.03 B parameters, on 8 NEW1, fp8-current" in said
    assert "of 256.0 GB a GPU" in said
    assert "assumed     new1 has the memory bandwidth, links and efficiency of an H100" in said
    assert "bf16, all parameters" in asked("--hardware", "8xnew1", "--gpu-memory", "256", "--gpu-tflops", "1300")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--hardware", "8xh10"], "Did you mean '8xh100'"),
        (["--tp", "3"], "does not divide its 4 devices"),
        (["--vp", "3", "--pp", "2", "--tp", "2"], "80 layers do not divide over 2 stages x 3 pieces"),
        (["--hardware", "8xnew", "--gpu-memory", "96"], "needs all three"),
        (["--hardware", "8xnew", "--gpu-memory", "-1", "--gpu-tflops", "900"], "--gpu-memory can't be -1"),
        (["--hardware", "8xnew", "--gpu-memory", "96", "--gpu-tflops", "fp8=900"], "--gpu-tflops can't be 'fp8=900'"),
        (["--hardware", "8xnew", "--gpu-memory", "96", "--gpu-tflops", "many"], "--gpu-tflops can't be 'many'"),
        (["--recompute", "all"], "unknown recompute 'all'"),
        (["--budget", "0h"], "a budget can't be '0h'"),
        (["--budget", "5eur"], "needs --price-per-gpu-hour"),
        (["pretrain"], "unknown stage 'pretrain'"),
        (["--shape", "nowhere"], "neither config.json nor a NeMo checkpoint"),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        CliRunner().invoke(app, ["plan", *arguments], catch_exceptions=False)


def test_a_cpu_is_planned_without_speed_and_not_searched(tiny: Tiny) -> None:
    on_a_cpu = ("--model", "tiny", "--hardware", "cpu", "--shape", str(tiny.hf))
    said = asked("sft", *on_a_cpu)
    assert "on 2 CPU processes, fp32" in said
    assert "a process for weights, gradients, states and activations" in said
    assert "tokens/s" not in said
    with pytest.raises(UsageError, match="ranks layouts over GPUs"):
        CliRunner().invoke(app, ["plan", *on_a_cpu, "--search"], catch_exceptions=False)


def test_a_format_of_unknown_speed_is_planned_without_it() -> None:
    request = make_request("cpt", hardware="4xb200", precision="nvfp4-emulated")
    plan = make_plan(request, configuration_of(request))
    assert plan.fits and plan.time is None and plan.hours is None
    assert "nothing is known of the speed of nvfp4-emulated on a GPU" in short(plan)
    assert "copies of the emulation" in {part.name for part in plan.stages[0].parts}


def test_fp32_that_does_not_fit_may_be_bf16() -> None:
    request = make_request("cpt", hardware="4xb200", peft="lora", precision="bf16")
    wanted = dataclasses.replace(configuration_of(request), format=format_named("fp32"))
    assert judge(wanted).word == TOO_LARGE
    assert all(change.tokens_per_second for change in changes(wanted, request))
    assert "precision bf16" in {change.about for change in changes(wanted, request, most=20)}
