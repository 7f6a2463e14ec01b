"""What a person should know before training on a corpus: the sentences that stand on top of its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from preprocessing.corpus.holdout import TRAIN, VALIDATION
from preprocessing.corpus.selection import OLDER_VERSION, OTHER_TEXT, UNWANTED_LANGUAGE
from preprocessing.languages import LANGUAGES

#: Beyond about four passes, repeated text teaches little more (Muennighoff et al. 2023, arXiv 2305.16264).
MAX_EPOCHS = 4
# A language that is seen so many times as often as the text at large is far from the share that was wanted for it.
_FAR = 2.0
# Shares of the inputs, and of the documents read, from which on something may be wrong with inputs or settings.
_MANY_REJECTED, _MANY_LEFT_OUT, _FEW_WITH_CELEX = 0.01, 0.2, 0.9
_USUAL = {UNWANTED_LANGUAGE, OLDER_VERSION, OTHER_TEXT}


def warnings_of(report: Mapping[str, Any]) -> list[str]:
    """Return the warnings of a report that is complete but for them."""
    return [*_text(report), *_shares(report), *_epochs(report), *_losses(report)]


def _text(report: Mapping[str, Any]) -> Iterator[str]:
    languages = report["languages"]
    missing = [LANGUAGES[code].name for code in report["settings"]["languages"] if code not in languages]
    if missing:
        yield f"No text at all in {', '.join(missing)}."
    for split, meaning in ((TRAIN, "training"), (VALIDATION, "validation")):
        empty = [row["name"] for row in languages.values() if not row["documents"][split]]
        if empty:
            yield f"No {meaning} text in {', '.join(empty)}: too few acts to spare one."
    short = [
        f"{languages[language]['name']} ({cut[VALIDATION]['tokens_lost']:,} tokens)"
        for language, cut in report["packing"].items()
        if VALIDATION in cut and not cut[VALIDATION]["sequences"]
    ]
    if short:
        yield f"Validation text that fills no sequence: {', '.join(short)}; add acts, or raise --validation-share."
    for act, numbers in report["split"]["held_out_articles"].items():
        yield (
            f"{act} is the only act of a language: its last articles ({span(numbers)}) are held out for validation in "
            "every language and taken out of the training text."
        )


def span(numbers: Sequence[str]) -> str:
    """Return ``90 to 99`` for the numbers of articles that follow each other."""
    return " to ".join(dict.fromkeys((numbers[0], numbers[-1])))


def _shares(report: Mapping[str, Any]) -> Iterator[str]:
    far = [
        f"{row['name']} ({row['share_of_tokens']:.1%} of the text for {row['mix_weight']:.1%} of the mix)"
        for row in report["languages"].values()
        if row["mix_weight"] > _FAR * row["share_of_tokens"]
    ]
    if far:
        yield f"Far less text than its share of the mix: {', '.join(far)}; it is repeated that much more often."


def _epochs(report: Mapping[str, Any]) -> Iterator[str]:
    for run, facts in report["runs"].items():
        last = max(map(int, facts["tokens_at_steps"]))
        limits = {text: row[f"steps_to_{MAX_EPOCHS}"] for text, row in facts["epochs"].items()}
        early = {text: steps for text, steps in limits.items() if steps < last}
        if not early:
            continue
        first = min(early, key=lambda text: early[text])
        names = {text: LANGUAGES[text].name if text in LANGUAGES else "general text" for text in early}
        yield (
            f"Before {last:,} steps of {run} ({facts['global_batch']} sequences of {facts['sequence_length']:,} tokens "
            f"each), {', '.join(names.values())} will be seen more than {MAX_EPOCHS} times ({names[first]} from step "
            f"{early[first]:,} on); train for fewer steps or add text."
        )


def _losses(report: Mapping[str, Any]) -> Iterator[str]:
    read = report["documents"]["read"]
    inputs = read + sum(report["inputs_rejected"].values())
    for kind, count in report["inputs_rejected"].items():
        if count >= _MANY_REJECTED * inputs:
            yield f"{count:,} of {inputs:,} inputs were rejected: {kind}. rejected.jsonl names them."
    for reason, by_language in report["documents_left_out"].items():
        count = sum(by_language.values())
        if reason not in _USUAL and count >= _MANY_LEFT_OUT * read:
            yield f"{count:,} of {read:,} documents were left out: {reason}. rejected.jsonl names them."
    few = [
        f"{row['name']} ({row['with_celex']:.0%})"
        for row in report["languages"].values()
        if row["with_celex"] < _FEW_WITH_CELEX
    ]
    if few:
        yield f"Few documents have a CELEX number in {', '.join(few)}: they cannot be cited."
