"""The errors a person is meant to read: one sentence that names the thing and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RecipeError(Exception):
    """The work failed, or nothing usable came out (exit status 1).

    The message is shown to the user as it is, without a traceback.
    """

    exit_status = 1


class UsageError(RecipeError):
    """The command was asked for something that does not exist or does not fit together (exit status 2)."""

    exit_status = 2


class StoppedError(RecipeError):
    """The work was asked to stop and did so, with all that is needed to go on (exit status 75: try again)."""

    exit_status = 75


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest of ``known``, or all of ``known`` when none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f" Did you mean '{near[0]}'?"
    return f" Known: {', '.join(names)}."
