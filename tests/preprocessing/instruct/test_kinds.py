"""Each question kind finds the same passages of one act in each language, and words them in that language."""

from __future__ import annotations

import pytest

from preprocessing.citations import find_citations
from preprocessing.document import Article, LegalDocument
from preprocessing.instruct.acts import open_act
from preprocessing.instruct.candidates import Act, Candidate
from preprocessing.instruct.kinds import FINDERS, SHARES, find_all
from preprocessing.instruct.render import Pair, defect, render
from preprocessing.languages import LANGUAGES
from tests.preprocessing.instruct.invented import act, registry_of

CELEX = "32099R0001"


def opened(document: LegalDocument) -> Act:
    found = open_act([document], registry_of([document]))
    assert found is not None
    return found


def pairs(document: LegalDocument, kind: str) -> dict[str, Pair]:
    view = opened(document)
    return {candidate.source_id: render(candidate, view, seed=1) for candidate in FINDERS[kind](view)}


def regulation(language: str, heading: str, *paragraphs: str) -> LegalDocument:
    """The invented act with one further article."""
    document = act(language)
    document.articles.append(Article("6", heading, [], "\n".join(paragraphs), list(paragraphs)))
    document.text += "\n" + "\n".join((heading, *paragraphs))
    return document


EXPECTED = {
    "definition": {f"{CELEX}/art_2/point_{point}" for point in (1, 2, 3)},
    "article_by_heading": {f"{CELEX}/art_{number}" for number in range(1, 6)},
    "scope": {f"{CELEX}/art_1"},
    "obligation": {f"{CELEX}/art_3/par_1"},
    "requirement": {f"{CELEX}/art_3/par_2"},
    "penalties": {f"{CELEX}/art_4"},
    "entry_into_force": {f"{CELEX}/art_5"},
    "citation": {f"{CELEX}/title", f"{CELEX}/celex"},
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", EXPECTED)
def test_a_kind_finds_the_same_passages_in_every_language(kind: str, language: str) -> None:
    assert set(pairs(act(language), kind)) == EXPECTED[kind]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_pair_is_sound_and_closes_with_its_citation(language: str) -> None:
    document = act(language)
    view, registry = opened(document), registry_of([document])
    candidates = list(find_all(view))
    assert {candidate.kind for candidate in candidates} == set(FINDERS)
    for candidate in candidates:
        pair = render(candidate, view, seed=1)
        assert defect(pair, candidate, view, registry) is None, pair
        (closing,) = find_citations(pair.answer.split("\n")[-1], language)
        assert (closing.celex, closing.article) == (pair.celex, pair.article)
        assert "{" not in pair.question + pair.answer


@pytest.mark.parametrize(
    ("language", "term", "meaning"),
    [
        ("en", "lantern", "‘lantern’ means any lamp that is carried on board of a vessel."),
        ("fr", "lanterne", "on entend par «lanterne», toute lampe portée à bord d'un navire."),
        ("de", "Laterne", "bezeichnet der Ausdruck „Laterne“ jede Lampe, die an Bord eines Schiffes mitgeführt wird."),
        ("es", "farol", "se entenderá por «farol»: toda lámpara que se lleve a bordo de un buque."),
        ("pt", "Lanterna", "entende-se por «Lanterna», qualquer lâmpada transportada a bordo de um navio."),
    ],
)
def test_a_definition_reads_as_in_the_act(language: str, term: str, meaning: str) -> None:
    pair = pairs(act(language), "definition")[f"{CELEX}/art_2/point_1"]
    assert term in pair.question
    assert meaning in pair.answer


def test_a_definition_keeps_its_own_points() -> None:
    answer = pairs(act("en"), "definition")[f"{CELEX}/art_2/point_2"].answer
    assert "‘keeper’ means any person who looks after a lantern:\n(a) by day; or\n(b) by night." in answer


def test_quoted_words_that_replace_others_are_no_definition() -> None:
    document = regulation(
        "en", "Amendments", "Regulation (EU) 2098/1 is amended:\n(1) ‘lamp’ becomes ‘lantern’ throughout;"
    )
    assert set(pairs(document, "definition")) == EXPECTED["definition"]


def test_a_heading_that_two_articles_bear_is_not_asked_for() -> None:
    document = regulation("en", "Penalties", "Penalties shall be effective, proportionate and dissuasive everywhere.")
    assert set(pairs(document, "article_by_heading")) == EXPECTED["article_by_heading"] - {f"{CELEX}/art_4"}


def test_a_long_article_is_asked_for_by_paragraph_and_never_cut() -> None:
    long = "The keeper shall " + "look after the lantern and " * 25 + "rest."
    document = regulation("en", "Work", f"1. {long}", f"2. {long}", "3. The keeper shall sleep by day and eat.")
    found = pairs(document, "article_text")
    assert f"{CELEX}/art_6" not in found
    assert f"{CELEX}/art_6/par_1" in found
    assert long in found[f"{CELEX}/art_6/par_1"].answer


def test_a_passage_that_does_not_end_a_sentence_is_not_quoted() -> None:
    document = regulation("en", "Table", "The lanterns of the harbour shall be listed as follows")
    assert f"{CELEX}/art_6" not in pairs(document, "article_text")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_permission_is_no_obligation(language: str) -> None:
    assert f"{CELEX}/art_3/par_3" not in pairs(act(language), "obligation")


def test_a_missing_article_is_denied_and_cites_the_act_alone() -> None:
    found = pairs(act("en"), "unanswerable")
    pair = found[f"{CELEX}/no_art_6"]
    assert "Article 6 of Regulation (EU) 2099/1" in pair.question
    assert "Article 5" in pair.answer
    assert pair.article is None
    assert pair.answer.endswith(f"\n\nRegulation (CELEX: {CELEX})")


def test_a_missing_paragraph_is_denied_and_cites_its_article() -> None:
    pair = pairs(act("de"), "unanswerable")[f"{CELEX}/no_par_4_of_art_3"]
    assert "Artikel 3 Absatz 4" in pair.question
    assert "nur 3 Absätze" in pair.answer
    assert pair.article == "3"


def test_an_act_with_inserted_articles_gets_no_missing_article() -> None:
    document = act("en")
    document.articles[-1].number = "4a"
    assert not any("/no_art_" in source_id for source_id in pairs(document, "unanswerable"))


@pytest.mark.parametrize(
    ("language", "title", "name"),
    [
        ("fr", "DIRECTIVE 2099/1/UE DU CONSEIL du 1er mai 2099", "de la directive 2099/1/UE"),
        ("de", "Delegierte Richtlinie (EU) 2099/1 der Kommission", "der Delegierten Richtlinie (EU) 2099/1"),
        ("es", "Directiva de Ejecución (UE) 2099/1 de la Comisión", "de la Directiva de Ejecución (UE) 2099/1"),
        ("pt", "Diretiva (UE) 2099/1 do Conselho", "da Diretiva (UE) 2099/1"),
        ("en", "Council Directive of 1 May 2099 on lanterns", "of Directive (CELEX: 32099L0001)"),
    ],
)
def test_an_act_is_named_in_its_language_and_case(language: str, title: str, name: str) -> None:
    document = act(language)
    document.title, document.base_celex, document.document_type = title, "32099L0001", "directive"
    assert opened(document).name.of == name


def test_a_title_that_names_another_act_first_does_not_lend_its_number() -> None:
    document = act("en")
    document.title = "Corrected text after Regulation (EU) 2098/7 of the Council"
    assert opened(document).name.bare == "Regulation (CELEX: 32099R0001)"


def test_the_shares_of_the_kinds_make_up_one() -> None:
    assert set(SHARES) == set(FINDERS)
    assert sum(SHARES.values()) == pytest.approx(1)


def candidate_quoting(passage: str) -> Candidate:
    document = act("en")
    view = opened(document)
    slots = {**view.slots(view.articles[0]), "passage": passage}
    return Candidate("article_text", "article_text", "1", f"{CELEX}/art_1", slots, (passage,))


def test_a_passage_that_is_not_in_the_act_is_found_out() -> None:
    document = act("en")
    candidate = candidate_quoting("This Regulation lays down rules on the keeping of candles.")
    pair = render(candidate, opened(document), seed=1)
    assert defect(pair, candidate, opened(document), registry_of([document])) == "passage not in the source"


def test_a_citation_that_the_registry_does_not_know_is_found_out() -> None:
    document = act("en")
    candidate = candidate_quoting(document.articles[0].text)
    pair = render(candidate, opened(document), seed=1)
    assert defect(pair, candidate, opened(document), registry_of([act("en", 2)])) == "act not in the registry"
    document.articles = document.articles[1:]
    assert defect(pair, candidate, opened(document), registry_of([document])) == "article not in the registry"
