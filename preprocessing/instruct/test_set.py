"""The test set: questions on one act, built from its own structure, on the same passages in every language."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.celex import base_celex
from preprocessing.citations import find_citations
from preprocessing.corpus.documents import document_files
from preprocessing.corpus.registry import Registry
from preprocessing.document import LegalDocument, arrow_schema
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import write_json_lines
from preprocessing.instruct.acts import open_act
from preprocessing.instruct.candidates import Act
from preprocessing.instruct.exclusion import unanswerable_path
from preprocessing.instruct.kinds import find_all
from preprocessing.instruct.render import Pair, defect, draw, render
from preprocessing.languages import LANGUAGES, parse_languages

#: The test set's kinds, each from these kinds of training questions.
TEST_KINDS: dict[str, tuple[str, ...]] = {
    "definition": ("definition",),
    "compliance": ("obligation",),
    "requirement": ("requirement",),
    "scope": ("scope",),
    "citation": ("article_by_heading", "citation"),
}
UNANSWERABLE = "unanswerable"
UNANSWERABLE_PER_LANGUAGE = 5
NEAREST = 5


@dataclass
class TestSetSummary:
    """What `test-set` wrote: counts by language and kind, and what fell short."""

    __test__ = False  # for pytest: not a test

    output: str
    unanswerable_output: str
    celex: str
    title: str
    by_language: dict[str, dict[str, int]]
    unanswerable: dict[str, int]
    parallel_passages: int
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Return what a person wants to know at the end."""
        total = sum(sum(kinds.values()) for kinds in self.by_language.values())
        lines = [f"{total} questions on {self.celex} in {self.output}", f"  {self.title}"]
        for language, kinds in self.by_language.items():
            counts = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
            lines.append(f"  {language}: {sum(kinds.values())} ({counts}); unanswerable {self.unanswerable[language]}")
        lines.append(f"  {self.parallel_passages} passages are asked about in every language")
        lines.append(f"  unanswerable questions: {self.unanswerable_output}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def build_test_set(
    corpus: Path,
    output: Path,
    celex: str = "32016R0679",
    per_language: int = 20,
    languages: Sequence[str] = tuple(LANGUAGES),
    seed: int = 1234,
) -> TestSetSummary:
    """Write questions on the act ``celex`` of a corpus folder, one JSON record a line.

    ``per_language`` questions in each language, evenly of the five kinds; where the act offers fewer of a kind, what
    there is is taken and the summary says so. Unanswerable questions go to ``OUTPUT.unanswerable.jsonl`` beside it.
    Deterministic by ``seed``. Pass the file to ``build_sft(exclude=...)`` to keep its passages out of training.

    Raises:
        UsageError: a wrong argument, no corpus in ``corpus``, or the act is not in it.
        RecipeError: the act is there and offers no question.
    """
    languages = parse_languages(",".join(languages))
    if per_language < 1:
        raise UsageError(f"per-language must be at least 1, not {per_language}")
    if output.is_dir():
        raise UsageError(f"output {output} is a folder; give a file, for example {output / 'test-set.jsonl'}")
    registry = Registry.load(corpus)
    act_number = _known_act(celex, registry, corpus)
    by_language = _documents(corpus, act_number)
    notes = []
    pools: dict[str, list[Pair]] = {}
    title = ""
    for language in languages:
        act = open_act(by_language[language], registry) if language in by_language else None
        if act is None:
            notes.append(f"{act_number} is not in the corpus in {LANGUAGES[language].name}: no questions in it")
            continue
        title = title or act.title
        pools[language] = _sound_pairs(act, registry, seed)
    wanted = {kind: per_language // len(TEST_KINDS) for kind in TEST_KINDS}
    for kind in list(TEST_KINDS)[: per_language % len(TEST_KINDS)]:
        wanted[kind] += 1
    chosen = {kind: _choose(pools, kind, count, seed) for kind, count in wanted.items()}
    unanswerable = _choose(pools, UNANSWERABLE, UNANSWERABLE_PER_LANGUAGE, seed)
    records = [_record(pair, kind) for language in pools for kind in TEST_KINDS for pair in chosen[kind][language]]
    if not records:
        why = "; ".join(notes) or "it has no usable articles"
        raise RecipeError(f"{act_number} offers no question in {', '.join(languages)}: {why}")
    for language in pools:
        for kind, count in wanted.items():
            if len(chosen[kind][language]) < count:
                notes.append(f"{language}: {len(chosen[kind][language])} of {count} questions of the kind {kind}")
        if len(unanswerable[language]) < UNANSWERABLE_PER_LANGUAGE:
            notes.append(
                f"{language}: {len(unanswerable[language])} of {UNANSWERABLE_PER_LANGUAGE} unanswerable questions"
            )
    write_json_lines(output, records)
    write_json_lines(
        unanswerable_path(output),
        [_record(pair, UNANSWERABLE) for language in pools for pair in unanswerable[language]],
    )
    asked = Counter(source_id for source_id in {(r["language"], r["metadata"]["source_id"]) for r in records})
    languages_of = Counter(source_id for _, source_id in asked)
    return TestSetSummary(
        output=str(output),
        unanswerable_output=str(unanswerable_path(output)),
        celex=act_number,
        title=title,
        by_language={language: {kind: len(chosen[kind][language]) for kind in TEST_KINDS} for language in pools},
        unanswerable={language: len(unanswerable[language]) for language in pools},
        parallel_passages=sum(count == len(pools) for count in languages_of.values()),
        notes=notes,
    )


def _known_act(celex: str, registry: Registry, corpus: Path) -> str:
    """Return the act's base CELEX number; UsageError names the nearest acts where it is unknown."""
    try:
        number = base_celex(celex)
    except ValueError:
        raise UsageError(f"'{celex}' is not a CELEX number; give one like 32016R0679") from None
    if registry.has_act(number):
        return number
    near = difflib.get_close_matches(number, [act.celex for act in registry], n=NEAREST, cutoff=0.0)
    raise UsageError(f"the act {number} is not in the corpus {corpus}; the nearest in it: {', '.join(near) or 'none'}")


def _documents(corpus: Path, celex: str) -> dict[str, list[LegalDocument]]:
    """Read the act's documents by language, the newest version first; only their rows are decoded."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, list[LegalDocument]] = {}
    for file in document_files(corpus):
        try:
            table = pq.read_table(file, columns=arrow_schema().names, filters=[("base_celex", "=", celex)])
        except pa.ArrowInvalid as error:
            raise UsageError(f"{file} is not a table of documents ({error}); run preprocess again") from error
        for row in table.to_pylist():
            document = LegalDocument.from_dict(row)
            if document.articles and document.document_type != "corrigendum":
                found.setdefault(document.language, []).append(document)
    for documents in found.values():
        documents.sort(key=lambda document: (document.consolidation_date or "", len(document.articles)), reverse=True)
    return found


def _sound_pairs(act: Act, registry: Registry, seed: int) -> list[Pair]:
    """Put every candidate of the act into words and keep the sound ones, a question once."""
    pairs: dict[str, Pair] = {}
    for candidate in find_all(act):
        pair = render(candidate, act, seed)
        if defect(pair, candidate, act, registry) is None:
            pairs.setdefault(pair.question, pair)
    return list(pairs.values())


def _choose(pools: dict[str, list[Pair]], kind: str, count: int, seed: int) -> dict[str, list[Pair]]:
    """Choose ``count`` pairs of a test kind in each language: first passages that every language has, then its own."""
    by_source = {
        language: {pair.source_id: pair for pair in pairs if pair.kind in TEST_KINDS.get(kind, (UNANSWERABLE,))}
        for language, pairs in pools.items()
    }
    if not by_source:
        return {}
    shared = set.intersection(*(set(sources) for sources in by_source.values()))

    def rank(source_id: str) -> tuple[bool, int]:
        if kind == UNANSWERABLE:
            return False, draw(seed, "test", kind, source_id)
        # a passage that itself cites other provisions makes it unclear what an answer must cite: only if need be
        cites_others = any(_cites_others(sources[source_id]) for sources in by_source.values() if source_id in sources)
        return cites_others, draw(seed, "test", kind, source_id)

    common = _spread(sorted(shared, key=rank), count)
    chosen = {}
    for language, sources in by_source.items():
        own = [source_id for source_id in sorted(sources, key=rank) if source_id not in common]
        chosen[language] = [sources[source_id] for source_id in [*common, *own][:count]]
    return chosen


def _spread(source_ids: Iterable[str], count: int) -> list[str]:
    """Take ``count`` passages in order, one for each article before a second one of any."""
    turns: Counter[str] = Counter()
    ranked = []
    for position, source_id in enumerate(source_ids):
        article = "/".join(source_id.split("/")[:2])
        ranked.append((turns[article], position, source_id))
        turns[article] += 1
    return [source_id for _, _, source_id in sorted(ranked)[:count]]


def _cites_others(pair: Pair) -> bool:
    return any(
        (found.article, found.celex or pair.celex) != (pair.article, pair.celex)
        for found in find_citations(pair.answer, pair.language)
        if found.article or found.celex != pair.celex
    )


def _record(pair: Pair, kind: str) -> dict[str, Any]:
    metadata = {name: value for name, value in pair.metadata().items() if name != "language"}
    return {
        "question": pair.question,
        "answer": pair.answer,
        "language": pair.language,
        "metadata": {**metadata, "kind": kind},
    }
