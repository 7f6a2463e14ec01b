"""Structure: an act's own recitals, articles and annexes, and nobody else's."""

from __future__ import annotations

import pytest

from preprocessing.document import LegalDocument
from preprocessing.formex.assemble import assemble
from preprocessing.formex.numbering import article_number
from preprocessing.formex.reader import read_file
from tests.preprocessing.formex.invented import TITLE, act, annex, article

PREAMBLE = """<PREAMBLE><PREAMBLE.INIT>THE COUNCIL,</PREAMBLE.INIT><GR.CONSID><CONSID><P>Whereas:</P></CONSID>
<CONSID><NP><NO.P>(1)</NO.P><TXT>Things matter<NOTE NOTE.ID="E1"><P>OJ L 1.</P></NOTE>.</TXT></NP></CONSID>
<CONSID><NP><NO.P>(2)</NO.P><TXT>So do others.</TXT></NP></CONSID></GR.CONSID></PREAMBLE>"""


def read(*files: bytes) -> LegalDocument:
    return assemble([read_file(data) for data in files], None, "invented.xml")


def test_recitals_are_numbered_and_their_introduction_is_none() -> None:
    document = read(act(title=TITLE + PREAMBLE))
    assert [(recital.number, recital.text) for recital in document.recitals] == [
        ("1", "Things matter."),
        ("2", "So do others."),
    ]


def test_an_article_has_number_heading_path_and_paragraphs() -> None:
    body = """<DIVISION><TITLE><TI><P>CHAPTER I</P></TI><STI><P>General</P></STI></TITLE><ARTICLE IDENTIFIER="001">
      <TI.ART>Article 1</TI.ART><STI.ART>Scope</STI.ART><PARAG><NO.PARAG>1.</NO.PARAG><ALINEA>One<NOTE NOTE.ID="E1"><P>
      Note.</P></NOTE>:</ALINEA><ALINEA>still one.</ALINEA></PARAG><PARAG><NO.PARAG>2.</NO.PARAG><ALINEA>Two.</ALINEA>
      </PARAG></ARTICLE></DIVISION>"""
    (first,) = read(act(body)).articles
    assert (first.number, first.heading, first.path) == ("1", "Scope", ["CHAPTER I – General"])
    assert first.paragraphs == ["1. One:\nstill one.", "2. Two."]
    assert first.text == "\n".join(first.paragraphs)


def test_a_title_takes_the_number_before_it_and_no_line_before_that() -> None:
    title = "<TITLE><TI><P>Clouds</P></TI></TITLE>"
    body = f"<DIVISION><P>Before.</P><NO.DIV>I</NO.DIV>{title}{article('1', 'White.')}</DIVISION>"
    document = read(act(body))
    assert document.articles[0].path == ["I Clouds"]
    assert "Before.\nI Clouds\nArticle 1" in document.text


def test_text_of_an_article_outside_its_paragraphs_is_kept() -> None:
    body = "<ARTICLE><TI.ART>Article 1</TI.ART><P>Before.</P><ALINEA>In.</ALINEA><P>After.</P></ARTICLE>"
    assert read(act(body)).articles[0].paragraphs == ["Before.", "In.", "After."]


def test_quoted_articles_are_text_of_the_article_that_quotes_them() -> None:
    quoted = f"<QUOT.S LEVEL='1'>{article('7', 'Quoted text.')}</QUOT.S>"
    (own,) = read(act(article("1", f"Article 7 is replaced:{quoted}"))).articles
    assert own.number == "1"
    assert own.text == "Article 7 is replaced:\nArticle 7\nQuoted text."


def test_deleted_articles_are_gone() -> None:
    mark = '<?CLG.MDFO ID="O1" IDREF="C1" ACTION="DELETED"?>{}<?CLG.MDFC ID="C1" IDREF="O1"?>'
    document = read(act(article("1", "In force.") + mark.format(article("2", "Gone.")) + article("3", "Too.")))
    assert [own.number for own in document.articles] == ["1", "3"]
    assert "Gone" not in document.text


def test_an_act_repealed_as_a_whole_has_no_text_and_says_so() -> None:
    mark = '<?CLG.MDFO ID="O1" IDREF="C1" ACTION="REPEALED"?>{}<?CLG.MDFC ID="C1" IDREF="O1"?>'
    document = read(act(title=mark.format(TITLE + article("1", "Gone."))))
    assert document.text == ""
    assert {warning.split(":")[0] for warning in document.warnings} >= {"repealed", "no text"}


def test_titles_of_amending_acts_are_no_text() -> None:
    own = "<BIB.DATA><TITLE><TI><P>Own</P></TI></TITLE></BIB.DATA>"
    family = f"<FAM.COMP>{own}<GR.MOD.ACT><P>Other</P></GR.MOD.ACT></FAM.COMP>"
    document = read(act(article("1", "Text."), title=family + TITLE))
    assert document.title == "Regulation (EU) 2099/123 of the Council on invented things"
    assert "Other" not in document.text and "Own" not in document.text


def test_annex_files_and_inline_annexes_follow_the_act_and_own_no_articles() -> None:
    inline = (
        f"<CONS.ANNEX><TITLE><TI><P>ANNEX I</P></TI></TITLE><CONTENTS>{article('1', 'Model.')}</CONTENTS></CONS.ANNEX>"
    )
    document = read(act(article("1", "Text.") + inline), annex("Second."))
    assert [(part.heading, part.text) for part in document.annexes] == [
        ("ANNEX I", "Article 1\nModel."),
        ("ANNEX", "Second."),
    ]
    assert len(document.articles) == 1
    assert document.text.endswith("ANNEX\nSecond.")


def test_footnotes_are_numbered_through_act_and_annexes() -> None:
    note = "text<NOTE NOTE.ID='E1'><P>note</P></NOTE>"
    first = read_file(act(article("1", note)))
    second = read_file(annex(note), first_note=first.last_note + 1)
    assert assemble([first, second], None, "x.xml").text.count("[2] note") == 1


@pytest.mark.parametrize(
    ("title", "number"),
    [
        ("Article 5", "5"),
        ("Artikel 5a", "5a"),
        ("Article premier", "1"),
        ("Artículo 12 bis", "12bis"),
        ("Artigo 5.o-A", "5a"),
        ("Artigo 1.º", "1"),
        ("5. cikk", "5"),
        ("Article unique", "sole"),
        ("Článok 5", "5"),
        ("Article", "17"),
        ("Article (5)", "5"),
        ("Article 5 (ex Article 4)", "5"),
        ("Article 4-bis", "4bis"),
        ("Articles 5 to 7", "5 to 7"),
        ("Articles 5 à 7 bis", "5 à 7 bis"),
        ("5–7. cikk", "5-7"),
        ("Articles 5 – 7", "5-7"),
        ("Articles 1, 2\u00a0and 3", "1, 2 and 3"),
    ],
)
def test_article_numbers_are_bare(title: str, number: str) -> None:
    assert article_number(title, identifier="017") == number


LANGUAGES = {
    "bg": ("Член 5", "Член единствен"),
    "cs": ("Článek 5", "Jediný článek"),
    "da": ("Artikel 5", "Eneste artikel"),
    "de": ("Artikel 5", "Einziger Artikel"),
    "el": ("Άρθρο 5", "Άρθρο μόνο"),
    "en": ("Article 5", "Sole Article"),
    "es": ("Artículo 5", "Artículo único"),
    "et": ("Artikkel 5", "Ainus artikkel"),
    "fi": ("5 artikla", "Ainoa artikla"),
    "fr": ("Article 5", "Article unique"),
    "ga": ("Airteagal 5", "Airteagal Aonair"),
    "hr": ("Članak 5.", "Jedini članak"),
    "hu": ("5. cikk", "Egyetlen cikk"),
    "it": ("Articolo 5", "Articolo unico"),
    "lt": ("5 straipsnis", "Vienintelis straipsnis"),
    "lv": ("5. pants", "Vienīgais pants"),
    "mt": ("Artikolu 5", "Artikolu Uniku"),
    "nl": ("Artikel 5", "Enig artikel"),
    "pl": ("Artykuł 5", "Artykuł jedyny"),
    "pt": ("Artigo 5.o", "Artigo único"),
    "ro": ("Articolul 5", "Articol unic"),
    "sk": ("Článok 5", "Jediný článok"),
    "sl": ("Člen 5", "Edini člen"),
    "sv": ("Artikel 5", "Enda artikel"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_article_numbers_are_bare_in_every_official_language(language: str) -> None:
    assert [article_number(title) for title in LANGUAGES[language]] == ["5", "sole"]
