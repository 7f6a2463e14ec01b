"""``report.json``: what went in, what was left out and why, and what training will see of each language.

Everything in it follows from inputs and settings: no times, which would make equal corpora differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preprocessing.corpus.holdout import SPLITS, TRAIN, SplitPlan
from preprocessing.corpus.indexed import index_lengths
from preprocessing.corpus.joining import BEST, Dataset
from preprocessing.corpus.packing import packing
from preprocessing.corpus.report_survey import BINS, Survey, examples, registry_facts, survey
from preprocessing.corpus.report_warnings import MAX_EPOCHS, warnings_of
from preprocessing.corpus.settings import Settings
from preprocessing.corpus.training_runs import TrainingRun, training_runs
from preprocessing.corpus.writing import Counts
from preprocessing.languages import LANGUAGES

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The dataset of each language that a training run reads.
DATASETS = {"cpt": TRAIN, "cpt_fast": BEST}
LENGTH_EDGES = (0, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)


@dataclass
class Intake:
    """What reading and selecting found; ``bytes`` of XML."""

    files: int = 0
    bytes: int = 0
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
    corpus: Path,
    settings: Settings,
    described: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the report as plain data.

    Args:
        intake: see there.
        counts: of all that was written.
        plan: how acts were split.
        datasets: of each language: train, validation and best.
        thresholds: the lowest score of each language's best documents.
        corpus: the folder in which everything but the report is there.
        settings: of the corpus.
        described: the same as plain values, with the inputs.
    """
    found = survey(sorted((corpus / "documents").glob("*.parquet")))
    languages = _languages(counts, datasets, thresholds, found, settings)
    lengths = {
        (language, name): index_lengths(corpus / "cpt" / language / name)[0]
        for language in languages
        for name in (*SPLITS, BEST)
        if (language, name) in datasets
    }
    report: dict[str, Any] = {
        "settings": dict(described),
        "inputs": {"files": intake.files, "bytes": intake.bytes},
        "documents": {
            "read": intake.read,
            "kept": intake.kept,
            "without_celex": intake.without_celex,
            "with_parse_warnings": intake.with_warnings,
            "consolidated": sum(row["consolidated"]["documents"] for row in languages.values()),
        },
        "inputs_rejected": dict(intake.rejected.most_common()),
        "documents_left_out": _nested(intake.left_out),
        "examples": examples(corpus / "rejected.jsonl"),
        "split": {
            "validation_acts": len(plan.acts),
            "held_out_articles": {act: list(numbers) for act, numbers in sorted(plan.articles.items())},
        },
        "languages": languages,
        "replay": _replay(settings),
        "runs": {name: _run(name, run, languages, settings) for name, run in training_runs().items()},
        "packing": _packing(lengths, settings),
        "types": _by(counts, 2),
        "years": _by(counts, 3),
        "lengths": {
            "edges": list(LENGTH_EDGES),
            **{language: _lengths(values) for (language, name), values in lengths.items() if name == TRAIN},
        },
        "scores": _scores(found),
        "registry": registry_facts(corpus / "registry.parquet", list(languages)),
        "samples": found.samples,
    }
    report["warnings"] = warnings_of(report)
    return report


def _languages(
    counts: Counts,
    datasets: Mapping[tuple[str, str], Dataset],
    thresholds: Mapping[str, float],
    found: Survey,
    settings: Settings,
) -> dict[str, dict[str, Any]]:
    """Return a row for each language that has text; ``mix_weight`` is what is wanted, among the languages alone."""
    weights = settings.mix([language for language in settings.languages if (language, TRAIN) in datasets])
    trained = sum(datasets[language, TRAIN].tokens for language in weights)
    nothing = Dataset(0, 0, {})
    rows: dict[str, dict[str, Any]] = {}
    for language in settings.languages:
        if not counts.total("documents", language):
            continue
        own = {name: datasets.get((language, name), nothing) for name in (*SPLITS, BEST)}
        looked_at = found.languages[language]
        rows[language] = {
            "name": LANGUAGES[language].name,
            "documents": {name: dataset.documents for name, dataset in own.items()},
            "tokens": {name: dataset.tokens for name, dataset in own.items()},
            "best_score": round(thresholds.get(language, 0.0), 4),
            "characters": counts.total("characters", language),
            "characters_per_token": round(counts.total("characters", language) / counts.total("tokens", language), 2),
            "share_of_tokens": round(own[TRAIN].tokens / trained, 6),
            "mix_weight": round(weights.get(language, 0.0), 6),
            "with_celex": round(looked_at.with_celex / looked_at.documents, 4),
            "consolidated": {"documents": looked_at.consolidated, "tokens": looked_at.consolidated_tokens},
        }
    return rows


def _replay(settings: Settings) -> dict[str, Any] | None:
    """General text in the mix: its share of what training sees, and its own tokens."""
    if settings.replay is None:
        return None
    prefix, share = settings.replay
    return {"share": share, "tokens": int(index_lengths(prefix.resolve())[0].sum(dtype="int64"))}


def _run(name: str, run: TrainingRun, languages: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Tokens that a run sees in all, and passes over each language's text at some steps of it."""
    sequence = _sequence(DATASETS[name], settings)
    of_languages = 1 - (settings.replay[1] if settings.replay else 0)
    texts = {code: (row["tokens"][DATASETS[name]], row["mix_weight"] * of_languages) for code, row in languages.items()}
    if settings.replay and (replay := _replay(settings)):
        texts["replay"] = (replay["tokens"], replay["share"])
    step = run.global_batch_size * sequence
    epochs = {}
    for text, (tokens, weight) in texts.items():
        if tokens and weight:
            epochs[text] = {
                "share": round(weight, 6),
                "at_steps": {str(steps): round(steps * step * weight / tokens, 2) for steps in run.milestones},
                f"steps_to_{MAX_EPOCHS}": int(MAX_EPOCHS * tokens / (step * weight)),
            }
    return {
        "dataset": DATASETS[name],
        "sequence_length": sequence,
        "global_batch": run.global_batch_size,
        "tokens_at_steps": {str(steps): steps * step for steps in run.milestones},
        "epochs": epochs,
    }


def _sequence(dataset: str, settings: Settings) -> int:
    """Tokens a sequence of ``dataset``: cpt's are a setting of the corpus, cpt_fast's at most as many."""
    fast = training_runs()["cpt_fast"].sequence_length
    return min(fast, settings.seq_length) if dataset == BEST else settings.seq_length


def _packing(lengths: Mapping[tuple[str, str], NDArray[Any]], settings: Settings) -> dict[str, Any]:
    """Return what one pass over each dataset gives (see :mod:`preprocessing.corpus.packing`)."""
    found: dict[str, Any] = {}
    for (language, name), values in lengths.items():
        sequence = _sequence(name, settings)
        cut = packing(values, sequence, training_runs()["cpt"].seed).to_dict()
        found.setdefault(language, {})[name] = {"sequence_length": sequence, **cut}
    return found


def _lengths(tokens: NDArray[Any]) -> dict[str, Any]:
    import numpy as np

    histogram = np.histogram(tokens, bins=[*LENGTH_EDGES, np.inf])[0]
    return {
        "median": int(np.median(tokens)),
        "mean": int(tokens.mean()),
        "longest": int(tokens.max()),
        "histogram": histogram.tolist(),
    }


def _scores(found: Survey) -> dict[str, Any]:
    """Histograms of documents by the score and each of its parts, from 0 to 1."""
    values: dict[str, Any] = {"bins": BINS}
    for language, row in found.languages.items():
        for name, histogram in row.scores.items():
            values.setdefault(name, {})[language] = histogram.tolist()
    return values


def _by(counts: Counts, part: int) -> dict[str, dict[str, Any]]:
    """Documents and tokens by one part of the cell (2: type, 3: year), in all and by language."""
    result: dict[str, dict[str, Any]] = {}
    for cell in sorted(counts.documents):
        row = result.setdefault(
            cell[part] or "unknown",
            {"documents": 0, "tokens": 0, "documents_by_language": Counter(), "tokens_by_language": Counter()},
        )
        for what, number in (("documents", counts.documents[cell]), ("tokens", counts.tokens[cell])):
            row[what] += number
            row[f"{what}_by_language"][cell[0]] += number
    return dict(sorted(result.items()))


def _nested(left_out: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    result: dict[str, dict[str, int]] = {}
    for (reason, language), count in sorted(left_out.items()):
        result.setdefault(reason, {})[language] = count
    return result
