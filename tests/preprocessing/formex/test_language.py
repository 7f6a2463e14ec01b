"""Languages: read from names, and checked against the text."""

from __future__ import annotations

import pytest

from preprocessing.formex.assemble import assemble
from preprocessing.formex.language import language_of_path, language_of_text
from preprocessing.formex.reader import read_file
from tests.preprocessing.formex.invented import act, article

# One invented rule about flying, in ten languages.
TEXTS = {
    "en": "Whoever flies by night shall carry two lamps and shall keep a record of every flight for three years.",
    "fr": "Quiconque vole de nuit porte deux lampes et tient pendant trois ans un registre de tous ses vols.",
    "de": "Wer nachts fliegt, muss zwei Lampen tragen und drei Jahre lang über jeden Flug ein Verzeichnis führen.",
    "es": "Quien vuele de noche llevará dos lámparas y conservará durante tres años un registro de cada vuelo.",
    "pt": "Quem voar de noite deve levar duas lanternas e conservar durante três anos um registo de cada voo.",
    "mt": "Kull min itir bil-lejl għandu jġorr żewġ lampi u jżomm reġistru ta' kull titjira għal tliet snin.",
    "sk": "Každý, kto lieta v noci, musí niesť dve lampy a počas troch rokov viesť záznam o každom svojom lete.",
    "cs": "Každý, kdo létá v noci, musí mít dvě svítilny a po dobu tří let vést záznamy o každém svém letu.",
    "ga": "Aon duine a eitlíonn san oíche, iompróidh sé dhá lampa agus coimeádfaidh sé taifead ar gach eitilt.",
    "hr": "Svatko tko leti noću mora nositi dvije svjetiljke i tijekom tri godine voditi evidenciju o svakom letu.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_wrong_mark_is_found_by_the_text(language: str) -> None:
    mark = "FR" if language == "en" else "EN"
    document = assemble([read_file(act(article("1", TEXTS[language] * 12), bib=f"<LG.DOC>{mark}</LG.DOC>"))], None, "x")
    assert document.language == language
    assert document.warnings[0] == f"language: marked {mark.lower()}, but the text is {language}"


@pytest.mark.parametrize("language", TEXTS)
def test_a_right_mark_stands_without_a_word(language: str) -> None:
    bib = f"<LG.DOC>{language.upper()}</LG.DOC>"
    document = assemble([read_file(act(article("1", TEXTS[language] * 12), bib=bib))], None, "x")
    assert document.language == language
    assert not any(warning.startswith("language") for warning in document.warnings)


@pytest.mark.parametrize("language", TEXTS)
def test_where_no_mark_is_the_text_tells(language: str) -> None:
    document = assemble([read_file(act(article("1", TEXTS[language] * 12), bib=""))], None, "x")
    assert document.language == language


def test_a_long_table_in_another_language_overrules_no_mark() -> None:
    assert language_of_text((TEXTS["fr"] + "\n") * 10 + (TEXTS["en"] + "\n") * 60, "fr") is None


def test_a_title_in_another_language_counts_for_little() -> None:
    assert language_of_text(TEXTS["en"] * 3 + TEXTS["de"] * 100, "") == "de"


@pytest.mark.parametrize("text", ["", "the law", "12 | 34 | 56\n" * 100, "\x00\x01\udc80" * 50])
def test_what_is_no_prose_has_no_language(text: str) -> None:
    assert language_of_text(text, "en") is None


def test_strange_characters_hide_no_language() -> None:
    assert language_of_text((TEXTS["de"] + "\x01\udc80\uffff") * 5) == "de"


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("L_2016119EN.01000101.xml", "en"),
        ("ECRCJ1999SVA.0800721301.xml", "sv"),
        ("L_202401689PT.000101.fmx.xml", "pt"),
        ("a/CL2013R0575FR0210010.0001.xml", "fr"),
        ("62099CJ0007.mt.fmx.xml", "mt"),
        ("LEG_DE_FMX_2026.zip!/0b1c/fmx4/DOC_2.xml", "de"),
        ("work/pt/DOC_2.xml", "pt"),
        ("work/act.xml", None),
    ],
)
def test_languages_are_read_from_names(path: str, language: str | None) -> None:
    assert language_of_path(path) == language
