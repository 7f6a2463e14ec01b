"""``launch.py plan``: from its options to what it prints."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError
from recipes.formats import AUTO
from recipes.gpus import Gpu
from recipes.hardware import Layout
from recipes.request import Request, make_request, packed
from recipes.settings import STAGES
from recipes.shape import Shape, read_shape
from tools.plan import tables, text
from tools.plan.bought import Bought, NotBought, buy
from tools.plan.budget import Texts, parse_budget, read_texts
from tools.plan.calibrate import Calibration, calibrate
from tools.plan.claims import Claim, claims
from tools.plan.coefficients import able
from tools.plan.configuration import Configuration
from tools.plan.dividing import nearest
from tools.plan.from_request import configuration_of, shape_of_request
from tools.plan.machines import machine, precision
from tools.plan.page import write_page
from tools.plan.plan import Plan, make_plan
from tools.plan.search import MICRO_BATCHES, Search, search


@dataclass(frozen=True)
class Asked:
    """The command's options; of ``layout`` and ``batches`` those that are None stay as the profile has them."""

    stage: str
    model: str
    shape: Path | None
    hardware: str | None
    precision: str
    final_precision: str | None
    peft: str | None
    config: Path | None
    layout: dict[str, Any]
    batches: dict[str, Any]
    steps: int | None
    price_per_gpu_hour: float | None
    budget: str | None
    corpus: Path | None
    calibrate: Path | None
    gpu_memory: float | None
    gpu_tflops: str | None
    search: bool
    explain: bool
    claims: bool
    html: Path | None


@dataclass(frozen=True)
class Answer:
    """What the command prints."""

    plan: Plan
    explain: bool
    search: Search | None
    bought: list[Bought | NotBought] | None
    claims: list[Claim] | None
    notes: list[str]

    @property
    def exit_status(self) -> int:
        """1 where the plan does not fit, nor anything that was searched."""
        return 0 if self.plan.fits or (self.search and self.search.found) else 1

    def text(self) -> str:
        """For people."""
        parts = [text.text(self.plan, self.explain), *self.notes]
        if self.search:
            parts += ["", tables.search_text(self.search, self.plan.request)]
        if self.bought:
            parts += ["", tables.budget_text(self.bought)]
        if self.claims:
            parts += ["", tables.claims_text(self.claims)]
        return "\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        found = text.values(self.plan)
        found["notes"] = self.notes
        if self.search:
            found["search"] = tables.search_values(self.search, self.plan.request)
        if self.bought:
            found["budget"] = [vars(each) for each in self.bought]
        if self.claims:
            found["claims"] = [vars(each) for each in self.claims]
        return found


def run_plan(asked: Asked) -> Answer:
    """Plan what is asked for.

    Raises:
        UsageError: a name, number, file or layout is wrong; one sentence.
    """
    notes: list[str] = []
    hardware, gpu = machine(asked.hardware, asked.gpu_memory, asked.gpu_tflops, notes)
    shape = read_shape(asked.shape) if asked.shape else None
    stage = asked.stage.replace("-", "_")
    request = _request(asked, stage, hardware, gpu)
    configuration = _configuration(asked, request, shape, gpu, notes)
    calibration = calibrate(asked.calibrate) if asked.calibrate else None
    if calibration:
        notes.append(f"  calibrated  {calibration}")
    made = make_plan(
        request,
        configuration,
        model=str(asked.shape) if asked.shape else None,
        steps=asked.steps,
        price_per_gpu_hour=asked.price_per_gpu_hour,
        texts=_texts(asked, stage, notes),
        calibration=calibration,
    )
    answer = Answer(
        plan=made,
        explain=asked.explain,
        search=_search(asked, request, configuration, calibration) if asked.search else None,
        bought=_bought(asked, made, shape, gpu, calibration) if asked.budget else None,
        claims=claims() if asked.claims else None,
        notes=notes,
    )
    if asked.html:
        write_page(asked.html, answer.text(), made)
        notes.append(f"  page        {asked.html}")
    return answer


def _request(asked: Asked, stage: str, hardware: str | None, gpu: Gpu | None) -> Request:
    return make_request(
        stage,
        model=asked.model,
        hardware=hardware,
        precision=precision(asked.precision, gpu),
        final_precision=asked.final_precision,
        peft=asked.peft,
        config=asked.config if stage == asked.stage.replace("-", "_") else None,
    )


def _configuration(
    asked: Asked, request: Request, shape: Shape | None, gpu: Gpu | None, notes: list[str]
) -> Configuration:
    """The request's, with what the options change; only then is it looked at whether it divides.

    The profile's layout of another model, or as the start of a search, is brought to the nearest that divides.
    """
    layout = {name: value for name, value in asked.layout.items() if value is not None}
    free = {"virtual_pipeline", "pipeline_parallel", "tensor_parallel", "context_parallel"} - set(layout)
    if layout.get("tensor_parallel", request.layout.tensor_parallel) == 1:
        layout["sequence_parallel"] = False
    elif "tensor_parallel" in layout:
        layout["sequence_parallel"] = request.hardware.gpu
    if layout.get("virtual_pipeline") == 1 or (
        layout.get("pipeline_parallel") == 1 and "virtual_pipeline" not in layout
    ):
        layout["virtual_pipeline"] = None
    wanted = dataclasses.replace(request.layout, **layout)
    batches = {name: value for name, value in asked.batches.items() if value is not None}

    def lay_out(layout: Layout, **other: int) -> Configuration:
        return configuration_of(request, shape, gpu, layout, **{**batches, **other})

    try:
        return lay_out(wanted)
    except UsageError as error:
        of = shape or shape_of_request(request)
        found = nearest(lay_out, wanted, free, of, request.hardware.devices)
        if found and (asked.shape or asked.search):
            reason = str(error).removeprefix("this layout can't be: ")
            notes.append(f"  adapted     the profile's layout, to the nearest that divides: {reason}")
            return found
        remedies = ["--search"] if found else []
        if batch := _dividing_batch(lay_out, wanted, request, **batches):
            remedies.insert(0, f"--global-batch {batch}")
        command = f"plan {request.stage_name.replace('_', '-')}"
        would = ". What would do: " + ", or ".join(f"{command} {remedy}" for remedy in remedies)
        raise UsageError(f"{error}{would if remedies else ''}") from None


def _dividing_batch(
    lay_out: Callable[..., Configuration], layout: Layout, request: Request, **given: int
) -> int | None:
    """Return the next batch with which ``layout`` divides; None where it is not the batch that is at fault."""
    stage = packed(request).stage
    copies = max(1, request.hardware.world_size // layout.model_parallel)
    unit = given.get("micro_batch_size", stage.micro_batch_size) * copies
    if layout.virtual_pipeline:
        unit *= layout.pipeline_parallel
    batch = -(-given.get("global_batch_size", stage.global_batch_size) // unit) * unit
    try:
        lay_out(layout, global_batch_size=batch)
    except UsageError:
        return None
    return batch


def _search(asked: Asked, request: Request, configuration: Configuration, calibration: Calibration | None) -> Search:
    if configuration.gpu is None:
        raise UsageError("--search ranks layouts over GPUs; name some with --hardware 4xb200")
    formats = able(configuration.gpu) if asked.precision == AUTO else [configuration.format]
    # sequences of several chats go one at a time
    micro_batches = MICRO_BATCHES if packed(request) == request else (1,)
    ranked = search(configuration, formats, micro_batches)
    if calibration is None:
        return ranked
    return Search([dataclasses.replace(each, time=calibration.apply(each.time)) for each in ranked.found], ranked.tried)


def _bought(
    asked: Asked, made: Plan, shape: Shape | None, gpu: Gpu | None, calibration: Calibration | None
) -> list[Bought | NotBought]:
    """What the budget buys of each stage. Batches, steps and ``--config`` are those of the stage that is asked for."""
    assert asked.budget is not None
    budget = parse_budget(asked.budget)
    found: list[Bought | NotBought] = []
    for stage in STAGES:
        if stage == made.request.stage_name:
            found.append(buy(made, budget, calibration))
            continue
        try:
            request = _request(asked, stage, made.request.hardware.name, gpu)
            plan = make_plan(
                request,
                _configuration(dataclasses.replace(asked, batches={}), request, shape, gpu, []),
                price_per_gpu_hour=asked.price_per_gpu_hour,
                texts=_texts(asked, stage, []),
                calibration=calibration,
                look_for_changes=False,
            )
            found.append(buy(plan, budget, calibration))
        except UsageError as error:
            found.append(NotBought(stage, str(error)))
    return found


def _texts(asked: Asked, stage: str, notes: list[str]) -> Texts | None:
    """What ``stage`` reads of the corpus: nothing, where it reads chats."""
    if asked.corpus is None:
        return None
    if not asked.corpus.exists():
        raise UsageError(f"no corpus at {asked.corpus}; make it with: python launch.py preprocess")
    texts = read_texts(asked.corpus, stage)
    if texts is None:
        notes.append(f"  epochs      {stage} reads chats, and nothing of the corpus")
    return texts
