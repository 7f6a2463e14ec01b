"""What looks around: the machine, the whole job in small, a run, a citation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tools.commands.options import Json, print_result


def doctor(as_json: Json = False) -> None:
    """Say what this machine has, what that switches on, and how to get the rest."""
    from tools.doctor import doctor as examine

    report = examine()
    print_result(report, as_json)
    raise typer.Exit(report.exit_status)


def report(
    run: Annotated[Path, typer.Argument(help="A run's folder, finished or killed.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Write run_report.html and .json into a run's folder: its curves, settings, throughput and alerts.

    A run writes them itself when it ends; this is for one that was killed, or is still running.
    """
    import json

    from recipes.monitoring.report import HTML, write_report

    made = write_report(run)
    if as_json:
        print(json.dumps(made, ensure_ascii=False, indent=2))
    else:
        print(run / HTML)


def quickstart(
    output: Annotated[
        Path | None, typer.Option(help="Everything it makes.", show_default="runs/quickstart, with --formex -NAME")
    ] = None,
    formex: Annotated[Path | None, typer.Option(help="Real FORMEX instead of the invented sample.")] = None,
    celex: Annotated[
        str | None, typer.Option(help="The act that the test set asks about.", show_default="chosen")
    ] = None,
    as_json: Json = False,
) -> None:
    """Do the whole job, small, on this machine's CPU, through the real libraries (under 6 minutes on 2 cores)."""
    from tools.quickstart import quickstart as run

    # a folder for each input, so that one does not get in the way of the other
    output = output or Path("runs") / ("quickstart" if formex is None else f"quickstart-{formex.resolve().stem}")
    print_result(run(output, formex=formex, celex=celex), as_json)


def cite(
    words: Annotated[list[str], typer.Argument(metavar="CITATION", help="What to look up.", show_default=False)],
    corpus: Annotated[Path, typer.Option(help="Output folder of `preprocess`.")] = Path("data/corpus"),
    language: Annotated[str | None, typer.Option(help="en, fr, de, es, pt.", show_default="that of the words")] = None,
    as_json: Json = False,
) -> None:
    """Look a citation up in the corpus: does it exist, and what does it say?

    CITATION is as lawyers write it in any of the five languages: articles, lists and ranges of them, acts by number, by
    CELEX or by short name. Exit status: 0 found, 1 not (a sentence says what is missing).

    Examples:

    python launch.py cite "Article 17 GDPR"

    python launch.py cite "artigo 17.º do RGPD" --corpus data/corpus

    python launch.py cite "Articles 15 to 18, Regulation (CELEX: 32016R0679)" --language de

    python launch.py cite 32016R0679 --json
    """
    from tools.cite import cite as look_up

    report = look_up(" ".join(words), corpus, language)
    print_result(report, as_json)
    raise typer.Exit(report.exit_status)
