"""A plan as one HTML page: what is printed, and a picture of each GPU's memory."""

from __future__ import annotations

import html
import io
from pathlib import Path

from preprocessing.files import atomic_file
from tools.plan.plan import Plan

_STYLE = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}svg{max-width:100%}"


def write_page(path: Path, text: str, plan: Plan) -> None:
    """Write the page with ``text`` and the picture to ``path``."""
    page = (
        "<!DOCTYPE html>\n<html lang='en'><meta charset='utf-8'><title>Training plan</title>"
        f"<style>{_STYLE}</style>\n<h1>Training plan</h1>\n{picture(plan)}\n<pre>{html.escape(text)}</pre></html>\n"
    )
    with atomic_file(path) as stream:
        stream.write(page)


def picture(plan: Plan) -> str:
    """Return an SVG: a bar for a GPU of each pipeline stage, its parts stacked, against the memory that it has.

    Of two precisions it is the one that takes more.
    """
    plan = plan.fullest
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "plan"  # same plan, same bytes
    names = list(dict.fromkeys(part.name for stage in plan.stages for part in stage.parts))
    figure = Figure(figsize=(11, 2.4 + 0.45 * len(plan.stages)), layout="constrained")
    axes = figure.add_subplot()
    colours = mpl.colormaps["tab20"].colors  # type: ignore[attr-defined]
    labels = [f"stage {stage.number}" if len(plan.stages) > 1 else "each GPU" for stage in plan.stages]
    left = [0.0] * len(plan.stages)
    for number, name in enumerate(names):
        sizes = [sum(part.bytes for part in stage.parts if part.name == name) / 1e9 for stage in plan.stages]
        axes.barh(labels, sizes, left=left, label=name, color=colours[number % len(colours)])
        left = [before + size for before, size in zip(left, sizes, strict=True)]
    if plan.configuration.gpu:
        memory = plan.configuration.gpu.memory / 1e9
        axes.axvline(
            memory, color="black", linewidth=1.5, label=f"{plan.configuration.gpu.name.upper()}, {memory:.0f} GB"
        )
    if any(stage.step.bytes for stage in plan.stages):
        peaks = [stage.optimizer_step / 1e9 for stage in plan.stages]
        axes.plot(peaks, labels, "kD", markersize=5, label="all of it in the optimizer's step")
    axes.invert_yaxis()
    axes.set_xlabel("GB in the forward and backward passes")
    figure.legend(loc="outside lower center", ncols=4, fontsize="small", frameon=False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]
