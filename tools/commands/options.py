"""Options that several commands share, and how a result is shown."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from preprocessing.processors import processors

ALL_LANGUAGES = "en,fr,de,es,pt"
WORKERS = processors()

Inputs = Annotated[list[Path], typer.Argument(help="FORMEX files, folders or zips.", show_default=False)]
Languages = Annotated[str, typer.Option(help="Comma-separated: en, fr, de, es, pt.")]
Workers = Annotated[int, typer.Option(help="Processes.", show_default="all cores")]
Seed = Annotated[int, typer.Option(help="Same seed, same bytes.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that is there.")]
Corpus = Annotated[Path, typer.Option(help="Output folder of `preprocess`.")]


def options_given(context: typer.Context, *without: str) -> list[str]:
    """Return the arguments of the running command as they were given, but for the parameters ``without``.

    For a command that is to run once more somewhere else.
    """
    options: list[str] = []
    arguments: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        value = context.params.get(name)
        source = context.get_parameter_source(name)
        if name in without or value is None or source is None or source.name != "COMMANDLINE":
            continue
        values = value if isinstance(value, (list, tuple)) else [value]
        if parameter.param_type_name == "argument":
            arguments += [str(item) for item in values]
        elif isinstance(value, bool):
            options.append((parameter.opts if value else parameter.secondary_opts)[0])
        else:
            options += [text for item in values for text in (parameter.opts[0], str(item))]
    return [*options, *arguments]


def print_result(summary: Any, as_json: bool) -> None:
    """Print a command's result: its text for people, or its values for programs.

    JSON has no NaN and no infinity: a loss that is one is null there.
    """
    if as_json:
        print(json.dumps(_finite(summary.to_dict()), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print(summary.text())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
