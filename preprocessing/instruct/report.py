"""What came out of building SFT data: counts, lengths, citations, reasons, samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.citations import find_citations
from preprocessing.instruct.candidates import words_in
from preprocessing.instruct.render import KnownActs, Pair
from preprocessing.languages import LANGUAGES

SAMPLES_PER_KIND = 1  # of each language


@dataclass
class SftSummary:
    """What `sft-data` wrote. Lengths are in words; shares and rates are 0 to 1."""

    output: str
    asked_for: int
    pairs: int
    by_split: dict[str, int]
    split: str
    by_language: dict[str, dict[str, float]]  # pairs, share, expected_share
    by_kind: dict[str, dict[str, int]]  # kind -> language -> pairs
    acts: int
    question_words: dict[str, float]
    answer_words: dict[str, float]
    citation_coverage: float
    citation_validity: float
    excluded_passages: int
    left_out: dict[str, int]
    samples: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Return what a person wants to know at the end."""
        languages = list(self.by_language)
        acts = "act" if self.acts == 1 else "acts"
        question, answer = self.question_words, self.answer_words
        width = max(len(kind) for kind in self.by_kind)
        lines = [
            f"{self.pairs:,} question-answer pairs from {self.acts:,} {acts} in {self.output}",
            "  " + " · ".join(f"{name} {count:,}" for name, count in self.by_split.items()) + f"  ({self.split})",
            "",
            f"  {'kind':<{width}}" + "".join(f"{language:>9}" for language in languages),
        ]
        for kind, counts in self.by_kind.items():
            lines.append(f"  {kind:<{width}}" + "".join(f"{counts.get(language, 0):>9,}" for language in languages))
        for label, key in (("share", "share"), ("expected", "expected_share")):
            lines.append(
                f"  {label:<{width}}" + "".join(f"{self.by_language[language][key]:>9.1%}" for language in languages)
            )
        lines += [
            "",
            f"  words: question {question['median']:.0f} (median), answer {answer['median']:.0f} "
            f"(5 % {answer['p5']:.0f}, 95 % {answer['p95']:.0f}, most {answer['max']:.0f})",
            f"  answers that close with their citation: {self.citation_coverage:.1%}; "
            f"of these the provision exists: {self.citation_validity:.1%}",
        ]
        if self.pairs < self.asked_for:
            lines.append(
                f"  {self.asked_for:,} were asked for: the corpus has no more in the languages below their share"
            )
        if self.left_out:
            lines.append("  left out:")
            lines += [f"    {count:>9,}  {reason}" for reason, count in self.left_out.items()]
        return "\n".join(lines)


def summarise(
    output: Path,
    by_split: Mapping[str, Sequence[Pair]],
    languages: Sequence[str],
    asked_for: int,
    left_out: Counter[str],
    split: str,
    registry: KnownActs,
    excluded: int,
) -> SftSummary:
    """Count and measure the pairs kept; citations are read back from the finished answers."""
    pairs = [pair for name in by_split for pair in by_split[name]]
    total_share = sum(LANGUAGES[language].share for language in languages)
    kinds: dict[str, Counter[str]] = {}
    for pair in pairs:
        kinds.setdefault(pair.kind, Counter())[pair.language] += 1
    in_language = Counter(pair.language for pair in pairs)
    cited, valid = _citations(pairs, registry)
    samples: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        of_kind = samples.setdefault((pair.kind, pair.language), [])
        if len(of_kind) < SAMPLES_PER_KIND:
            of_kind.append(pair)
    return SftSummary(
        output=str(output),
        asked_for=asked_for,
        pairs=len(pairs),
        by_split={name: len(part) for name, part in by_split.items()},
        split=split,
        by_language={
            language: {
                "pairs": in_language[language],
                "share": in_language[language] / max(1, len(pairs)),
                "expected_share": LANGUAGES[language].share / total_share,
            }
            for language in languages
        },
        by_kind={kind: dict(sorted(counts.items())) for kind, counts in sorted(kinds.items())},
        acts=len({pair.celex for pair in pairs}),
        question_words=lengths([words_in(pair.question) for pair in pairs]),
        answer_words=lengths([words_in(pair.answer) for pair in pairs]),
        citation_coverage=cited / max(1, len(pairs)),
        citation_validity=valid / max(1, cited),
        excluded_passages=excluded,
        left_out={reason: count for reason, count in left_out.most_common() if count},
        samples=[
            {"question": pair.question, "answer": pair.answer, **pair.metadata()}
            for of_kind in samples.values()
            for pair in of_kind
        ],
    )


def lengths(values: Sequence[int]) -> dict[str, float]:
    """Mean, median, 5th and 95th percentile, least and most of some lengths."""
    ordered = sorted(values) or [0]

    def at(share: float) -> float:
        return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])

    return {
        "mean": sum(ordered) / len(ordered),
        "median": at(0.5),
        "p5": at(0.05),
        "p95": at(0.95),
        "min": float(ordered[0]),
        "max": float(ordered[-1]),
    }


def _citations(pairs: Sequence[Pair], registry: KnownActs) -> tuple[int, int]:
    """Return how many answers close with a citation, and how many of these name a provision that exists."""
    cited = valid = 0
    for pair in pairs:
        closing = [found for found in find_citations(pair.answer.rsplit("\n", 1)[-1], pair.language) if found.celex]
        cited += bool(closing)
        valid += bool(closing) and all(
            registry.has_act(found.celex or "")
            and (found.article is None or registry.has_article(found.celex or "", found.article))
            for found in closing
        )
    return cited, valid
