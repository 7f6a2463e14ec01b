"""``launch.py plan``: from its options to what it prints."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.errors import UsageError
from recipes.formats import AUTO
from recipes.gpus import Gpu
from recipes.request import Request, make_request, packed
from recipes.settings import STAGES
from recipes.shape import Shape, read_shape
from tools.plan import text
from tools.plan.budget import Bought, buy, parse_budget, read_texts
from tools.plan.calibrate import Calibration, calibrate
from tools.plan.claims import Claim, claims
from tools.plan.coefficients import able
from tools.plan.configuration import Configuration
from tools.plan.from_request import configuration_of
from tools.plan.machines import machine, precision
from tools.plan.page import write_page
from tools.plan.plan import Plan, make_plan, time_of
from tools.plan.search import MICRO_BATCHES, Search, search


@dataclass(frozen=True)
class Asked:
    """The command's options; of ``layout`` and ``batches`` those that are None stay as the profile has them."""

    stage: str
    model: str
    shape: Path | None
    hardware: str | None
    precision: str
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
    bought: list[Bought] | None
    claims: list[Claim] | None
    notes: list[str]

    @property
    def exit_status(self) -> int:
        """1 where the plan does not fit (a search answers what would)."""
        return 0 if self.plan.fits or self.search else 1

    def text(self) -> str:
        """For people."""
        parts = [text.text(self.plan, self.explain), *self.notes]
        if self.search:
            parts += ["", text.search_text(self.search, self.plan.request)]
        if self.bought:
            parts += ["", text.budget_text(self.bought)]
        if self.claims:
            parts += ["", text.claims_text(self.claims)]
        return "\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        found = text.values(self.plan)
        found["notes"] = self.notes
        if self.search:
            found["search"] = text.search_values(self.search, self.plan.request)
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
    configuration = _configuration(asked, request, shape, gpu)
    calibration = calibrate(asked.calibrate) if asked.calibrate else None
    if calibration:
        notes.append(f"  calibrated  {calibration}")
    texts = read_texts(asked.corpus, stage) if asked.corpus else None
    made = make_plan(
        request,
        configuration,
        steps=asked.steps,
        price_per_gpu_hour=asked.price_per_gpu_hour,
        texts=texts,
        calibration=calibration,
    )
    answer = Answer(
        plan=made,
        explain=asked.explain,
        search=_search(asked, request, configuration, calibration) if asked.search else None,
        bought=_bought(asked, hardware, shape, gpu, calibration) if asked.budget else None,
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
        peft=asked.peft,
        config=asked.config if stage == asked.stage.replace("-", "_") else None,
    )


def _configuration(asked: Asked, request: Request, shape: Shape | None, gpu: Gpu | None) -> Configuration:
    """The request's, with what the options change; only then is it looked at whether it divides."""
    layout = {name: value for name, value in asked.layout.items() if value is not None}
    if layout.get("tensor_parallel", request.layout.tensor_parallel) == 1:
        layout["sequence_parallel"] = False
    elif "tensor_parallel" in layout:
        layout["sequence_parallel"] = request.hardware.gpu
    if layout.get("virtual_pipeline") == 1 or layout.get("pipeline_parallel") == 1:
        layout["virtual_pipeline"] = None
    batches = {name: value for name, value in asked.batches.items() if value is not None}
    return configuration_of(request, shape, gpu, dataclasses.replace(request.layout, **layout), **batches)


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
    asked: Asked, hardware: str | None, shape: Shape | None, gpu: Gpu | None, calibration: Calibration | None
) -> list[Bought]:
    assert asked.budget is not None
    budget = parse_budget(asked.budget)
    found = []
    for stage in STAGES:
        request = _request(asked, stage, hardware, gpu)
        seconds = time_of(configuration_of(request, shape, gpu), calibration).seconds
        texts = read_texts(asked.corpus, stage) if asked.corpus else None
        found.append(buy(request, budget, seconds, asked.price_per_gpu_hour, texts))
    return found
