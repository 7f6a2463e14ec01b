"""What a person may choose about a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.corpus.selection import Rules
from preprocessing.errors import UsageError
from preprocessing.languages import LANGUAGES, parse_languages
from preprocessing.split import check_share


@dataclass(frozen=True)
class Settings:
    """The choices; every one has the value that the recipes use.

    ``shares`` are the languages' parts of the training mix (any numbers; by default 35, 25, 20, 12, 8 per cent).
    ``replay`` is an indexed dataset of general text (its prefix) and the share of the tokens that it gets.
    ``best_share`` is the part of each language's training tokens that ``cpt_fast`` reads.
    """

    languages: tuple[str, ...] = tuple(LANGUAGES)
    shares: Mapping[str, float] = field(default_factory=dict)
    replay: tuple[Path, float] | None = None
    shards: int | None = None
    seq_length: int = 4096
    validation_share: float = 0.01
    seed: int = 1234
    best_share: float = 0.4
    min_characters: int = 200
    max_warnings: int | None = None
    corrigenda: bool = True
    annexes: bool = True
    versions: str = "newest"
    near_duplicates: float = 0.8

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", parse_languages(",".join(self.languages)))
        _ = self.rules  # which checks its own
        for name, value in (("shards", self.shards), ("seq-length", self.seq_length)):
            if value is not None and value < 1:
                raise UsageError(f"--{name} must be at least 1, not {value}")
        check_share(self.validation_share)
        for name, share in (("best-share", self.best_share), ("near-duplicates", self.near_duplicates)):
            if not 0 <= share <= 1:
                raise UsageError(f"--{name} must lie between 0 and 1, not {share}")
        if self.versions not in ("newest", "all"):
            raise UsageError(f"--versions must be newest or all, not {self.versions}")
        if self.shares and set(self.shares) != set(self.languages):
            raise UsageError(f"--shares must name each of {', '.join(self.languages)}, and no other language")
        if any(not share > 0 for share in self.shares.values()):
            raise UsageError("--shares must be positive numbers, for example en=35,fr=25,de=20,es=12,pt=8")
        if self.replay and not 0 < self.replay[1] < 1:
            raise UsageError(f"the share of --replay must lie between 0 and 1, not {self.replay[1]}")

    @property
    def rules(self) -> Rules:
        """What a document by itself must be like."""
        return Rules(self.languages, self.min_characters, self.max_warnings, self.corrigenda, self.annexes)

    def mix(self, languages: list[str]) -> dict[str, float]:
        """Return the share of each of ``languages`` in the training mix, 1 in all."""
        shares = {code: self.shares.get(code, 0.0) or LANGUAGES[code].share for code in languages}
        total = sum(shares.values())
        return {code: share / total for code, share in shares.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for the manifest and the report."""
        value = asdict(self)
        value["languages"] = list(self.languages)
        value["shares"] = dict(self.shares)
        value["replay"] = [str(self.replay[0]), self.replay[1]] if self.replay else None
        return value


def parse_shares(value: str) -> dict[str, float]:
    """Read ``en=35,fr=25``; an empty string is no choice.

    Raises:
        UsageError: it is written otherwise.
    """
    shares = {}
    for item in filter(None, value.split(",")):
        language, _, share = item.partition("=")
        try:
            shares[parse_languages(language)[0]] = float(share)
        except ValueError as error:
            raise UsageError(f"--shares {value}: write en=35,fr=25,de=20,es=12,pt=8") from error
    return shares


def parse_replay(value: str) -> tuple[Path, float] | None:
    """Read ``PREFIX=SHARE``; an empty string is no choice.

    Raises:
        UsageError: it is written otherwise.
    """
    if not value:
        return None
    prefix, _, share = value.rpartition("=")
    try:
        return Path(prefix or "?"), float(share)
    except ValueError as error:
        raise UsageError(f"--replay {value}: write PREFIX=SHARE, for example general/text_document=0.05") from error
