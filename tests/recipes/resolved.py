"""Every recipe, resolved, as lines of text: what a change of a YAML file or of the code does to it shows in the diff.

    python -m tests.recipes.resolved          # write tests/recipes/resolved.yaml again, after a change that is meant

The first recipe stands whole; of the first of each stage and model, what differs from it; of the others, what differs
from that one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from preprocessing.errors import UsageError
from recipes.formats import AUTO, FORMATS
from recipes.request import Request, make_request
from recipes.settings import CONFIGS, STAGES

FILE = Path(__file__).with_suffix(".yaml")
FIRST = "4xb200"
_LONG = 200  # characters: a chat template says nothing here


def requests() -> Iterator[tuple[str, Request | str]]:
    """Yield a name and the request of every combination on GPUs (where one is refused: why)."""
    machines = sorted(path.stem for path in (CONFIGS / "hardware").glob("*.yaml") if path.stem not in (FIRST, "cpu"))
    for stage, model, hardware in product(STAGES, ("llama33_70b", "llama31_8b"), (FIRST, *machines)):
        for precision, peft in product((AUTO, *FORMATS), (None, "lora", "dora")):
            # all formats once, on the profile that the recipes are for
            if precision != AUTO and (hardware, model, stage, peft) != (FIRST, "llama33_70b", "cpt", None):
                continue
            name = f"{stage} {model} {hardware} {precision} {peft or 'full'}"
            choices = {"model": model, "hardware": hardware, "precision": precision, "peft": peft}
            try:
                yield name, make_request(stage, folder=Path("run"), **choices)
            except UsageError as error:
                yield name, f"refused: {error}"


def resolve(request: Request) -> dict[str, str]:
    """Return the values of the recipe of ``request`` by their dotted names."""
    from tools.train import compose

    return dict(_flat(compose(request), ""))


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if hasattr(value, "__fn_or_cls__"):
        yield name or "recipe", value.__fn_or_cls__.__qualname__
        for key, item in sorted(value.__arguments__.items()):
            yield from _flat(item, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(hasattr(item, "__fn_or_cls__") for item in value):
        for number, item in enumerate(value):
            yield from _flat(item, f"{name}[{number}]")
    else:
        text = value.__qualname__ if inspect.isfunction(value) else str(value)
        yield name, text if len(text) < _LONG else f"{len(text)} characters"


def resolved() -> dict[str, Any]:
    """Return what the file holds when nothing has changed."""
    found: dict[str, Any] = {}
    defaults: dict[str, dict[str, str]] = {}  # of each stage and model
    for name, request in requests():
        if isinstance(request, str):
            found[name] = request
            continue
        try:
            values = resolve(request)
        except UsageError as error:
            found[name] = f"refused: {error}"
            continue
        kind = f"{request.stage_name} {request.model.name}"
        nearest = defaults.get(kind) or next(iter(defaults.values()), {})
        defaults.setdefault(kind, values)
        changes = {key: value for key, value in values.items() if nearest.get(key) != value}
        found[name] = changes | dict.fromkeys(sorted(nearest.keys() - values.keys()), "(not set)")
    return found


def main() -> None:
    """Write the file."""
    FILE.write_text(yaml.safe_dump(resolved(), width=120, sort_keys=False, allow_unicode=True), encoding="utf-8")


if __name__ == "__main__":
    main()
