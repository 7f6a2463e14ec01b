"""The plan at the start of a training command: shown, and a refusal where it can't fit."""

from __future__ import annotations

import sys
from typing import Any

from preprocessing.errors import UsageError
from recipes.checkpoints import is_checkpoint
from recipes.request import Request
from tools.plan.from_request import configuration_of, configuration_of_recipe
from tools.plan.overrides import typed_text
from tools.plan.plan import Plan, make_plan
from tools.plan.text import reason, short


def require_fit(request: Request, recipe: Any | None, *, force: bool) -> Plan | None:
    """Print the plan of ``recipe`` (a ``run.Partial``; None: as ``request`` has it) and return it.

    None, with a note, where the checkpoint is not on this machine and nothing else says how large its model is.

    Raises:
        UsageError: it does not fit, and ``force`` is not given; with what would fit.
    """
    if recipe is None and request.model.shape is None and not is_checkpoint(request.checkpoint):
        print("note: the plan is made where the checkpoint is", file=sys.stderr)
        return None
    if recipe is None:
        plan = make_plan(request, configuration_of(request))
    else:
        plan = make_plan(request, configuration_of_recipe(request, recipe), steps=int(recipe.trainer.max_steps))
    print(short(plan), file=sys.stderr)
    if not plan.fits and not force:
        raise UsageError(refusal(plan))
    return plan


def refusal(plan: Plan) -> str:
    """Say why the plan does not fit and what would, in a sentence and a line a change."""
    fullest = plan.fullest
    lines = [
        f"this does not fit: {reason(plan)}. --force starts it all the same; what would fit, in place of "
        "overrides of the layout:"
    ]
    for change in fullest.changes:
        lines.append(f"  {change.about}: {typed_text(change.configuration, fullest.request)}")
    if not fullest.changes:
        lines.append("  more or larger GPUs (python launch.py plan --search --hardware ...)")
    return "\n".join(lines)
