"""SFT data: from the corpus's documents to cited chats in train, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from preprocessing.corpus.documents import document_files
from preprocessing.corpus.registry import Registry
from preprocessing.errors import RecipeError, UsageError
from preprocessing.files import atomic_folder, write_json, write_json_lines
from preprocessing.instruct.acts import acts_of_law
from preprocessing.instruct.collect import Order, collect_files
from preprocessing.instruct.exclusion import Exclusion
from preprocessing.instruct.render import Pair, draw
from preprocessing.instruct.report import SftSummary, summarise
from preprocessing.instruct.select import LanguagePool, question_key
from preprocessing.instruct.split import SPLITS, Split
from preprocessing.languages import LANGUAGES, parse_languages
from preprocessing.progress import progress

OUTPUTS = {*SPLITS, "report.json", "report.txt"}


def build_sft(
    corpus: Path,
    output: Path,
    pairs: int = 150_000,
    languages: Sequence[str] = tuple(LANGUAGES),
    seed: int = 1234,
    shards: int = 8,
    exclude: Path | None = None,
    held_out: float = 0.01,
    workers: int = 1,
) -> SftSummary:
    """Build cited question-answer chats from the output folder of `preprocess` and write them to ``output``.

    Writes ``{train,validation,test}/*.jsonl`` (train in ``shards`` files), ``report.json`` and ``report.txt``; the
    folder is replaced as a whole. At most ``pairs`` pairs in all, each language its share of them as far as the corpus
    goes. ``exclude`` is a test set whose passages stay out. ``held_out`` is the share of acts that go to validation,
    and again to test; with the seed and share of `preprocess`, the validation acts are those of pre-training.
    Deterministic: the same corpus and seed give the same bytes with any number of ``workers`` (processes, one file of
    the corpus at a time each). Reads the corpus once, about 1 MB of text a second and worker where every pair is kept
    and four where few are; memory is that of twice the pairs asked for, once and for each worker.

    Raises:
        UsageError: a wrong argument, no corpus in ``corpus``, or something else in ``output``.
        RecipeError: not one pair could be built.
    """
    languages = parse_languages(",".join(languages))
    for name, value in (("pairs", pairs), ("shards", shards), ("workers", workers)):
        if value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}")
    _check_output(corpus, output)
    excluded = Exclusion.of_test_set(exclude)
    registry = Registry.load(corpus)
    acts = acts_of_law(registry)
    split = Split.by_act_or_article({act for language in languages for act in acts.get(language, ())}, held_out, seed)
    order = Order(
        corpus.resolve(), _quotas(pairs, languages), {name: len(found) for name, found in acts.items()}, excluded, seed
    )
    pools = {language: LanguagePool(quota, seed) for language, quota in order.quotas.items()}
    left_out: Counter[str] = Counter()
    documents = sound = 0
    seen: set[int] = set()
    files = document_files(corpus)
    for collected in progress(
        collect_files(files, order, workers), what="question-answer pairs", total=len(files), unit="file"
    ):
        documents += collected.documents
        sound += collected.sound
        left_out += collected.left_out
        for pair in collected.pairs:
            key = question_key(pair)
            if key in seen:
                left_out["pair: question asked before"] += 1
                sound -= 1
                continue
            seen.add(key)
            pools[pair.language].offer(pair)
    chosen = [pair for pool in pools.values() for pair in pool.chosen()]
    left_out["pair: beyond what was asked for"] += sound - len(chosen)
    if not chosen:
        raise RecipeError(
            f"no question could be built from the {documents} documents in {corpus}: "
            + "; ".join(f"{reason} ({count})" for reason, count in left_out.most_common(3) if count)
        )
    by_split = {name: [pair for pair in chosen if split.of(pair) == name] for name in SPLITS}
    summary = summarise(output, by_split, languages, pairs, left_out, split.how, registry, len(excluded))
    _write(output, by_split, shards, seed, summary)
    return summary


def _quotas(pairs: int, languages: Sequence[str]) -> dict[str, int]:
    total = sum(LANGUAGES[language].share for language in languages)
    return {language: max(1, round(pairs * LANGUAGES[language].share / total)) for language in languages}


def _check_output(corpus: Path, output: Path) -> None:
    """Refuse to replace a folder that holds anything but SFT data."""
    if output.is_file():
        raise UsageError(f"output {output} is a file; give a folder")
    if output.is_dir():
        foreign = sorted(path.name for path in output.iterdir() if path.name not in OUTPUTS)
        if foreign or output.resolve() == corpus.resolve():
            raise UsageError(
                f"output {output} holds something else ({', '.join(foreign[:3])}); give a folder of its own"
            )


def _write(output: Path, by_split: dict[str, list[Pair]], shards: int, seed: int, summary: SftSummary) -> None:
    with atomic_folder(output) as folder:
        for name, pairs in by_split.items():
            place = folder / name
            place.mkdir()
            pairs = sorted(pairs, key=lambda pair: draw(seed, "order", pair.language, pair.question))
            files = min(shards if name == "train" else 1, len(pairs))
            for shard in range(files):
                rows = [pair.chat() for pair in pairs[shard::files]]
                write_json_lines(place / f"{name}-{shard:05d}-of-{files:05d}.jsonl", rows)
        write_json(folder / "report.json", summary.to_dict())
        (folder / "report.txt").write_text(summary.text() + "\n", encoding="utf-8")
