"""Citations are found and normalised in five languages, and what is written is found again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.celex import CELEX_PATTERN, is_celex
from preprocessing.citations import Citation, find_citations, format_citation, normalise_article_number
from preprocessing.document import DOCUMENT_TYPES
from preprocessing.errors import UsageError
from preprocessing.languages import LANGUAGES

GDPR = "32016R0679"


def pairs(text: str, language: str | None = None) -> list[tuple[str | None, str | None]]:
    return [(citation.celex, citation.article) for citation in find_citations(text, language)]


@pytest.mark.parametrize(
    "text",
    [
        "Article 5(1)(a) of Regulation (EU) 2016/679",
        "Article\u00a05 (1), point (a), of Regulation (EU) 2016/679",
        "l'article 5, paragraphe 1, du règlement (UE) 2016/679",
        "à l’article 5, paragraphe 1, point a), premier alinéa, du règlement (UE) 2016/679",
        "Artikel 5 Absatz 1 der Verordnung (EU) 2016/679",
        "nach Artikel 5 Absatz 1 Buchstaben a, b und c der Verordnung (EU) 2016/679",
        "artículo 5, apartado 1, del Reglamento (UE) 2016/679",
        "artículo 5, apartado 1, letra a), párrafo segundo, del Reglamento (UE) 2016/679",
        "artigo 5.º, n.º 1, do Regulamento (UE) 2016/679",
        "artigo 5.o, n.o 1, alínea a), do Regulamento (UE) 2016/679",
        "Art. 5 DSGVO",
        "Art. 5 Abs. 1 lit. a DS-GVO",
        "article 5 du RGPD",
        "Article 5 of the GDPR",
        "GDPR, Article 5",
        "Regulation (EU) 2016/679, Article 5(1)",
        "the General Data Protection Regulation (Article 5)",
        "Article 5, Regulation (CELEX: 32016R0679)",
        "Artikel 5, Verordnung (CELEX: 32016R0679)",
    ],
)
def test_an_article_is_tied_to_its_act_in_every_language(text: str) -> None:
    assert pairs(text) == [(GDPR, "5")]


@pytest.mark.parametrize(
    ("text", "celex"),
    [
        ("Directive 95/46/EC", "31995L0046"),
        ("Richtlinie 2002/58/EG", "32002L0058"),
        ("Regulation (EEC) No 1408/71", "31971R1408"),
        ("Regulation No 17/62", "31962R0017"),
        ("règlement (CE) n° 1049/2001", "32001R1049"),
        ("Reglamento (UE) n.o 575/2013", "32013R0575"),
        ("Regulation (EC) No 2006/2004", "32004R2006"),
        ("Durchführungsverordnung (EU) 2019/1", "32019R0001"),
        ("décision d’exécution (UE) 2021/914", "32021D0914"),
        ("Decision No 1082/2013/EU", "32013D1082"),
        ("Framework Decision 2002/584/JHA", "32002F0584"),
        ("Decisão-Quadro 2002/584/JAI", "32002F0584"),
        ("62014CJ0123", "62014CJ0123"),
        ("CELEX 32016R0679R(02)", "32016R0679R(02)"),
        ("(CELEX: 02016R0679-20160504)", "02016R0679-20160504"),
    ],
)
def test_an_act_is_named_by_its_number_or_its_celex(text: str, celex: str) -> None:
    assert pairs(text) == [(celex, None)]


def test_a_consolidated_or_corrected_number_keeps_its_form_and_knows_its_base() -> None:
    found = find_citations("See 02016R0679-20160504 and 32016R0679R(02).")
    assert [citation.celex for citation in found] == ["02016R0679-20160504", "32016R0679R(02)"]
    assert {citation.base for citation in found} == {GDPR}


@pytest.mark.parametrize("number", ["02016R0679-20169999", "02099R0001-20990231", "31949R0001", "31900L0123R(01)"])
def test_a_celex_look_alike_is_not_a_citation_and_its_own_base(number: str) -> None:
    assert pairs(f"Article 5, Regulation (CELEX: {number})") == [(None, "5")]
    assert Citation(number, None, number).base == number


@given(st.from_regex(rf"See {CELEX_PATTERN}", fullmatch=True))
def test_whatever_looks_like_a_celex_number_has_a_base(text: str) -> None:
    assert all(is_celex(citation.base or "") for citation in find_citations(text))


@pytest.mark.parametrize(
    ("text", "articles"),
    [
        ("Articles 13, 14(2) and 16 of the GDPR", ["13", "14", "16"]),
        ("Articles 15 to 18 of the GDPR", ["15", "16", "17", "18"]),
        ("articles 13, paragraphes 1 et 2, et 14 du RGPD", ["13", "14"]),
        ("Artikel 13 und 14 der DSGVO", ["13", "14"]),
        ("Art. 13 bis 15 DSGVO", ["13", "14", "15"]),
        ("Artikel 5 Absatz 1 und 2 der DSGVO", ["5"]),
        ("artículos 12 bis y 13 del RGPD", ["12bis", "13"]),
        ("articles 59 bis bis et 325 terquinquagies du RGPD", ["59bisbis", "325terquinquagies"]),
        ("Article 5(1) and Article 6 of the GDPR", ["5", "6"]),
        ("Artikel 25 Absatz 6 oder des Artikels 26 Absatz 4 der DSGVO", ["25", "26"]),
        ("artigo 12.º-A do RGPD", ["12a"]),
        ("article premier du RGPD", ["1"]),
        ("Article 9(2)(b), (c) and (d) of the GDPR", ["9"]),
    ],
)
def test_lists_ranges_and_suffixes_name_each_article_once(text: str, articles: list[str]) -> None:
    assert pairs(text) == [(GDPR, article) for article in articles]


def test_two_acts_in_one_sentence_keep_their_own_articles() -> None:
    text = "Article 5 of Regulation (EU) 2016/679 and Article 7 of Directive 95/46/EC apply."
    assert pairs(text) == [(GDPR, "5"), ("31995L0046", "7")]


def test_an_article_without_its_act_has_no_celex() -> None:
    assert pairs("paragraph 2 of Article 5 of this Regulation") == [(None, "5")]
    assert pairs("Artikel 94\nDie Richtlinie 95/46/EG wird aufgehoben.") == [(None, "94"), ("31995L0046", None)]


def test_an_answer_in_another_language_than_the_hint_is_still_read() -> None:
    assert pairs("Article 5 of Regulation (EU) 2016/679", "de") == [(GDPR, "5")]


def test_text_without_citations_gives_none() -> None:
    assert pairs("The 5 articles on 12/2016 were regulated by art dealers in 2016/679 ways.") == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("document_type", DOCUMENT_TYPES)
def test_the_fixed_form_is_found_again(language: str, document_type: str) -> None:
    for celex in (GDPR, "62014CJ0123", "32016R0679R(01)", "02016R0679-20160504"):
        for article in ("5", "12a", "12bis", "sole", None):
            written = format_citation(article, document_type, celex, language)
            expected = "12" if article == "12bis" and language == "de" else article
            found = pairs(f"So it is laid down.\n\n{written}", language)
            assert found == [(celex, article)], (written, expected)


@given(
    article=st.one_of(st.none(), st.integers(1, 400).map(str), st.from_regex(r"[1-9][0-9]?[a-z]", fullmatch=True)),
    year=st.integers(1958, 2099),
    letter=st.sampled_from(["R", "L", "D", "H", "F", "CJ", "TO"]),
    number=st.integers(1, 9999),
    language=st.sampled_from(sorted(LANGUAGES)),
    document_type=st.sampled_from(DOCUMENT_TYPES),
)
def test_what_is_written_is_found(
    article: str | None, year: int, letter: str, number: int, language: str, document_type: str
) -> None:
    celex = f"{'6' if len(letter) == 2 else '3'}{year}{letter}{number:04d}"
    assert pairs(format_citation(article, document_type, celex, language)) == [(celex, article)]


@pytest.mark.parametrize(
    ("printed", "bare"),
    [
        ("5", "5"),
        ("5.º", "5"),
        ("5.o", "5"),
        ("5 bis", "5bis"),
        ("5 bis ter", "5bister"),
        ("5A", "5a"),
        ("5.º-A", "5a"),
        ("1er", "1"),
        ("premier", "1"),
    ],
)
def test_article_numbers_are_normalised(printed: str, bare: str) -> None:
    assert normalise_article_number(printed) == bare


def test_an_unknown_language_or_document_type_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="'xx'"):
        format_citation("5", "regulation", GDPR, "xx")
    with pytest.raises(ValueError, match=r"'regulatoin'.*Did you mean 'regulation'"):
        format_citation("5", "regulatoin", GDPR, "en")
