"""The curves of a run as SVG text, to stand inside its report."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_POINTS = 1000  # more are not seen in a plot of this width


@dataclass(frozen=True)
class Curve:
    """Values over steps; with ``markers`` where they are few."""

    label: str
    steps: Sequence[int]
    values: Sequence[float]
    markers: bool = False


def curve(label: str, records: Iterable[dict[str, Any]], key: str, markers: bool = False) -> Curve:
    """Return ``key`` of the records that have it."""
    points = [(record["step"], record[key]) for record in records if record.get(key) is not None]
    return Curve(label, [step for step, _ in points], [value for _, value in points], markers)


def plot(title: str, unit: str, curves: Sequence[Curve], marks: Sequence[int] = (), log: bool = False) -> str | None:
    """Return the ``<svg>`` of the curves that have a value; ``marks`` are steps with an alert. None: there are none."""
    drawn = [item for item in curves if item.steps]
    if not drawn:
        return None
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes: Any = figure.subplots()
    for item in drawn:
        every = max(1, len(item.steps) // _POINTS)
        style = {"marker": "o", "markersize": 3} if item.markers else {"linewidth": 1}
        axes.plot(item.steps[::every], item.values[::every], label=item.label, **style)
    for step in marks:
        axes.axvline(step, color="#cf222e", linewidth=0.8, alpha=0.5)
    if log and min(min(item.values) for item in drawn) > 0:
        axes.set_yscale("log")
    axes.set_title(title, loc="left")
    axes.set_xlabel("step")
    axes.set_ylabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(drawn) > 1:
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": title, "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    written = stream.getvalue()
    return written[written.index("<svg") :]
