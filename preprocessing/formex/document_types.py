"""What kind of document it is: by its root element, its legal value, or the words of its title in any language.

The codes of LEGAL.VALUE are those of the FORMEX manual. What is no kind of its own in our list is "other".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preprocessing.celex import TYPE_LETTERS

_BY_ROOT = {
    "JUDGMENT": "judgment",
    "JUDGMENT.NP": "judgment",
    "ORDER": "order",
    "ORDER.NP": "order",
    "RULING": "order",
    "OPINION": "opinion",
    "CONCLUSION": "advocate_general_opinion",
    "DECISION.ECR": "decision",
    "CORR": "corrigendum",
    "CORRIGENDUM.ECR": "corrigendum",
    "AGR": "agreement",
    "ANNEX": "annex",
    "CASE": "notice",
    "CJT": "notice",
    "COMPETITION": "notice",
}
# The first of these that a legal value begins with; others, OTHER among them, leave it to the title.
_BY_LEGAL_VALUE = (
    ("CORRIGENDUM", "corrigendum"),
    ("REG", "regulation"),
    ("DIR", "directive"),
    ("DEC", "decision"),
    ("REC", "recommendation"),
    ("OP", "opinion"),
    ("AGR", "agreement"),
    ("PROT", "agreement"),
    ("TREATY", "agreement"),
    ("JUDGMENT", "judgment"),
    ("ORDER", "order"),
    ("NOTICE", "notice"),
    ("INFO", "notice"),
    ("CASE", "notice"),
    ("COMMUNIC", "notice"),
    ("COMPETITION", "notice"),
    ("STATE.AID", "notice"),
    *((code, "other") for code in ("AM.PROP", "PROP", "RESOLUTION", "PROC", "BUDGET", "ANNEX.BUDGET", "SAB")),
    *((code, "other") for code in ("COM.POS", "JOINT.ACT", "GENGUID", "MP.", "WQ", "ECU", "LIST.COM", "REMOVAL")),
)
# The first of these words in a title tells the type: English, French, German, Spanish and Portuguese, then the others.
# Endings are left open, as most are declined; an asterisk marks words that end compounds.
_WORDS = {
    "other": """
        proposal proposition vorschlag propuesta proposta resolution résolution entschließung resolución resolução""",
    "corrigendum": """
        corrigend rectificati berichtigung corrección rectificação retificação поправк oprava berigtigelse διορθωτικ
        parandus oikaisu ceartúchán ispravak helyesbítés rettific rettifik klaidų labojum sprostowani rectificare
        korigend popravek rättelse""",
    "regulation": """
        regulation règlement *verordnung reglamento regulamento регламент *nařízení *forordning κανονισμ *määrus *asetu
        rialachán *uredb *rendelet regolament reglament regula regulā regulu
        *verordening *rozporządzeni *nariadeni *förordning""",
    "directive": """
        directive *richtlinie directiva diretiva директив *směrnic *direktiv *direktiiv οδηγία treoir *irányelv
        direttiva direktyv direktīv *richtlijn *dyrektyw *smernic""",
    "decision": """
        decision décision *beschluss *entscheidung decisión decisão *решение *rozhodnut *afgørelse *beslut απόφαση
        *otsus *päätö cinneadh *odluk *határozat decisione sprendim lēmum deċiżjoni *besluit *beschikking *decyzj decizi
        *sklep *odločb""",
    "recommendation": """
        recommendation recommandation empfehlung recomendación recomendação препорък doporučení henstilling σύσταση
        soovitus suositu moladh preporuk ajánlás raccomandazion rekomendacij ieteikum rakkomandazzjoni aanbeveling
        zaleceni recomandar odporúčani priporočil rekommendation""",
    "opinion": """
        opinion avis stellungnahme dictamen parecer становище stanovisko udtalelse γνώμη arvamus lausunto tuairim
        mišljenj vélemény parere nuomon atzinum opinjoni advies opinia aviz mnenj yttrande""",
    "agreement": "agreement protocol convention accord protocole *abkommen übereinkommen acuerdo acordo",
    "notice": "notice communication bekanntmachung mitteilung anuncio comunicación aviso comunicação",
}


def _pattern(words: str) -> str:
    return "|".join(re.escape(word[1:]) if word.startswith("*") else rf"\b{word}" for word in words.split())


_TITLE_WORD = re.compile("|".join(rf"(?P<{name}>{_pattern(words)})" for name, words in _WORDS.items()), re.IGNORECASE)
_TITLE_LENGTH = 300


def document_type(root: str, legal_value: str, title: str) -> str:
    """Return one of ``preprocessing.document.DOCUMENT_TYPES``."""
    if root in _BY_ROOT:
        return _BY_ROOT[root]
    for prefix, kind in _BY_LEGAL_VALUE:
        if legal_value.startswith(prefix):
            return kind
    return next(types_in_title(title), "other")


def type_beside(title: str, number: str) -> str | None:
    """Return the type that the word nearest to ``number`` names: before it in most languages, after it in Hungarian."""
    place = title.find(number)
    words = [
        (match.start() - place, match) for match in _TITLE_WORD.finditer(title) if match.lastgroup != "corrigendum"
    ]
    if place < 0 or not words:
        return None
    return min(words, key=lambda word: abs(word[0]))[1].lastgroup


def types_in_title(title: str) -> Iterator[str]:
    """Yield the types that the words of a title name, in order."""
    for match in _TITLE_WORD.finditer(title[:_TITLE_LENGTH]):
        yield match.lastgroup or "other"


def celex_letter(kind: str, legal_value: str, community: str, number_first: bool) -> str | None:
    """Return the letter of an act's CELEX number in sector 3, None where it has none or its form leaves it open.

    ``community`` is that of its number (COM: "EU", "CFSP", ... or ""); ``number_first`` says that the number is printed
    before the year. Resolutions, rules of procedure, guidelines and the like are numbered by the day and their place in
    it, agreements in sector 2 likewise: none of that is in the files.
    """
    if legal_value in ("JOINT.ACT", "COM.POS"):
        return {"CFSP": "E", "JHA": "F"}.get(community)
    ecsc = "ECSC" in (community, legal_value.rpartition(".")[2])
    if kind == "decision":
        if ecsc:  # general decisions are numbered by the Community, all others by the Official Journal
            return "S" if number_first else "D"
        if legal_value == "DEC.EEA" or (number_first and not community):
            return None  # of a body under an agreement
        if community == "JHA":
            return None  # a decision or a framework decision: only the title tells
    elif kind == "recommendation" and ecsc:
        return None
    return TYPE_LETTERS.get(kind)
