"""The legal basis of an act: the treaties and acts that its preamble has regard to, with the articles it names.

    Having regard to the Treaty on the Functioning of the European Union, and in particular Article 16 thereof,
    Having regard to Regulation (EC) No 1/2003 of ... [1], and in particular Article 33 thereof,

Proposals, opinions and procedures stand among them and are no basis. A treaty has a CELEX number for each of its
versions, and the preamble does not say which is meant: it stays without one, unless a notice tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from preprocessing.citations.acts import named_acts
from preprocessing.citations.find import articles_before, articles_in
from preprocessing.document import Reference

_TREATY = re.compile(
    r"\b(?:Treat(?:y|ies)|Trait[ée]s?|Vertrag\w*|Verträgen?|Tratados?"
    r"|Acts? (?:of Accession|concerning the)|Actes? (?:d['’]adhésion|relatif)|(?:Beitritts)?akte|Acta (?:de|relativa)"
    r"|Act?o (?:de Adesão|relativo)|Protocol[eo]?|Protokolls?|Statutes?|Statuts|Satzung|Estatutos"
    r"|Agreement|Accord|Abkommen|Übereinkommen|Acuerdo|Acordo)\b",
    re.IGNORECASE,
)
# Before its name: what is regarded is not the act itself.
_NO_BASIS = re.compile(
    r"\b(?:proposals?|opinions?|views?|requests?|initiatives?|applications?|reports?|drafts?|acting|accordance|after"
    r"|consult\w*|resolutions?|communications?"
    r"|propositions?|avis|demandes?|rapports?|projets?|statuant|conformément|après|résolutions?"
    r"|Vorschlags?|Vorschläge|Stellungnahmen?|Antrag|Ersuchen|Entwurfs?|Bericht|gemäß|nach|Anhörung|Entschließung"
    r"|propuestas?|dict[aá]men(?:es)?|solicitud|informe|proyectos?|conformidad|previa|resolución"
    r"|propostas?|parecer(?:es)?|pedidos?|relatório|proje[ct]?tos?|deliberando|após|resolução)\b",
    re.IGNORECASE,
)
_IN_PARTICULAR = re.compile(
    r"\b(?:in particular|notamment|en particulier|insbesondere|en particular|especialmente|nomeadamente|designadamente"
    r"|em especial)\b",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[ \u00a0]([A-Z])(?![\w.])")  # "son article 100 A"


def legal_basis(visas: Iterable[str], language: str, known: Sequence[Reference] = ()) -> list[Reference]:
    """Return what the lines of a preamble name as basis, each with its words; one entry for each article.

    ``known`` is the basis by the notice: it gives treaties their numbers and adds what the lines do not name.
    """
    found = [reference for visa in visas for reference in _basis(visa, language)]
    for reference in found:
        if reference.celex is None and reference.article:
            same = [other.celex for other in known if other.article == reference.article]
            reference.celex = same[0] if len(same) == 1 else None
    named = {reference.celex for reference in found}
    return [*found, *(other for other in known if other.celex not in named)]


def _basis(visa: str, language: str) -> Iterator[Reference]:
    act = next(named_acts(visa), None)
    treaty = _TREATY.search(visa)
    if treaty and (act is None or treaty.start() < act.start):
        celex, start, end = None, treaty.start(), treaty.end()
    elif act:
        celex, start, end = act.celex, act.start, act.end
    else:
        return
    if _NO_BASIS.search(visa, 0, start):
        return
    particular = [match.end() for match in _IN_PARTICULAR.finditer(visa, end)]
    articles = (
        _articles(visa[particular[-1] :], language) if particular else articles_before(visa, 0, start, language)[0]
    )
    surface = visa.rstrip(" ,;")
    if not articles:
        yield Reference(celex, None, surface)
    for article in articles:
        yield Reference(celex, article, surface)


def _articles(words: str, language: str) -> list[str]:
    """Return the articles named, in order, each once; "100 A" is 100a."""
    articles: list[str] = []
    for numbers, end in articles_in(words, language):
        letter = _LETTER.match(words, end)
        if letter:
            numbers = [*numbers[:-1], numbers[-1] + letter[1].lower()]
        articles += numbers
    return list(dict.fromkeys(articles))
