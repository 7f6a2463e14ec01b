"""``run_report.html`` and ``run_report.json``: what a run did, from its own records, whenever somebody asks.

python launch.py report RUN

One file without links to anything outside, so that it can be sent and kept. Neither torch nor NeMo is imported.
"""

from __future__ import annotations

import html
import statistics
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_file, write_json
from recipes.metrics import FILE, read_metrics
from recipes.monitoring.console import duration
from recipes.monitoring.facts import read_facts
from recipes.monitoring.plots import curve, plot

HTML, JSON = "run_report.html", "run_report.json"
_RATES = ("tokens_per_second", "tokens_per_second_per_device", "tflops_per_device", "mfu", "gpu_utilisation")

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1f2328}"
    "table{border-collapse:collapse;margin:.5rem 0}td,th{padding:.15rem .8rem .15rem 0;text-align:left;"
    "vertical-align:top}th{font-weight:600}svg{width:100%;height:auto}pre{overflow:auto;background:#f6f8fa;"
    "padding:.8rem;font-size:12px}.alert{color:#cf222e}"
)


def write_report(run: Path) -> dict[str, Any]:
    """Write both files into the run's folder; return what the JSON one holds.

    Raises:
        UsageError: there is no such folder.
        RecipeError: it has no records.
    """
    if not run.is_dir():
        raise UsageError(f"no run's folder at {run}")
    records = read_metrics(run)
    if not any("loss" in record for record in records):
        raise RecipeError(f"{run / FILE} has no step: the run has not done its first one, or {run} is no run's folder")
    facts = read_facts(run)
    report = summarize(records, facts)
    if report["by_precision"]:
        facts = {**facts, "precision": ", then ".join(report["by_precision"])}  # the facts have that of the last start
    write_json(run / JSON, {**report, "settings": facts})
    with atomic_file(run / HTML) as stream:
        stream.write(_page(run, report, facts, records))
    return report


def summarize(records: list[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a run. Rates are medians of the steps, which neither start-up nor a hiccup moves.

    Where steps differ in precision, rates are given for each as well, and there is no MFU of the whole: its parts are
    shares of different peaks, or of none.
    """
    steps = [record for record in records if "loss" in record]
    validations = [record for record in records if "validation_loss" in record]
    losses = [record["loss"] for record in steps if record["loss"] is not None]
    last = validations[-1] if validations else {}
    planned = facts.get("steps")
    by_precision: dict[str, list[dict[str, Any]]] = {}
    for record in steps:
        by_precision.setdefault(str(record.get("precision", facts.get("precision"))), []).append(record)
    whole = _rates(steps)
    if len(by_precision) > 1:
        whole["mfu"] = None
    return {
        "stage": facts.get("stage"),
        "steps": steps[-1]["step"],
        "planned_steps": planned,
        "finished": planned is not None and steps[-1]["step"] >= planned,
        "first_loss": losses[0] if losses else None,
        "last_loss": losses[-1] if losses else None,
        "validation_loss": last.get("validation_loss"),
        "perplexity": last.get("perplexity"),
        "validation_loss_by_language": last.get("validation_loss_by_language", {}),
        "perplexity_by_language": last.get("perplexity_by_language", {}),
        "consumed_tokens": steps[-1].get("consumed_tokens"),
        "seconds_in_steps": round(sum(record.get("seconds", 0.0) for record in steps), 1),
        **whole,
        "by_precision": {name: {"steps": len(those), **_rates(those)} for name, those in by_precision.items()},
        "memory_gb": max((record["memory_gb"] for record in steps if "memory_gb" in record), default=None),
        "largest_gradient_norm": max(
            (record["gradient_norm"] for record in steps if record.get("gradient_norm") is not None), default=None
        ),
        # a step that is done again after a restart may alert again
        "alerts": list({(item["step"], str(item)): item for item in records if "alert" in item}.values()),
    }


def _rates(steps: list[dict[str, Any]]) -> dict[str, float | None]:
    return {key: _median(steps, key) for key in _RATES}


def _median(steps: list[dict[str, Any]], key: str) -> float | None:
    values = [record[key] for record in steps if record.get(key) is not None]
    return round(statistics.median(values), 6) if values else None


def _page(run: Path, report: dict[str, Any], facts: dict[str, Any], records: list[dict[str, Any]]) -> str:
    planned = f" of {report['planned_steps']}" if report["planned_steps"] else ""
    state = "finished" if report["finished"] else "not finished"
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(run.name)}</title>"
        f"<style>{_STYLE}</style><h1>{html.escape(run.name)}</h1>"
        f"<p>{report['steps']}{planned} steps, {state}.</p>",
        _table(_figures(report)),
        *_curves(records, report["alerts"]),
        "<h2>Alerts</h2>",
        _alerts(report["alerts"]),
        "<h2>Settings</h2>",
        _table([(name, value) for name, value in facts.items() if name != "starts"]) if facts else "<p>unknown</p>",
        _starts(facts.get("starts", [])),
    ]
    recipe = run / "recipe.txt"
    if recipe.is_file():
        text = html.escape(recipe.read_text(encoding="utf-8", errors="replace"))
        parts.append(f"<details><summary>The whole recipe</summary><pre>{text}</pre></details>")
    return "\n".join([*parts, "</html>\n"])


def _figures(report: dict[str, Any]) -> list[tuple[str, str]]:
    def number(key: str, form: str, unit: str = "") -> str | None:
        return None if report[key] is None else format(report[key], form) + unit

    several = len(report["by_precision"]) > 1
    rows: list[tuple[str, str | None]] = [
        ("training loss, first", number("first_loss", ".4f")),
        ("training loss, last", number("last_loss", ".4f")),
        ("validation loss, last", number("validation_loss", ".4f")),
        ("perplexity", number("perplexity", ",.2f")),
        *(
            (f"validation loss, {name}", None if loss is None else f"{loss:.4f}")
            for name, loss in report["validation_loss_by_language"].items()
        ),
        ("tokens", number("consumed_tokens", ",")),
        ("time in steps", duration(report["seconds_in_steps"])),
        ("tokens/s", number("tokens_per_second", ",.0f")),
        ("tokens/s a device", number("tokens_per_second_per_device", ",.0f")),
        ("model TFLOP/s a device (causal)", number("tflops_per_device", ",.3g")),
        ("MFU", number("mfu", ".1%")),
        *((f"in {name}", _rate(rates)) for name, rates in report["by_precision"].items() if several),
        ("GPU utilisation (NVML)", number("gpu_utilisation", ".0f", " %")),
        ("memory, highest (rank 0)", number("memory_gb", ".1f", " GB")),
        ("gradient norm, highest", number("largest_gradient_norm", ".2f")),
    ]
    return [(name, value) for name, value in rows if value is not None]


def _rate(rates: dict[str, Any]) -> str:
    parts = [f"{rates['steps']:,} step{'s' if rates['steps'] > 1 else ''}"]
    if rates["tokens_per_second"] is not None:
        parts.append(f"{rates['tokens_per_second']:,.0f} tokens/s")
    if rates["mfu"] is not None:
        parts.append(f"MFU {rates['mfu']:.1%}")
    return ", ".join(parts)


def _curves(records: list[dict[str, Any]], alerts: list[dict[str, Any]]) -> list[str]:
    marks = sorted({alert["step"] for alert in alerts})
    validations = [record for record in records if "validation_loss" in record]
    names = list(dict.fromkeys(name for item in validations for name in item.get("validation_loss_by_language", {})))
    by_language = [
        {"step": item["step"], **item.get("validation_loss_by_language", {})}  # a language's name is the key
        for item in validations
    ]
    memory = (("memory_gb", "highest"), ("memory_allocated_gb", "allocated"), ("memory_reserved_gb", "reserved"))
    drawn = [
        plot(
            "Loss",
            "nats a token",
            [curve("training", records, "loss"), curve("validation", validations, "validation_loss", markers=True)],
            marks,
        ),
        plot("Validation loss by language", "nats a token", [curve(n, by_language, n, markers=True) for n in names]),
        plot("Gradient norm, before clipping", "", [curve("norm", records, "gradient_norm")], marks, log=True),
        plot("Learning rate", "", [curve("rate", records, "learning_rate")]),
        plot("Throughput", "tokens/s", [curve("all devices", records, "tokens_per_second")]),
        plot("Model FLOP utilisation", "of the dense peak", [curve("MFU", records, "mfu")]),
        plot("Memory of rank 0", "GB", [curve(label, records, key) for key, label in memory]),
        plot("GPU utilisation (NVML)", "%", [curve("rank 0", records, "gpu_utilisation")]),
    ]
    return [svg for svg in drawn if svg]


def _alerts(alerts: list[dict[str, Any]]) -> str:
    if not alerts:
        return "<p>None.</p>"
    rows = "".join(
        f"<tr><td>{alert['step']}</td><td class='alert'>{html.escape(str(alert['alert']).replace('_', ' '))}</td>"
        f"<td>{html.escape(str(alert.get('message', '')))}</td></tr>"
        for alert in alerts
    )
    return f"<table><tr><th>step</th><th>what</th><th></th></tr>{rows}</table>"


def _starts(starts: list[dict[str, Any]]) -> str:
    if len(starts) < 2:
        return ""
    rows = [
        (str(start.get("time")), ", in ".join(filter(None, (f"from step {start.get('step')}", start.get("precision")))))
        for start in starts
    ]
    return "<h3>Started and resumed</h3>" + _table(rows)


def _table(rows: list[tuple[str, Any]]) -> str:
    cells = "".join(f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>" for k, v in rows)
    return f"<table>{cells}</table>"
