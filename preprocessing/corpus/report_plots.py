"""The report's plots, as inline SVG: equal reports give equal bytes, and no plot needs another file."""

from __future__ import annotations

import io
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from preprocessing.corpus.report_survey import SCORE
from preprocessing.corpus.score import PARTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people who see colours differently can tell apart; lines differ by their marks as well.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKS = ("o", "s", "^", "D", "v", "P")
_MOST_TYPES = 10
_MOST_YEARS = 120
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e5e5",
    "legend.frameon": False,
}


def shares_plot(report: Mapping[str, Any]) -> str:
    """Each language's share of the text that is there, and of the mix."""
    with _drawing("Share of the training text, and wanted share of the mix", 9, 2.6) as (figure, result):
        axes = figure.subplots()
        rows = list(report["languages"].values())
        places = range(len(rows))
        bars = (
            ("text that is there", [100 * row["share_of_tokens"] for row in rows], "#999999", -0.2),
            ("wanted in the mix", [100 * row["mix_weight"] for row in rows], _COLOURS[0], 0.2),
        )
        for label, values, colour, offset in bars:
            drawn = axes.barh([place + offset for place in places], values, 0.38, label=label, color=colour)
            axes.bar_label(drawn, [f"{value:.1f}%" for value in values], padding=3, fontsize=8)
        axes.set_yticks(list(places), [row["name"] for row in rows])
        axes.invert_yaxis()
        axes.set_xlabel("share of tokens (%)")
        axes.margins(x=0.12)
        _legend_above(axes)
    return result[0]


def types_plot(report: Mapping[str, Any]) -> str:
    """Tokens by kind of document and language."""
    with _drawing("Tokens by kind of document", 9, 3) as (figure, result):
        axes = figure.subplots()
        most = sorted(report["types"], key=lambda name: -report["types"][name]["tokens"])[:_MOST_TYPES]
        _stack(axes, report, "types", most, axes.barh, "left")
        axes.set_yticks(range(len(most)), [name.replace("_", " ") for name in most])
        axes.invert_yaxis()
        axes.set_xlabel("tokens")
        axes.xaxis.set_major_formatter(_thousands())
        _legend_above(axes)
    return result[0]


def years_plot(report: Mapping[str, Any]) -> str:
    """Tokens by year of the document and language."""
    with _drawing("Tokens by year of the document", 9, 2.8) as (figure, result):
        axes = figure.subplots()
        known = [int(name) for name in report["years"] if name.isdecimal()]
        span = range(min(known), max(known) + 1) if known else range(0)
        # gaps are shown as such, but for a date that cannot be right
        years = [f"{year:04d}" for year in (span if len(span) <= _MOST_YEARS else known)]
        _stack(axes, report, "years", years, axes.bar, "bottom")
        step = max(1, len(years) // 15)
        axes.set_xticks(range(0, len(years), step), years[::step], fontsize=8)
        axes.set_xlabel("year")
        axes.set_ylabel("tokens")
        axes.yaxis.set_major_formatter(_thousands())
        _legend_above(axes)
    return result[0]


def lengths_plot(report: Mapping[str, Any]) -> str:
    """How long the training documents are, by language."""
    with _drawing("Length of the training documents", 9, 2.8) as (figure, result):
        axes = figure.subplots()
        lengths = report["lengths"]
        labels = [_short(edge) for edge in lengths["edges"]]
        for number, language in _numbered(report, lengths):
            _line(axes, range(len(labels)), lengths[language]["histogram"], number, _name(report, language))
        axes.set_xticks(range(len(labels)), labels)
        axes.set_xlabel("tokens a document, from (to the next mark)")
        axes.set_ylabel("documents (%)")
        axes.set_ylim(bottom=0)
        _legend_above(axes)
    return result[0]


def scores_plot(report: Mapping[str, Any]) -> str:
    """The score and each of its parts, by language; dashed: the lowest score of a language's best documents."""
    scores = report["scores"]
    with _drawing("Score of the documents and its parts", 9, 4.6) as (figure, result):
        panels = figure.subplots(2, 3, sharex=True).flat
        middles = [(number + 0.5) / scores["bins"] for number in range(scores["bins"])]
        for axes, name in zip(panels, (SCORE, *PARTS), strict=True):
            for number, language in _numbered(report, scores.get(name, {})):
                _line(axes, middles, scores[name][language], number, _name(report, language))
                if name == SCORE:
                    best = report["languages"][language]["best_score"]
                    axes.axvline(best, color=_COLOURS[number % len(_COLOURS)], linestyle="--", linewidth=1)
            axes.set_title(name, fontsize=9, fontweight="bold" if name == SCORE else "normal")
            axes.set_xlim(0, 1)
            axes.set_ylim(bottom=0)
        figure.supxlabel("from 0 to 1", fontsize=9)
        figure.supylabel("documents (%)", fontsize=9)
        figure.legend(
            *figure.axes[0].get_legend_handles_labels(), fontsize=8, loc="outside upper right", ncols=len(_COLOURS)
        )
    return result[0]


@contextmanager
def _drawing(title: str, width: float, height: float) -> Iterator[tuple[Figure, list[str]]]:
    """Yield a figure to draw on, and a list that holds its SVG once the block has ended."""
    from matplotlib import style

    # a person's own style set aside and ids from a fixed salt, so that equal reports are equal files
    with style.context(["default", {**_STYLE, "svg.hashsalt": title}]):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), layout="constrained")
        result: list[str] = []
        yield figure, result
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    # names of the groups, which would stand in the page once for every plot
    drawing = re.sub(r' id="[A-Za-z]\w*_\d+"', "", drawing)
    result.append(f'<figure role="img" aria-label="{escape(title)}"><figcaption>{escape(title)}</figcaption>{drawing}')
    result[0] += "</figure>"


def _numbered(report: Mapping[str, Any], there: Container[str]) -> Iterator[tuple[int, str]]:
    """Yield the languages that are ``there`` with the number of their colour, which is the same in every plot."""
    return ((number, language) for number, language in enumerate(report["languages"]) if language in there)


def _legend_above(axes: Axes) -> None:
    """Where no bar can hide it."""
    axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(_COLOURS), borderaxespad=0)


def _stack(axes: Axes, report: Mapping[str, Any], what: str, names: Sequence[str], draw: Any, base: str) -> None:
    """Draw a bar for each of ``names`` with the tokens of each language, one after the other."""
    starts = [0.0] * len(names)
    for number, language in enumerate(report["languages"]):
        rows = (report[what].get(name, {"tokens_by_language": {}}) for name in names)
        values = [row["tokens_by_language"].get(language, 0) for row in rows]
        colour = _COLOURS[number % len(_COLOURS)]
        draw(range(len(names)), values, **{base: starts}, label=_name(report, language), color=colour)
        starts = [start + value for start, value in zip(starts, values, strict=True)]


def _line(axes: Axes, places: Sequence[float], counts: Sequence[int], number: int, label: str) -> None:
    """Draw counts as shares of their sum: languages of different size can be compared."""
    total = max(sum(counts), 1)
    colour, mark = _COLOURS[number % len(_COLOURS)], _MARKS[number % len(_MARKS)]
    shares = [100 * count / total for count in counts]
    axes.plot(places, shares, color=colour, marker=mark, markersize=3, linewidth=1.2, label=label)


def _name(report: Mapping[str, Any], language: str) -> str:
    return str(report["languages"].get(language, {}).get("name", language))


def _thousands() -> Any:
    from matplotlib.ticker import EngFormatter

    return EngFormatter(sep=" ")


def _short(tokens: int) -> str:
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)
