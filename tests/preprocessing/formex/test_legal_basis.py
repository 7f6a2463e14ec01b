"""The legal basis: what the preamble has regard to."""

from __future__ import annotations

import pytest

from preprocessing.document import Reference
from preprocessing.formex.assemble import assemble
from preprocessing.formex.legal_basis import legal_basis
from preprocessing.formex.notices import Notice
from preprocessing.formex.reader import read_file
from tests.preprocessing.formex.invented import NUMBER, TITLE, act

VISAS = """<GR.VISA><VISA>Having regard to the Treaty on Flying, and in particular Articles 16 and 18(2) thereof,</VISA>
<VISA>Having regard to Council Regulation (EU) 2098/9 of 1 April 2098 implementing Articles 81 and 82 of the
Treaty<NOTE NOTE.ID="E1"><P>OJ L 9, 2098, p. 1.</P></NOTE>, and in particular Article 5(1) thereof,</VISA>
<VISA>Having regard to the proposal from the Commission under Regulation (EU) 2098/3,</VISA></GR.VISA>"""


def found(visa: str, language: str = "en") -> list[tuple[str | None, str | None]]:
    return [(reference.celex, reference.article) for reference in legal_basis([visa], language)]


@pytest.mark.parametrize(
    ("language", "visa", "articles"),
    [
        ("en", "Having regard to the Treaty on Flying, and in particular Article 54 (3) (g) thereof,", ["54"]),
        ("en", "Having regard to the Treaty, and in particular Articles 47(2), 55 and 95 thereof,", ["47", "55", "95"]),
        ("en", "Having regard to the Treaty, and in particular Article 61(c) and Article 67 thereof,", ["61", "67"]),
        ("en", "Having regard to the Treaty on Flying,", [None]),
        (
            "fr",
            "vu le traité sur le vol, et notamment son article 47, paragraphe 2, et ses articles 55 et 95,",
            ["47", "55", "95"],
        ),
        ("fr", "vu le traité sur le vol, et notamment son article 100 A,", ["100a"]),
        ("de", "gestützt auf den Vertrag über das Fliegen, insbesondere auf Artikel 16,", ["16"]),
        ("es", "Visto el Tratado de Vuelo, y en particular su artículo 16,", ["16"]),
        ("pt", "Tendo em conta o Tratado sobre o Voo, nomeadamente o artigo 16.o,", ["16"]),
        ("fi", "ottavat huomioon lentosopimuksen ja erityisesti sen 16 artiklan,", []),
    ],
)
def test_articles_of_treaties_are_named(language: str, visa: str, articles: list[str | None]) -> None:
    assert found(visa, language) == [(None, article) for article in articles]


@pytest.mark.parametrize(
    ("language", "visa", "articles"),
    [
        ("en", "Having regard to Regulation (EU) 2098/9, and in particular the second paragraph of Article 4,", ["4"]),
        ("en", "Having regard to Article 7 of Regulation (EU) 2098/9,", ["7"]),
        ("en", "Having regard to Regulation (EU) 2098/9 repealing Directive 2090/1/EU,", [None]),
        ("fr", "vu le règlement (UE) 2098/9 du Conseil [1], et notamment son article 4, paragraphe 1,", ["4"]),
        ("de", "gestützt auf die Verordnung (EU) 2098/9 [1], insbesondere auf die Artikel 4 und 6,", ["4", "6"]),
    ],
)
def test_acts_are_named_with_their_articles(language: str, visa: str, articles: list[str | None]) -> None:
    assert found(visa, language) == [("32098R0009", article) for article in articles]


@pytest.mark.parametrize(
    "visa",
    [
        "Having regard to the proposal from the Commission,",
        "Having regard to the opinion of the Court under Article 5 of Regulation (EU) 2098/9,",
        "Acting in accordance with the procedure laid down in Article 251 of the Treaty,",
        "After consulting the Committee set up by Regulation (EU) 2098/9,",
    ],
)
def test_proposals_opinions_and_procedures_are_no_basis(visa: str) -> None:
    assert found(visa) == []


def test_the_preamble_of_an_act_gives_its_basis() -> None:
    data = act().replace(b"</TITLE>", f"</TITLE><PREAMBLE>{VISAS}</PREAMBLE>".encode(), 1)
    document = assemble([read_file(data)], None, "x.xml")
    assert [(reference.celex, reference.article) for reference in document.legal_basis] == [
        (None, "16"),
        (None, "18"),
        ("32098R0009", "5"),
    ]
    assert all(reference.surface in document.text for reference in document.legal_basis)


def test_what_a_quoted_act_has_regard_to_is_not_the_basis() -> None:
    data = act(f"<QUOT.S>{VISAS}</QUOT.S>", title=TITLE, bib=NUMBER)
    assert assemble([read_file(data)], None, "x.xml").legal_basis == []


def test_a_notice_gives_treaties_their_numbers_and_adds_what_is_missing() -> None:
    known = [Reference("12016E016", "16", "12016E016"), Reference("32097R0001", None, "32097R0001")]
    data = act().replace(b"</TITLE>", f"</TITLE><PREAMBLE>{VISAS}</PREAMBLE>".encode(), 1)
    basis = assemble([read_file(data)], None, "x.xml", Notice(legal_basis=known)).legal_basis
    assert [reference.celex for reference in basis] == ["12016E016", None, "32098R0009", "32097R0001"]
