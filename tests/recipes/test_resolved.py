"""A guard on every resolved recipe: numbers change on purpose or not at all."""

from __future__ import annotations

import pytest
import yaml

from tests.recipes.resolved import FILE, resolved

pytestmark = pytest.mark.usefixtures("nemo_on_cpu")


def test_every_recipe_resolves_to_what_it_did() -> None:
    before, now = yaml.safe_load(FILE.read_text(encoding="utf-8")), resolved()
    assert now.keys() == before.keys(), "the combinations have changed: python -m tests.recipes.resolved"
    changed = [
        f"{name}: {key} was {before[name].get(key)}, is {now[name].get(key)}"
        for name in now
        if isinstance(now[name], dict) and isinstance(before[name], dict)
        for key in sorted(now[name].keys() | before[name].keys())
        if now[name].get(key) != before[name].get(key)
    ]
    changed += [f"{name}: {now[name]}" for name in now if isinstance(now[name], str) and now[name] != before[name]]
    assert not changed, "\n".join(
        ["recipes have changed; if that is meant: python -m tests.recipes.resolved", *changed[:40]]
    )
