"""NeMo-Run's dotted overrides (``trainer.max_steps=100 optim.config.lr=1e-5``) on a recipe, with errors that help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any

import nemo_run as run
from nemo_run.cli.cli_parser import CLIException, parse_cli_args

from preprocessing.errors import UsageError, did_you_mean


def apply(recipe: run.Partial, overrides: Sequence[str]) -> run.Partial:
    """Set each ``path.to.value=...`` of ``overrides`` in ``recipe``, by NeMo-Run's own parser.

    Raises:
        UsageError: it is no assignment, names something that is not there, or its value has the wrong type.
    """
    for override in overrides:
        if override.startswith("-"):
            raise UsageError(f"unknown option '{override}'; options come before overrides, and --help lists them")
        key, assignment, _ = override.partition("=")
        if not assignment or not key:
            raise UsageError(f"'{override}' is not an override; they look like trainer.max_steps=100")
        _check_path(recipe, key.rstrip("+-*/|& ").strip())
        try:
            recipe = parse_cli_args(recipe, [override], run.Partial)
        except CLIException as error:
            # what follows is the whole recipe
            reason = re.split(r" exists for <| \(Argument", str(error))[0]
            raise UsageError(f"can't set {override}: {reason}") from error
    return recipe


def _check_path(recipe: run.Partial, path: str) -> None:
    """Follow ``path`` through the recipe and stop at the first name that is not there."""
    value: Any = recipe
    parts = path.split(".")
    for depth, part in enumerate(parts):
        name = part.split("[")[0]
        known = known_names(value)
        if known is not None and name not in known:
            where = ".".join(parts[:depth]) or "the recipe"
            raise UsageError(f"{where} has no '{name}'.{did_you_mean(name, known)}")
        if depth + 1 < len(parts):
            value = getattr(value, name, None)
            if isinstance(value, list):
                value = _member(value, part, ".".join([*parts[:depth], name]))
            if value is None:
                raise UsageError(f"{'.'.join(parts[: depth + 1])} is not set in this recipe, so nothing in it can be")


def _member(members: list[Any], part: str, where: str) -> Any:
    """Follow ``name[2]`` into its list."""
    found = re.fullmatch(r"\w+\[(\d+)\]", part)
    if not found or int(found.group(1)) >= len(members):
        raise UsageError(f"{where} is a list; name one of its members, {where}[0] to {where}[{len(members) - 1}]")
    return members[int(found.group(1))]


def known_names(value: Any) -> list[str] | None:
    """Names that can be set on a part of a recipe; None where anything may be."""
    if not isinstance(value, (run.Config, run.Partial)):
        return None
    target = value.__fn_or_cls__
    parameters = inspect.signature(target).parameters
    names = [name for name, parameter in parameters.items() if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    # a class that takes **kwargs hands them on to its parents: their names count as well
    if len(names) < len(parameters) and inspect.isclass(target):
        for parent in target.__mro__[1:]:
            if "__init__" in vars(parent) and parent is not object:
                names += [name for name in inspect.signature(parent).parameters if name not in ("args", "kwargs")]
    return [name for name in names if name not in ("self", "args")]
