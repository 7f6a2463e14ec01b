"""The blend files, the tokenizer they name, and the shares they give to each language."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.corpus.blend import Blend, BlendEntry, read_blend
from preprocessing.corpus.holdout import SPLITS
from preprocessing.corpus.tokenizer import TokenizerFacts, load_tokenizer
from preprocessing.errors import RecipeError, UsageError
from preprocessing.languages import LANGUAGES
from tools.check.indices import Index
from tools.check.manifest import Manifest
from tools.check.report import Check

MAIN = "blend.yaml"
# Entry of general text, which lies outside the corpus.
REPLAY = "replay"
# Weights are written with six digits.
TOLERANCE = 1e-4


@dataclass
class Blends:
    """The blend files of a corpus by name, and the vocabulary that they agree on (its size, end-of-text id)."""

    files: dict[str, Blend] = field(default_factory=dict)

    @property
    def first(self) -> Blend | None:
        return next(iter(self.files.values()), None)

    @property
    def vocabulary(self) -> tuple[int, int] | None:
        return (self.first.vocab_size, self.first.end_of_text_id) if self.first else None


def read_blends(folder: Path, check: Check) -> Blends:
    """Read ``cpt/blend*.yaml``; what is wrong with them goes to ``check``."""
    blends = Blends()
    for path in dict.fromkeys([folder / "cpt" / MAIN, *sorted((folder / "cpt").glob("blend*.yaml"))]):
        try:
            blends.files[path.name] = read_blend(path)
        except RecipeError as error:
            check.fail(str(error))
    for name, blend in blends.files.items():
        first = blends.first
        if first and (blend.vocab_size, blend.end_of_text_id, blend.tokenizer_sha256) != (
            first.vocab_size,
            first.end_of_text_id,
            first.tokenizer_sha256,
        ):
            check.fail(f"cpt/{name} names another tokenizer than cpt/{MAIN}")
    return blends


def check_blends(folder: Path, blends: Blends, indexes: Mapping[str, Index], check: Check) -> Check:
    """Compare each entry with the dataset it names."""
    named = set()
    for file, blend in blends.files.items():
        for split in SPLITS:
            for entry in getattr(blend, split):
                if entry.language == REPLAY:
                    missing = [end for end in (".bin", ".idx") if not Path(f"{entry.prefix}{end}").is_file()]
                    check.fail_each(f"cpt/{file}: {entry.prefix}{end} (replay) is missing" for end in missing)
                    continue
                named.add(entry.prefix)
                check.fail_each(_wrong(f"cpt/{file}, {split}, {entry.language}", entry, split, folder, indexes))
    if blends.files:
        for name, index in indexes.items():
            if index.prefix.resolve() not in named:
                check.fail(f"cpt/{name} is in no blend file: training would not see it")
    check.found = f"{', '.join(blends.files)}: {len(named)} datasets"
    return check


def _wrong(where: str, entry: BlendEntry, split: str, folder: Path, indexes: Mapping[str, Index]) -> list[str]:
    by_prefix = {index.prefix.resolve(): index for index in indexes.values()}
    index = by_prefix.get(entry.prefix)
    if index is None:
        return [f"{where}: {os.path.relpath(entry.prefix, folder.resolve())} is missing or cannot be read"]
    language, kind = index.name.split("/")
    wrong = []
    if language != entry.language or (kind == SPLITS[1]) != (split == SPLITS[1]):
        wrong.append(f"{where} names cpt/{index.name}")
    for what, said, real in (
        ("documents", entry.documents, len(index.lengths)),
        ("tokens", entry.tokens, index.tokens),
    ):
        if said != real:
            wrong.append(f"{where}: {said:,} {what}, cpt/{index.name} has {real:,}")
    return wrong


def check_tokenizer(
    folder: Path | None, manifest: Manifest | None, blends: Blends
) -> tuple[Check, TokenizerFacts | None]:
    """Compare the tokenizer with the one that made the corpus.

    It is that of ``folder``, else the one whose path the settings note, where it is still there.

    Returns:
        The check, and the tokenizer when it may be used to read the tokens.

    Raises:
        UsageError: ``folder`` was given and holds no tokenizer.
    """
    check = Check("tokenizer")
    place = folder or _noted(manifest)
    if place is None:
        check.skip("whether the model's tokenizer is that of the corpus; give --tokenizer DIR")
        return check, None
    try:
        facts = load_tokenizer(place)
    except UsageError:
        raise
    except RecipeError as error:
        check.fail(str(error))
        return check, None
    if blends.first is None:
        check.skip("which tokenizer made the corpus: no blend file can be read")
        return check, facts
    said = (blends.first.tokenizer_sha256, *(blends.vocabulary or ()))
    if said == (facts.sha256, facts.vocab_size, facts.end_of_text_id):
        check.found = f"{place}/tokenizer.json is the one that made the corpus"
        return check, facts
    if folder is None:
        check.skip(f"{place}, where the corpus was made, now holds another tokenizer; give --tokenizer DIR")
    elif said[0] != facts.sha256:
        check.fail(
            f"{place}/tokenizer.json (sha256 {facts.sha256[:12]}...) is not that of the blend ({said[0][:12]}...)"
        )
    else:
        check.fail(
            f"the blend says {said[1]:,} ids and end-of-text {said[2]}; {place}/tokenizer.json has "
            f"{facts.vocab_size:,} and {facts.end_of_text_id}"
        )
    return check, None


def _noted(manifest: Manifest | None) -> Path | None:
    """Return the tokenizer folder noted in the settings, where it is still there."""
    values = [value for name, value in (manifest.settings if manifest else {}).items() if name.startswith("tokenizer")]
    places = (Path(value) for value in values if isinstance(value, str))
    return next((place for place in places if (place / "tokenizer.json").is_file()), None)


def check_shares(blends: Blends, manifest: Manifest | None, rows: Mapping[str, Any]) -> Check:
    """Compare the weights of each blend with the shares asked for, else with ``rows``, the report's by language."""
    check = Check("shares")
    if not blends.files:
        check.skip("the shares of the languages: no blend file can be read")
    settings = manifest.settings if manifest else {}
    for file, blend in blends.files.items():
        weights = {entry.language: entry.weight for entry in blend.train}
        total = sum(weights.values())
        replay = weights.pop(REPLAY, 0.0)
        wanted = _wanted(list(weights), settings, rows)
        asked = settings.get(REPLAY)
        share = float(asked[1]) if isinstance(asked, list) and len(asked) == 2 else 0.0
        wanted = {language: (1 - share) * part / (sum(wanted.values()) or 1) for language, part in wanted.items()}
        for language, part in {**wanted, REPLAY: share}.items():
            actual = (replay if language == REPLAY else weights[language]) / total
            if abs(actual - part) > TOLERANCE:
                check.fail(f"cpt/{file}: {language} has {actual:.2%} of the mix, {part:.2%} was wanted")
        if file == MAIN:
            mix = {**weights, **({REPLAY: replay} if replay else {})}
            check.found = ", ".join(f"{language} {weight / total:.1%}" for language, weight in mix.items())
    return check


def _wanted(languages: list[str], settings: Mapping[str, Any], rows: Mapping[str, Any]) -> dict[str, float]:
    asked = settings.get("shares")
    if isinstance(asked, dict) and any(asked.get(language) for language in languages):
        return {language: float(asked.get(language) or 0) for language in languages}
    if all(language in rows for language in languages):
        return {language: float(rows[language]["mix_weight"]) for language in languages}
    return {language: LANGUAGES[language].share if language in LANGUAGES else 0.0 for language in languages}
