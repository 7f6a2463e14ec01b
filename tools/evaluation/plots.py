"""The plots of the comparison as SVG text, to stand inside the HTML report."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from preprocessing.languages import LANGUAGES
from tools.evaluation.metrics import METRICS

BASE_COLOUR, TUNED_COLOUR = "#9aa5b1", "#1f6feb"
OUTCOME_COLOURS = {"win": "#2da44e", "tie": "#d0d7de", "loss": "#cf222e"}


def plots(results: dict[str, Any]) -> list[str]:
    """Return the SVG of: all metrics, citation accuracy by language, outcomes by language."""
    metrics = results["overall"]["metrics"]
    shown = [metric for metric in METRICS if metrics[metric.name] is not None]
    languages = results["by_language"]
    names = [LANGUAGES[code].name for code in languages]
    accuracies = [group["metrics"]["citation_accuracy"] for group in languages.values()]
    return [
        _bars("All metrics", [metric.label for metric in shown], [metrics[metric.name] for metric in shown]),
        _bars("Citation accuracy by language", names, accuracies),
        _outcomes(names, [group["outcomes"] for group in languages.values()]),
    ]


def _bars(title: str, labels: Sequence[str], figures: Sequence[dict[str, Any]]) -> str:
    """Base and tuned side by side in per cent, with their 95 % intervals."""
    figure, axes = _figure(title, rows=len(labels))
    for role, colour, offset in (("base", BASE_COLOUR, -0.2), ("tuned", TUNED_COLOUR, 0.2)):
        means = [100 * item[role]["mean"] for item in figures]
        # A percentile interval may lie beside the mean by a rounding error: a bar's arm is never negative.
        below = [max(0.0, 100 * (item[role]["mean"] - item[role]["low"])) for item in figures]
        above = [max(0.0, 100 * (item[role]["high"] - item[role]["mean"])) for item in figures]
        places = [row + offset for row in range(len(labels))]
        axes.barh(places, means, 0.38, xerr=[below, above], color=colour, label=role, error_kw={"lw": 1})
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent")
    return _svg(figure, axes, labels)


def _outcomes(labels: Sequence[str], outcomes: Sequence[dict[str, int]]) -> str:
    figure, axes = _figure("Questions that the tuned model wins, ties, loses", rows=len(labels))
    left = [0] * len(labels)
    for name, colour in OUTCOME_COLOURS.items():
        counts = [outcome[name] for outcome in outcomes]
        axes.barh(range(len(labels)), counts, 0.6, left=left, color=colour, label=name)
        left = [start + count for start, count in zip(left, counts, strict=True)]
    axes.set_xlabel("questions")
    axes.xaxis.get_major_locator().set_params(integer=True)
    return _svg(figure, axes, labels)


def _figure(title: str, rows: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.4 + 0.45 * rows), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left")
    return figure, axes


def _svg(figure: Any, axes: Any, labels: Sequence[str]) -> str:
    """Finish the axes and return the ``<svg>`` element, the same bytes for the same figures."""
    import matplotlib

    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "comparison", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    written = stream.getvalue()
    return written[written.index("<svg") :]
