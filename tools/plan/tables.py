"""What the command prints beside the plan: a search's ranking, what a budget buys, claims made before."""

from __future__ import annotations

from typing import Any

from recipes.request import Request
from tools.plan.bought import Bought, NotBought
from tools.plan.budget import FREE_EPOCHS, PRECEDENTS
from tools.plan.claims import Claim
from tools.plan.overrides import overrides
from tools.plan.search import MOST, Search
from tools.plan.text import count_of, layout_line


def search_text(search: Search, request: Request, most: int = 10) -> str:
    """Return the ranking of a search, and its best as overrides."""
    if not search.found:
        remedy = "take more GPUs" if request.adapters else "take more GPUs or --peft lora"
        return f"none of {search.tried:,} layouts takes at most {MOST:.0%} of the memory; {remedy}"
    head = f"{'tokens/s':>10} {'a GPU':>7} {'MFU':>5} {'memory':>7}  layout"
    lines = [
        f"{len(search.found):,} of {search.tried:,} layouts take at most {MOST:.0%} of the memory; the fastest:",
        head,
    ]
    for each in search.found[:most]:
        lines.append(
            f"{each.time.tokens_per_second:10,.0f} {each.time.tokens_per_second_per_gpu:7,.0f} {each.time.mfu:5.0%} "
            f"{each.share:7.0%}  {each.configuration.format.name}, {layout_line(each.configuration)}"
        )
    best = search.found[0].configuration
    given = [f"--precision {best.format.name}", *overrides(best, request)]
    lines.append(f"as options and overrides: {' '.join(given)}")
    return "\n".join(lines)


def search_values(search: Search, request: Request, most: int = 100) -> dict[str, Any]:
    """Return the ranking for programs."""
    return {
        "tried": search.tried,
        "fit": len(search.found),
        "ranked": [
            {
                "precision": each.configuration.format.name,
                "tokens_per_second": each.time.tokens_per_second,
                "mfu": each.time.mfu,
                "memory_share": each.share,
                "overrides": overrides(each.configuration, request),
            }
            for each in search.found[:most]
        ],
    }


def budget_text(bought: list[Bought | NotBought]) -> str:
    """Return what a budget buys of each stage."""
    lines = ["The budget buys, of each stage alone:"]
    for each in bought:
        name = each.stage.replace("_", "-")
        if isinstance(each, NotBought):
            lines.append(f"  {name:9} nothing: {each.why}")
            continue
        price = "" if each.price is None else f", {each.price:,.0f}"
        lines.append(
            f"  {name:9} {each.steps:,} of {each.wanted:,} steps ({each.share:.0%}), "
            f"{count_of(each.tokens)} tokens, {each.seconds / 3600:,.1f} hours{price}"
        )
        if each.memory_share > 1:
            lines.append(f"            but it does not fit: {each.memory_share:.0%} of a GPU's memory")
        if each.epochs:
            passes = ", ".join(f"{name} {count:.2f}" for name, count in each.epochs.items())
            lines.append(f"            passes over the text: {passes}")
    seen = ", ".join(f"{name} {tokens / 1e9:.0f} B" for name, tokens in PRECEDENTS.items())
    lines += [
        f"  Tokens that published continued pre-training saw: {seen}.",
        f"  Up to {FREE_EPOCHS} passes over a text are worth nearly as much as new text (arXiv 2305.16264, models "
        "trained from nothing).",
        "  Plan a shorter run as one (trainer.max_steps also ends the cosine): a long one cut off ends at a high rate.",
    ]
    return "\n".join(lines)


def claims_text(found: list[Claim]) -> str:
    """Return the claims, a line each."""
    lines = ["Claims made before, for four B200:"]
    lines += [f"  {'possible' if each.possible else 'not possible':12}  {each.said}: {each.why}" for each in found]
    return "\n".join(lines)
