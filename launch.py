#!/usr/bin/env python3
"""The one front door: every step from FORMEX files to a compared, tuned model.

    python launch.py --help
    python launch.py quickstart
    python launch.py cpt --hardware 4xb200 trainer.max_steps=100

Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import typer

from preprocessing.errors import RecipeError, StoppedError
from tools.commands import corpus, data, look, model, plan, training

app = typer.Typer(
    name="launch.py",
    help="EUR-Lex FORMEX to Llama 3.3 70B that cites true: prepare data, train with NVIDIA NeMo, compare.",
    epilog="Start here: python launch.py quickstart (the whole job, small, on this machine's CPU).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

INTERRUPTED = 130  # 128 + SIGINT, as shells count

# in the order in which --help lists them
COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Look around": {"doctor": look.doctor, "quickstart": look.quickstart, "cite": look.cite},
    "Data": {
        "sample": data.sample,
        "fetch": data.fetch,
        "parse": data.parse,
        "preprocess": corpus.preprocess,
        "check": corpus.check,
        "transfer": corpus.transfer,
        "sft-data": data.sft_data,
        "test-set": data.test_set,
    },
    "Model": {"import": model.import_, "export": model.export, "verify": model.verify, "compare": model.compare},
    "Training": {
        "plan": plan.plan,
        "cpt": training.cpt,
        "cpt-fast": training.cpt_fast,
        "sft": training.sft,
        "job": training.job,
        "report": look.report,
    },
}
for panel, commands in COMMANDS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)


def main() -> int:
    """Run the command line; return 0: done, 1: failed, 2: wrong usage, 75: stopped early, 130: Ctrl-C."""
    # torch's own import of a renamed package; nothing that a user could do anything about
    warnings.filterwarnings("ignore", message="The pynvml package is deprecated", category=FutureWarning)
    try:
        app(standalone_mode=True)
    except RecipeError as error:
        # a run that was asked to stop has done what it was asked
        print(error if isinstance(error, StoppedError) else f"error: {error}", file=sys.stderr)
        return error.exit_status
    except SystemExit as ended:
        # Typer ends the process itself, after Ctrl-C with 130
        if ended.code == INTERRUPTED:
            print("stopped; the same command goes on from what is finished", file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else 0
    except OSError as error:
        # a full disk, a missing permission: the system's own words, with the file they are about
        where = f" ({error.filename})" if error.filename else ""
        print(f"error: {error.strerror or error}{where}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
