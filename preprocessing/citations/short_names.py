"""The well-known short names of acts: the one table of them, and how names compare.

Most names are found in the acts themselves (:mod:`preprocessing.citations.defined_names`); here stand those that people
use and no title defines ("MiFID II", "DSGVO"), and those that every citation is searched for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

# By CELEX number, then by language; "" has the names that are the same in all of them.
SHORT_NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "32016R0679": {
        "en": ("GDPR", "gdpr", "General Data Protection Regulation"),
        "fr": ("RGPD", "rgpd", "règlement général sur la protection des données"),
        "de": ("DSGVO", "dsgvo", "DS-GVO", "Datenschutz-Grundverordnung"),
        "es": ("RGPD", "rgpd", "Reglamento general de protección de datos"),
        "pt": (
            "RGPD",
            "rgpd",
            "Regulamento Geral sobre a Proteção de Dados",
            "Regulamento Geral de Proteção de Dados",
        ),
    },
    "32016L0680": {"en": ("Law Enforcement Directive",)},
    "32018R1725": {"en": ("EUDPR",)},
    "32002L0058": {
        "en": ("ePrivacy Directive", "Directive on privacy and electronic communications"),
        "fr": ("directive vie privée et communications électroniques",),
        "de": ("ePrivacy-Richtlinie", "Datenschutzrichtlinie für elektronische Kommunikation"),
        "es": ("Directiva sobre la privacidad y las comunicaciones electrónicas",),
        "pt": ("Diretiva Privacidade e Comunicações Eletrónicas",),
    },
    "32000L0031": {
        "en": ("e-Commerce Directive", "Directive on electronic commerce"),
        "fr": ("directive sur le commerce électronique",),
        "de": ("E-Commerce-Richtlinie", "Richtlinie über den elektronischen Geschäftsverkehr"),
        "es": ("Directiva sobre el comercio electrónico",),
        "pt": ("Diretiva sobre o comércio eletrónico",),
    },
    "32022R2065": {
        "": ("DSA",),
        "en": ("Digital Services Act",),
        "fr": ("règlement sur les services numériques",),
        "de": ("Gesetz über digitale Dienste",),
        "es": ("Reglamento de Servicios Digitales",),
        "pt": ("Regulamento dos Serviços Digitais",),
    },
    "32022R1925": {
        "": ("DMA",),
        "en": ("Digital Markets Act",),
        "fr": ("règlement sur les marchés numériques",),
        "de": ("Gesetz über digitale Märkte",),
        "es": ("Reglamento de Mercados Digitales",),
        "pt": ("Regulamento dos Mercados Digitais",),
    },
    "32024R1689": {
        "": ("AI Act",),
        "en": ("Artificial Intelligence Act",),
        "fr": ("règlement sur l'intelligence artificielle",),
        "de": ("KI-Verordnung", "KI-VO", "Verordnung über künstliche Intelligenz"),
        "es": ("Reglamento de Inteligencia Artificial",),
        "pt": ("Regulamento da Inteligência Artificial",),
    },
    "32023R2854": {"en": ("Data Act",), "de": ("Datenverordnung",)},
    "32022R0868": {"en": ("Data Governance Act",), "de": ("Daten-Governance-Rechtsakt",)},
    "32022L2555": {
        "en": ("NIS 2", "NIS2", "NIS 2 Directive"),
        "fr": ("SRI 2", "directive SRI 2"),
        "de": ("NIS-2", "NIS-2-Richtlinie"),
        "es": ("SRI 2", "Directiva SRI 2"),
        "pt": ("SRI 2", "Diretiva SRI 2"),
    },
    "32014R0910": {"": ("eIDAS",)},
    "32014L0065": {"": ("MiFID II",)},
    "32004L0039": {"": ("MiFID I",)},
    "32014R0600": {"": ("MiFIR",)},
    "32013R0575": {"": ("CRR",)},
    "32013L0036": {"": ("CRD IV",)},
    "32014L0059": {"": ("BRRD",)},
    "32012R0648": {"": ("EMIR",)},
    "32011L0061": {"": ("AIFMD",)},
    "32009L0065": {
        "en": ("UCITS Directive",),
        "fr": ("directive OPCVM",),
        "de": ("OGAW-Richtlinie",),
        "es": ("Directiva OICVM",),
        "pt": ("Diretiva OICVM",),
    },
    "32009L0138": {
        "en": ("Solvency II",),
        "fr": ("Solvabilité II",),
        "de": ("Solvabilität II",),
        "es": ("Solvencia II",),
        "pt": ("Solvência II",),
    },
    "32014R0596": {
        "en": ("Market Abuse Regulation",),
        "fr": ("règlement relatif aux abus de marché",),
        "de": ("Marktmissbrauchsverordnung",),
        "es": ("Reglamento sobre abuso de mercado",),
        "pt": ("Regulamento Abuso de Mercado",),
    },
    "32015L2366": {"en": ("PSD2",), "fr": ("DSP2",), "de": ("PSD2",), "es": ("PSD2",), "pt": ("DSP2",)},
    "32019R2088": {"": ("SFDR",)},
    "32022L2464": {"": ("CSRD",)},
    "32022R2554": {"": ("DORA",)},
    "32023R1114": {"": ("MiCA",)},
    "32006R1907": {"": ("REACH",)},
    "32008R1272": {"en": ("CLP Regulation",), "fr": ("règlement CLP",), "de": ("CLP-Verordnung",)},
    "32011L0065": {"": ("RoHS",)},
    "32012L0019": {
        "en": ("WEEE Directive",),
        "fr": ("directive DEEE",),
        "de": ("WEEE-Richtlinie",),
        "es": ("Directiva RAEE",),
        "pt": ("Diretiva REEE",),
    },
    "32000L0060": {
        "en": ("Water Framework Directive",),
        "fr": ("directive-cadre sur l'eau",),
        "de": ("Wasserrahmenrichtlinie",),
        "es": ("Directiva marco del agua",),
        "pt": ("Diretiva-Quadro da Água",),
    },
    "31992L0043": {
        "en": ("Habitats Directive",),
        "fr": ("directive Habitats",),
        "de": ("FFH-Richtlinie", "Habitatrichtlinie"),
        "es": ("Directiva de hábitats",),
        "pt": ("Diretiva Habitats",),
    },
    "32009L0147": {
        "en": ("Birds Directive",),
        "fr": ("directive Oiseaux",),
        "de": ("Vogelschutzrichtlinie",),
        "es": ("Directiva de aves",),
        "pt": ("Diretiva Aves",),
    },
    "32021R1119": {
        "en": ("European Climate Law",),
        "fr": ("loi européenne sur le climat",),
        "de": ("Europäisches Klimagesetz",),
        "es": ("Legislación europea sobre el clima",),
        "pt": ("Lei europeia em matéria de clima",),
    },
    "32008R0593": {"en": ("Rome I",), "fr": ("Rome I",), "de": ("Rom I",), "es": ("Roma I",), "pt": ("Roma I",)},
    "32007R0864": {"en": ("Rome II",), "fr": ("Rome II",), "de": ("Rom II",), "es": ("Roma II",), "pt": ("Roma II",)},
    "32012R1215": {
        "en": ("Brussels Ia", "Brussels I bis"),
        "fr": ("Bruxelles I bis",),
        "de": ("Brüssel Ia",),
        "es": ("Bruselas I bis",),
        "pt": ("Bruxelas I-A",),
    },
    "32013R0604": {"": ("Dublin III",)},
    "32016R0399": {
        "en": ("Schengen Borders Code",),
        "fr": ("code frontières Schengen",),
        "de": ("Schengener Grenzkodex",),
        "es": ("Código de fronteras Schengen",),
        "pt": ("Código das Fronteiras Schengen",),
    },
    "32005L0029": {
        "en": ("Unfair Commercial Practices Directive",),
        "fr": ("directive sur les pratiques commerciales déloyales",),
    },
    "32011L0083": {"en": ("Consumer Rights Directive",)},
    "32003L0088": {"en": ("Working Time Directive",), "de": ("Arbeitszeitrichtlinie",)},
    "32017R0745": {"en": ("Medical Devices Regulation",)},
}

_LEADING_ARTICLE = re.compile(
    r"^(?:(?:the|le|la|les|der|die|das|des|dem|el|los|las|o|a|os|as)\s+|l['’]\s*)", re.IGNORECASE
)
_WORD = re.compile(r"\w+")
_QUOTES = "‘’“”„«»\"' \u00a0"


def bare_name(name: str) -> str:
    """Return a name without quotation marks and the article before it, white space put in order."""
    return _LEADING_ARTICLE.sub("", " ".join(name.strip(_QUOTES).split())).strip(_QUOTES)


def name_key(name: str) -> str:
    """Return what equal names share, however they are spelt: ``DS-GVO`` and ``dsgvo``, with and without accents."""
    decomposed = unicodedata.normalize("NFKD", bare_name(name).casefold())
    return "".join(character for character in decomposed if character.isalnum())


@cache
def known_names() -> dict[str, str]:
    """Return the CELEX numbers of the table by :func:`name_key`."""
    return {
        name_key(name): celex
        for celex, by_language in SHORT_NAMES.items()
        for names in by_language.values()
        for name in names
    }


def names_of(celex: str) -> dict[str, tuple[str, ...]]:
    """Return the table's names of one act by language ("" for all), each spelling once."""
    found: dict[str, tuple[str, ...]] = {}
    for language, names in SHORT_NAMES.get(celex, {}).items():
        found[language] = tuple({name_key(name): name for name in reversed(names)}.values())[::-1]
    return found


def find_known_names(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where names of the table stand in ``text``, and the CELEX number of the act.

    Abbreviations count as they are written (no act is meant by "reach" or "mar"), names of several words in any case.
    """
    patterns, end = _patterns(), 0
    for word in _WORD.finditer(text):  # each word is looked up: much faster than one expression of all names
        pattern = patterns.get(word[0].casefold())
        match = pattern.match(text, word.start()) if pattern and word.start() >= end else None
        if match:
            end = match.end()
            yield match.start(), end, known_names()[name_key(match[0])]


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """By the first word: the names that begin with it, the longest first."""
    names = {name for by_language in SHORT_NAMES.values() for names in by_language.values() for name in names}
    by_word: dict[str, set[str]] = {}
    for name in names:
        for spelling in (name, name.replace("-", "")):
            word = _WORD.match(spelling)
            if word:
                by_word.setdefault(word[0].casefold(), set()).add(name)
    return {word: _pattern(names) for word, names in by_word.items()}


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    sources = [_source(name) if _is_abbreviation(name) else f"(?i:{_source(name)})" for name in longest_first]
    return re.compile(rf"(?:{'|'.join(sources)})(?!\w)")


def _is_abbreviation(name: str) -> bool:
    return " " not in name and len(name) <= 7


def _source(name: str) -> str:
    source = re.escape(name).replace(r"\ ", r"[\s\u00a0]").replace(r"\-", "-?")
    return source.replace("'", "['’]")
