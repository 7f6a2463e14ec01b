"""``report.json``: what went in, what was left out and why, and what training will see of each language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preprocessing.corpus.holdout import SPLITS, TRAIN, VALIDATION, SplitPlan
from preprocessing.corpus.indexed import read_lengths
from preprocessing.corpus.joining import BEST, Dataset
from preprocessing.corpus.settings import Settings
from preprocessing.corpus.writing import SAMPLES_PER_LANGUAGE, Counts
from preprocessing.languages import LANGUAGES

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The recipes' own sizes: 128 sequences a step; CPT 40,000 steps.
GLOBAL_BATCH = 128
STEPS = (1_000, 10_000, 40_000)
# Beyond about four passes, repeated text teaches little more (Muennighoff et al. 2023, arXiv 2305.16264).
MAX_EPOCHS = 4
LENGTH_EDGES = (0, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)


@dataclass
class Intake:
    """What reading and selecting found."""

    read: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    without_celex: int = 0
    with_warnings: int = 0


def build_report(
    *,
    intake: Intake,
    counts: Counts,
    plan: SplitPlan,
    datasets: Mapping[tuple[str, str], Dataset],
    thresholds: Mapping[str, float],
    tokens_folder: Path,
    settings: Settings,
    described: Mapping[str, Any],
    samples: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """Return the report as plain data; ``datasets`` are those of each language: train, validation and best."""
    languages, seq_length = settings.languages, settings.seq_length
    weights = settings.mix([language for language in languages if (language, TRAIN) in datasets])
    nothing = Dataset(0, 0, {})
    by_language: dict[str, dict[str, Any]] = {}
    for language in languages:
        if not counts.total("documents", language):
            continue
        by_language[language] = {
            "name": LANGUAGES[language].name,
            "documents": {name: datasets.get((language, name), nothing).documents for name in (*SPLITS, BEST)},
            "tokens": {name: datasets.get((language, name), nothing).tokens for name in (*SPLITS, BEST)},
            "best_score": round(thresholds.get(language, 0.0), 4),
            "characters": counts.total("characters", language),
            "characters_per_token": round(counts.total("characters", language) / counts.total("tokens", language), 2),
            "share_of_tokens": round(counts.total("tokens", language) / counts.total("tokens"), 4),
            "mix_weight": round(weights.get(language, 0.0), 6),
            "epochs": _epochs(datasets.get((language, TRAIN), nothing).tokens, weights.get(language, 0.0), seq_length),
        }
    lengths = {language: read_lengths(tokens_folder / language / TRAIN)[0] for language in weights}
    train_tokens = sum(dataset.tokens for (_, name), dataset in datasets.items() if name == TRAIN)
    report = {
        "settings": dict(described),
        "documents": {
            "read": intake.read,
            "kept": intake.kept,
            "without_celex": intake.without_celex,
            "with_parse_warnings": intake.with_warnings,
        },
        "inputs_rejected": dict(intake.rejected.most_common()),
        "documents_left_out": _nested(intake.left_out),
        "split": {
            "validation_acts": len(plan.acts),
            "held_out_articles": {act: list(numbers) for act, numbers in sorted(plan.articles.items())},
        },
        "languages": by_language,
        "types": _by(counts, 2),
        "years": _by(counts, 3),
        "lengths": {"edges": list(LENGTH_EDGES), **{name: _lengths(values) for name, values in lengths.items()}},
        "sequences": {"length": seq_length, "train": train_tokens // seq_length},
        "samples": _samples(samples),
    }
    report["warnings"] = _warnings(report, plan)
    return report


def _samples(samples: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the first of each language."""
    chosen: list[dict[str, str]] = []
    for sample in samples:
        if sum(other["language"] == sample["language"] for other in chosen) < SAMPLES_PER_LANGUAGE:
            chosen.append(dict(sample))
    return chosen


def _epochs(tokens: int, weight: float, seq_length: int) -> dict[str, Any]:
    """Passes over a language's text at the recipes' batch size, and the step at which ``MAX_EPOCHS`` is reached."""
    per_step = GLOBAL_BATCH * seq_length * weight
    if not tokens or not per_step:
        return {}
    return {
        "at_steps": {str(steps): round(steps * per_step / tokens, 2) for steps in STEPS},
        f"steps_to_{MAX_EPOCHS}": int(MAX_EPOCHS * tokens / per_step),
    }


def _lengths(tokens: NDArray[Any]) -> dict[str, Any]:
    import numpy as np

    histogram = np.histogram(tokens, bins=[*LENGTH_EDGES, np.inf])[0]
    return {
        "median": int(np.median(tokens)),
        "mean": int(tokens.mean()),
        "longest": int(tokens.max()),
        "histogram": histogram.tolist(),
    }


def _by(counts: Counts, part: int) -> dict[str, dict[str, Any]]:
    """Documents and tokens by one part of the cell (2: type, 3: year), with the tokens of each language."""
    result: dict[str, dict[str, Any]] = {}
    for cell in sorted(counts.documents):
        name = cell[part] or "unknown"
        row = result.setdefault(name, {"documents": 0, "tokens": 0, "tokens_by_language": Counter()})
        row["documents"] += counts.documents[cell]
        row["tokens"] += counts.tokens[cell]
        row["tokens_by_language"][cell[0]] += counts.tokens[cell]
    return dict(sorted(result.items()))


def _nested(left_out: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    result: dict[str, dict[str, int]] = {}
    for (reason, language), count in sorted(left_out.items()):
        result.setdefault(reason, {})[language] = count
    return result


def _warnings(report: Mapping[str, Any], plan: SplitPlan) -> list[str]:
    found = []
    languages = report["languages"]
    for split, meaning in ((TRAIN, "training"), (VALIDATION, "validation")):
        empty = [row["name"] for row in languages.values() if not row["documents"][split]]
        if empty:
            found.append(f"No {meaning} text in {', '.join(empty)}: too few acts to spare one.")
    missing = [LANGUAGES[code].name for code in report["settings"]["languages"] if code not in languages]
    if missing:
        found.append(f"No text at all in {', '.join(missing)}.")
    for act, numbers in sorted(plan.articles.items()):
        found.append(
            f"{act} is the only act of a language: its Articles {numbers[0]} to {numbers[-1]} are held out for "
            "validation in every language and taken out of the training text."
        )
    limits = {row["name"]: row["epochs"][f"steps_to_{MAX_EPOCHS}"] for row in languages.values() if row["epochs"]}
    early = {name: steps for name, steps in limits.items() if steps < STEPS[-1]}
    if early:
        first = min(early, key=lambda name: early[name])
        found.append(
            f"Before {STEPS[-1]:,} steps of {GLOBAL_BATCH} sequences, {', '.join(early)} will be seen more than "
            f"{MAX_EPOCHS} times ({first} from step {early[first]:,} on); train for fewer steps or add text."
        )
    return found
