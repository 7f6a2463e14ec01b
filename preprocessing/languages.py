"""The languages we train on: their codes, names and shares of the training mix."""

from __future__ import annotations

from dataclasses import dataclass

from preprocessing.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Language:
    """One language of the corpus.

    ``share`` is the default part of the training mix (0 to 1), reached by blend weights, never by dropping data.
    """

    code: str  # ISO 639-1, lower case
    name: str  # in English
    share: float


LANGUAGES: dict[str, Language] = {
    language.code: language
    for language in (
        Language("en", "English", 0.35),
        Language("fr", "French", 0.25),
        Language("de", "German", 0.20),
        Language("es", "Spanish", 0.12),
        Language("pt", "Portuguese", 0.08),
    )
}


def parse_languages(value: str) -> tuple[str, ...]:
    """Read a comma-separated list of language codes, e.g. ``"en,fr"``, keeping the order and dropping repeats.

    Raises:
        UsageError: a code is unknown, or the list is empty.
    """
    codes = [code.strip().lower() for code in value.split(",") if code.strip()]
    if not codes:
        raise UsageError(f"no language given; name some of: {', '.join(LANGUAGES)}")
    for code in codes:
        if code not in LANGUAGES:
            raise UsageError(f"unknown language '{code}'.{did_you_mean(code, LANGUAGES)}")
    return tuple(dict.fromkeys(codes))
