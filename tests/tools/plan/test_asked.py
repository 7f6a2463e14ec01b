"""What the options of `plan` lead to: layouts that divide, changes as they are typed, budgets, searches."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from launch import app
from preprocessing.errors import UsageError
from recipes.disk import most_at_once
from recipes.formats import FORMATS
from recipes.request import Request, make_request
from tests.recipes.tiny import Tiny
from tools.plan.activations import kept
from tools.plan.coefficients import known
from tools.plan.from_request import configuration_of
from tools.plan.overrides import as_asked, typed
from tools.plan.search import MOST, search
from tools.plan.verdict import Change, changes, judge

EIGHT_B = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}


def asked(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["plan", *arguments])
    assert result.exit_code == status, result.output
    return result.output


def refused(*arguments: str) -> str:
    with pytest.raises(UsageError) as error:
        CliRunner().invoke(app, ["plan", *arguments], catch_exceptions=False)
    return str(error.value)


@pytest.fixture
def eight_b(tmp_path: Path) -> str:
    path = tmp_path / "8B.json"
    path.write_text(json.dumps(EIGHT_B))
    return str(path)


# layouts that divide


def test_the_layout_of_the_profile_is_adapted_to_another_model_and_that_is_said(eight_b: str) -> None:
    said = asked("--shape", eight_b)
    assert "TP 2, PP 2, VP 4," in said  # 32 layers do not divide into 2 x 5 pieces
    assert "adapted     the profile's layout, to the nearest that divides: 32 layers do not divide over 2" in said
    assert said.startswith(f"cpt: {eight_b}, 8.03 B parameters")
    assert json.loads(asked("--shape", eight_b, "--json"))["model"] == eight_b


@pytest.mark.parametrize("hardware", ["4xb200", "128x8xb200"])
def test_a_search_does_not_need_the_layout_of_the_profile_to_divide(hardware: str, eight_b: str) -> None:
    for shape in ([], ["--shape", eight_b]):
        values = json.loads(asked("--hardware", hardware, *shape, "--search", "--json"))
        assert values["search"]["fit"] > 20


def test_a_search_adapts_the_layout_to_more_gpus_than_a_batch_has_sequences() -> None:
    assert json.loads(asked("--hardware", "512x8xh100", "--search", "--json"))["layout"]["micro_batches"] == 1


def test_a_layout_that_does_not_divide_is_refused_with_what_would_do() -> None:
    sentence = refused("--hardware", "128x8xb200")
    assert "1 micro-batches a step must be a multiple of the 4 pipeline stages" in sentence
    assert "What would do: plan cpt --global-batch 512, or plan cpt --search" in sentence
    asked("--hardware", "128x8xb200", "--global-batch", "512")


@pytest.mark.parametrize("more", [[], ["--search"]])
def test_options_that_do_not_divide_stay_refused(more: list[str], eight_b: str) -> None:
    assert "does not divide its 4 devices" in refused("--tp", "3", *more)
    assert "32 layers do not divide" in refused("--shape", eight_b, "--pp", "2", "--vp", "5", *more)
    assert "virtual pipeline pieces need at least 2 pipeline stages" in refused("--pp", "1", "--vp", "4", *more)


def test_one_pipeline_stage_has_no_pieces_unless_these_are_asked_for() -> None:
    assert json.loads(asked("--tp", "4", "--pp", "1", "--json"))["layout"]["virtual_pipeline"] is None


# changes


def trained_by(arguments: list[str], request: Request) -> tuple[Request, list[str]]:
    """What a training command makes of ``arguments`` beside those of ``request``: its request, and its overrides."""
    options = {
        "hardware": request.hardware.name,
        "precision": request.format.name,
        "peft": request.adapters and request.adapters.name,
    }
    rest = list(arguments)
    while rest and rest[0].startswith("--"):
        name, value, *rest = rest
        options[name.removeprefix("--")] = value
    folders = {"data": request.data, "folder": request.folder}
    return make_request(request.stage_name, model=request.model.name, **folders, **options), rest


def found_changes(request: Request, **layout: Any) -> list[Change]:
    base = configuration_of(request)
    base = dataclasses.replace(base, layout=dataclasses.replace(base.layout, **layout))
    found = changes(base, request, most=100)
    assert found
    return found


def test_lora_among_the_changes_is_what_peft_lora_gives() -> None:
    for hardware, stage in (("8xh100", "cpt"), ("8xh100", "sft")):
        request = make_request(stage, hardware=hardware)
        lora = next(change for change in found_changes(request) if change.about == "LoRA")
        assert lora.configuration == configuration_of(make_request(stage, hardware=hardware, peft="lora"))
        assert typed(lora.configuration, request) == ["--peft", "lora"]


def test_lora_keeps_the_layout_that_was_asked_for() -> None:
    request = make_request("cpt", hardware="8xb200", precision="bf16")
    found = found_changes(request, tensor_parallel=4, pipeline_parallel=1, virtual_pipeline=None, optimizer="adam")
    lora = next(change for change in found if change.about == "LoRA")
    layout = lora.configuration.layout
    assert (layout.tensor_parallel, layout.pipeline_parallel, layout.optimizer) == (4, 1, "adam")


def test_more_nodes_and_another_precision_are_typed_as_options() -> None:
    request = make_request("cpt", hardware="4xb200", precision="nvfp4")
    about = {
        change.about: typed(change.configuration, request)
        for change in found_changes(request, optimizer="precision-aware-bf16")
    }
    assert about["2 nodes"][:2] == ["--hardware", "2x4xb200"]
    assert about["precision bf16"][:2] == ["--precision", "bf16"]


def test_every_change_leads_to_what_was_planned(tmp_path: Path) -> None:
    """The options and overrides that are printed, given to the recipe."""
    from tools.plan.from_request import configuration_of_recipe
    from tools.train import compose

    tried: set[str] = set()
    for hardware, stage, layout in (
        ("8xh100", "cpt", {}),
        ("8xh100", "sft", {"recompute": "none"}),
        ("4xb200", "cpt", {"optimizer": "precision-aware-bf16"}),
    ):
        request = make_request(stage, hardware=hardware, folder=tmp_path, data=tmp_path)
        for change in found_changes(request, **layout):
            asked_for, overrides = trained_by(typed(change.configuration, request), request)
            assert as_asked(change.configuration, request).layout == asked_for.layout
            if change.about not in tried:
                tried.add(change.about)
                assert configuration_of_recipe(asked_for, compose(asked_for, overrides)) == change.configuration
    assert {"LoRA", "2 nodes"} <= tried


# search


def test_what_a_search_offers_fits_on_every_stage() -> None:
    """Stages between the first and the last may take most: they have layers that a format quantizes."""
    base = configuration_of(make_request("cpt", hardware="16x8xb200"))
    between = 0
    for each in search(base).found:
        verdict = judge(each.configuration)
        assert verdict.share == pytest.approx(each.share)
        assert verdict.share <= MOST
        between += 0 < verdict.stage.number < each.configuration.layout.pipeline_parallel - 1
    assert between


@pytest.mark.parametrize("peft", [None, "lora", "dora"])
def test_selective_recomputation_which_a_search_does_not_try_saves_nothing(peft: str | None) -> None:
    """In no format whose speed is known: their attention is fused, and keeps no scores."""
    base = configuration_of(make_request("cpt", hardware="4xb200", precision="bf16", peft=peft))
    for form in (form for form in FORMATS.values() if known(form)):
        none, selective = (
            dataclasses.replace(base, format=form, layout=dataclasses.replace(base.layout, recompute=how))
            for how in ("none", "selective")
        )
        assert kept(selective) >= kept(none)


def test_adapters_of_a_model_in_pieces_are_neither_planned_nor_searched() -> None:
    """NeMo would not save them."""
    assert "saves no adapters of a model in virtual pipeline pieces" in refused(
        "--peft", "lora", "--pp", "2", "--vp", "5"
    )
    found = search(configuration_of(make_request("cpt", hardware="4xb200", peft="lora", precision="bf16"))).found
    assert {each.configuration.virtual for each in found} == {1}


def test_a_search_that_finds_nothing_ends_with_1_and_does_not_offer_what_was_given() -> None:
    assert "take more GPUs or --peft lora" in asked("--hardware", "1xh200", "--search", status=1)
    said = asked("--hardware", "1xh100", "--peft", "lora", "--search", status=1)
    assert "take more GPUs" in said and "--peft lora" not in said


# budgets


def test_a_budget_is_for_the_layout_and_the_steps_that_are_planned() -> None:
    options = ["--recompute", "none", "--precision", "bf16", "--tp", "4", "--pp", "1", "--steps", "50"]
    values = json.loads(asked(*options, "--budget", "9999h", "--json"))
    cpt, fast, _ = values["budget"]
    assert (cpt["steps"], cpt["wanted"], cpt["tokens"]) == (50, 50, values["tokens"])
    assert cpt["seconds"] / 3600 == pytest.approx(values["hours"])
    # the layout counts for the others, too; the steps do not
    alone = json.loads(asked("cpt-fast", *options[:-2], "--json"))
    assert fast["wanted"] == alone["steps"]
    assert fast["seconds"] / fast["steps"] == pytest.approx(alone["step_seconds"])


def test_a_stage_that_can_not_be_laid_out_is_said_so_on_its_line() -> None:
    said = asked("--hardware", "128x8xb200", "--global-batch", "2048", "--budget", "24h")
    assert "  cpt-fast  nothing: this layout can't be: 1 micro-batches" in said
    assert "plan cpt-fast --global-batch 512" in said


def test_a_budget_says_what_does_not_fit() -> None:
    assert "but it does not fit: 127% of a GPU's memory" in asked("--hardware", "8xh100", "--budget", "24h", status=1)
    assert "but it does not fit" not in asked("--hardware", "8xb200", "--budget", "24h")


# what is said of steps, disk and texts


def test_the_disk_holds_no_more_checkpoints_than_the_run_makes() -> None:
    assert [most_at_once(steps, 1000, 3) for steps in (500, 1000, 1001, 40_000)] == [1, 1, 2, 5]
    assert most_at_once(40_000, 1000, -1) == 40
    assert "863.6 GB for the one that the run makes" in asked("--steps", "500")
    assert "4.3 TB for the newest 3, the best and the one being written" in asked()


def test_steps_and_tokens_are_said_where_the_speed_is_not_known(tiny: Tiny) -> None:
    assert "40,000 steps, 20.97 B tokens\n" in asked("--precision", "nvfp4-emulated")
    values = json.loads(asked("--model", "tiny", "--shape", str(tiny.hf), "--json"))
    said = asked("--model", "tiny", "--shape", str(tiny.hf))
    assert f"{values['steps']:,} steps, {values['tokens'] / 1e6:.2f} M tokens\n" in said


def test_epochs_are_fewer_steps_in_larger_batches() -> None:
    base, twice = (
        json.loads(asked("sft", "--hardware", "8xb200", *options, "--json"))
        for options in ([], ["--global-batch", "32"])
    )
    assert twice["steps"] == pytest.approx(base["steps"] / 2, abs=1)
    assert twice["tokens"] == pytest.approx(base["tokens"], rel=0.001)


def test_sft_reads_nothing_of_a_corpus_but_the_path_must_be_there(tmp_path: Path) -> None:
    assert "sft reads chats, and nothing of the corpus" in asked("sft", "--corpus", str(tmp_path))
    assert "no corpus at" in refused("sft", "--corpus", str(tmp_path / "nowhere"))
