"""References: what the text names with its articles, and what the file marks."""

from __future__ import annotations

import pytest

from preprocessing.document import Reference
from preprocessing.formex.assemble import assemble
from preprocessing.formex.reader import read_file
from preprocessing.formex.references import celex_of_uri
from tests.preprocessing.formex.invented import NUMBER, act, article


def references(body: str, language: str = "EN") -> list[tuple[str | None, str | None]]:
    """CELEX and article of each reference in an act whose only article is ``body``."""
    return [(reference.celex, reference.article) for reference in read(body, language)]


def read(body: str, language: str = "EN") -> list[Reference]:
    data = act(article("1", f"<P>{body}</P>"), bib=f"<LG.DOC>{language}</LG.DOC>{NUMBER}")
    return assemble([read_file(data)], None, "x.xml").references


def journal(date: str, number: str = "009", page: str = "1", collection: str = "L") -> str:
    attributes = f'COLL="{collection}" NO.OJ="{number}" DATE.PUB="{date}" PAGE.FIRST="{page}"'
    return f"<REF.DOC.OJ {attributes}>OJ {collection} {int(number)}, {date[:4]}, p. {page}</REF.DOC.OJ>"


@pytest.mark.parametrize(
    ("language", "text", "articles"),
    [
        ("EN", "Article 6(1) of Regulation (EU) 2098/9", ["6"]),
        ("EN", "Articles 5 to 7 and 12a of Council Regulation (EU) 2098/9", ["5", "6", "7", "12a"]),
        ("EN", "Article 6(1), second subparagraph, and Article 9 of Regulation (EU) 2098/9", ["6", "9"]),
        ("FR", "l’article 6, paragraphe 1, point a), du règlement (UE) 2098/9", ["6"]),
        ("FR", "à l’article 13 bis du règlement d’exécution (UE) 2098/9", ["13bis"]),
        ("DE", "Artikel 6 Absatz 1 Buchstabe a der Verordnung (EU) 2098/9", ["6"]),
        ("ES", "el artículo 6, apartado 1, letra a), del Reglamento (UE) 2098/9", ["6"]),
        ("PT", "o artigo 6.º, n.º 1, alínea a), do Regulamento (UE) 2098/9", ["6"]),
        ("EN", "Article 4 is amended. Regulation (EU) 2098/9", [None]),
        ("EN", "Article 4 of this Directive amends Regulation (EU) 2098/9", [None]),
    ],
)
def test_the_articles_of_an_act_are_named_with_it(language: str, text: str, articles: list[str | None]) -> None:
    assert references(text, language) == [("32098R0009", article) for article in articles]


def test_words_of_a_reference_stand_in_the_text() -> None:
    data = act(article("1", "<P>See Article 3 of Regulation (EU) 2098/9.</P>"))
    document = assemble([read_file(data)], None, "x.xml")
    assert [reference.surface for reference in document.references] == ["Article 3 of Regulation (EU) 2098/9"]
    assert document.references[0].surface in document.text


@pytest.mark.parametrize(
    "body",
    [
        f"Regulation (EU) 2098/9 of the Council ({journal('20980504')})",
        f"Regulation (EU) 2098/9 of 31 December 2098 on flying ({journal('20990102')})",
        f"Regulation (EU) 2098/9 of the Council repealing Directive 95/46/EC ({journal('20980504')})",
        f"Regulation (EU) 2098/9 amending Regulation (EU) 2098/3 ({journal('20980504')})",
        f"Regulation (EU) 2098/9<NOTE NOTE.ID='E1'><P>{journal('20980504')}.</P></NOTE> applies.",
        f"Regulation (EU) 2098/9 of the Council</P><P>({journal('20980504')})",
        f"That act<NOTE NOTE.ID='E1'><P>Regulation (EU) 2098/9 of the Council ({journal('20980504')}).</P></NOTE>.",
    ],
)
def test_a_page_of_the_official_journal_is_the_act_named_right_before_it(body: str) -> None:
    found = read(body)
    assert found[0].celex == "32098R0009"
    assert all(reference.celex for reference in found)


@pytest.mark.parametrize(
    "body",
    [
        f"Regulation (EU) 2091/9 of the Council ({journal('20980504')})",  # years apart
        f"Regulation (EU) 2098/9 ({journal('20980504', collection='C')})",  # where no acts are printed
        f"Rules on flying ({journal('20980504')}). Regulation (EU) 2098/9 applies.",
        f"It follows from what Regulation (EU) 2098/9 says of Regulation (EU) 2098/3 here ({journal('20980504')})"
        " and below",
        f"Regulation (EU) 2098/9.</P><P>See {journal('20980504')}.",
    ],
)
def test_a_page_that_may_be_anothers_stays_unresolved(body: str) -> None:
    assert None in {celex for celex, _ in references(body)}


def test_what_one_reference_to_a_page_tells_holds_for_all() -> None:
    first = f"Regulation (EU) 2098/9 ({journal('20980504')})"
    assert references(f"{first}.</P><P>The rules on flying ({journal('20980504')}).") == [("32098R0009", None)]


def test_two_acts_for_one_page_are_none() -> None:
    body = f"Regulation (EU) 2098/9 ({journal('20980504')}).</P><P>Directive 2098/3/EU ({journal('20980504')})."
    assert references(body) == [("32098R0009", None), ("32098L0003", None), (None, None)]


def test_a_reference_in_deleted_text_is_none() -> None:
    deleted = f'<?CLG.MDFO ACTION="DELETED" IDREF=\'M1\'?>{journal("20980504")}<?CLG.MDFC ID="M1"?>'
    assert references(f"Text. {journal('20980504')}") == [(None, None)]
    assert references(f"Text. {deleted}") == []


def test_links_lead_to_acts_or_are_no_references() -> None:
    body = (
        '<LINK URI="http://data.europa.eu/eli/reg_del/2098/580/oj">the delegated act</LINK> and '
        '<LINK URI="https://example.org/">a page</LINK>'
    )
    assert read(body) == [Reference("32098R0580", None, "the delegated act")]


def test_a_document_does_not_refer_to_itself() -> None:
    assert references("Article 2 of Regulation (EU) 2099/123") == []


@pytest.mark.parametrize(
    ("address", "celex"),
    [
        ("http://data.europa.eu/eli/reg_del/2025/1155/oj", "32025R1155"),
        ("http://data.europa.eu/eli/dec/2008/495(1)/oj", "32008D0495(01)"),
        ("http://data.europa.eu/eli/dec_framw/2008/977/oj", "32008F0977"),
        ("https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:32016R0679", "32016R0679"),
        ("http://publications.europa.eu/resource/celex/32016R0679R(02)", "32016R0679R(02)"),
        ("http://data.europa.eu/eli/2024/1321/oj", None),
        ("http://data.europa.eu/eli/agree_internation/2024/1/oj", None),
        ("https://example.org/", None),
        ("", None),
    ],
)
def test_addresses_are_resolved(address: str, celex: str | None) -> None:
    assert celex_of_uri(address) == celex
