"""What each metric says of answers written by hand, in five languages."""

from __future__ import annotations

import pytest

from tests.tools.evaluation.conftest import ACT, OTHER_ACT, REFERENCES, Acts, question
from tools.evaluation.citation_metrics import cited_provisions
from tools.evaluation.metrics import METRICS, score, verdict
from tools.evaluation.text_metrics import text_scores

LANGUAGES = tuple(REFERENCES)

WRONG_ARTICLE = {code: text.replace(" 5,", " 6,") for code, text in REFERENCES.items()}
WRONG_ACT = {code: text.replace(ACT, OTHER_ACT) for code, text in REFERENCES.items()}
NO_CITATION = {code: text.split(". ")[0] + "." for code, text in REFERENCES.items()}
INVENTED_ARTICLE = {code: text.replace(" 5,", " 99,") for code, text in REFERENCES.items()}


def scores_of(given: str, language: str = "en", **changes: object) -> dict[str, float | None]:
    return score(question(language, **changes), given, Acts())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reference_answer_scores_full_marks(language: str) -> None:
    scores = scores_of(REFERENCES[language], language)
    bad = {metric.name for metric in METRICS if not metric.higher_is_better}
    assert scores == {metric.name: 0.0 if metric.name in bad else 1.0 for metric in METRICS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_wrong_article_of_the_right_act_is_told_apart(language: str) -> None:
    scores = scores_of(WRONG_ARTICLE[language], language)
    assert scores["citation_accuracy"] == 1.0
    assert scores["article_accuracy"] == 0.0
    assert scores["citation_precision"] == scores["citation_recall"] == scores["citation_f1"] == 0.0
    assert (scores["hallucinated"], scores["wrong_but_existing"]) == (0.0, 1.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_wrong_act_is_wrong_but_not_invented(language: str) -> None:
    scores = scores_of(WRONG_ACT[language], language)
    assert scores["citation_accuracy"] == scores["article_accuracy"] == 0.0
    assert (scores["hallucinated"], scores["wrong_but_existing"], scores["uncited"]) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_article_that_the_act_does_not_have_is_hallucinated(language: str) -> None:
    scores = scores_of(INVENTED_ARTICLE[language], language)
    assert (scores["hallucinated"], scores["wrong_but_existing"]) == (1.0, 0.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_without_citation_is_uncited_and_earns_nothing_for_it(language: str) -> None:
    scores = scores_of(NO_CITATION[language], language)
    assert scores["uncited"] == 1.0
    citation_metrics = ("citation_accuracy", "article_accuracy", "citation_precision", "citation_f1", "form_obeyed")
    assert [scores[name] for name in citation_metrics] == [0.0] * len(citation_metrics)


@pytest.mark.parametrize("language", LANGUAGES)
def test_spraying_citations_does_not_win(language: str) -> None:
    form = REFERENCES[language].split(". ")[1]
    sprayed = REFERENCES[language] + "".join(f"; {form.replace('0001', f'{n:04}')}" for n in range(2, 10))
    scores = scores_of(sprayed, language)
    assert scores["citation_accuracy"] == scores["article_accuracy"] == 0.0
    assert scores["citation_recall"] == 1.0
    assert scores["citation_precision"] == pytest.approx(1 / 9)
    assert scores["hallucinated"] == 1.0
    assert verdict(scores_of(REFERENCES[language], language), scores) == "loss"


def test_spraying_articles_of_the_right_act_does_not_win() -> None:
    sprayed = " ".join(f"Article {number}, Regulation (CELEX: {ACT})." for number in range(1, 11))
    scores = scores_of(sprayed)
    assert scores["citation_accuracy"] == 1.0
    assert scores["article_accuracy"] == 0.0
    assert scores["citation_precision"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("en", "Under Article 5(1) of Regulation (EU) 2099/1 they keep a record."),
        ("fr", "Selon l'article 5, paragraphe 1, du règlement (UE) 2099/1, ils tiennent un registre."),
        ("de", "Nach Artikel 5 Absatz 1 der Verordnung (EU) 2099/1 führen sie ein Verzeichnis."),
        ("es", "Según el artículo 5, apartado 1, del Reglamento (UE) 2099/1, llevarán un registro."),
        ("pt", "Nos termos do artigo 5.º, n.º 1, do Regulamento (UE) 2099/1, mantêm um registo."),
    ],
)
def test_a_citation_in_running_text_is_found_but_is_not_the_fixed_form(language: str, answer: str) -> None:
    scores = scores_of(answer, language)
    assert scores["citation_accuracy"] == scores["article_accuracy"] == 1.0
    assert scores["form_obeyed"] == 0.0


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_the_english_form_does_not_obey_another_language(language: str) -> None:
    assert scores_of(REFERENCES["en"], language)["form_obeyed"] == 0.0


def test_a_consolidated_version_or_corrigendum_counts_as_its_act() -> None:
    for celex in (f"0{ACT[1:]}-20990704", f"{ACT}R(01)"):
        scores = scores_of(f"They keep a record. Article 5, Regulation (CELEX: {celex})")
        assert scores["article_accuracy"] == 1.0, celex
        assert scores["form_obeyed"] == 1.0, celex


@pytest.mark.parametrize("celex", ["99R2099", "31800R0001", "02099R0001-20990231", "32099R0001032099R0001", "R99"])
def test_what_is_no_celex_number_is_an_invented_citation(celex: str) -> None:
    scores = scores_of(f"They keep a record. Article 5, Regulation (CELEX: {celex})")
    assert (scores["uncited"], scores["hallucinated"], scores["citation_accuracy"]) == (0.0, 1.0, 0.0)


def test_speaking_of_celex_numbers_cites_nothing() -> None:
    assert cited_provisions("Give the CELEX Number (CELEX: N), see the CELEX-Nummer.", "en") == set()


def test_acts_that_the_reference_mentions_are_allowed_but_not_required() -> None:
    longer = f"{REFERENCES['en']}, read with Article 2, Regulation (CELEX: {OTHER_ACT})"
    for answer in (longer, REFERENCES["en"]):
        scores = scores_of(answer, answer=longer)
        assert scores["article_accuracy"] == scores["citation_precision"] == scores["citation_recall"] == 1.0


def test_the_form_is_one_thing_and_the_right_citation_another() -> None:
    quoting = f"Directive 2099/7/EU applies. Article 5, Regulation (CELEX: {ACT})"
    assert scores_of(quoting)["form_obeyed"] == 1.0
    assert scores_of(f"Directive 2099/7/EU applies. Article 5 of Regulation {ACT}")["form_obeyed"] == 0.0
    wrong = scores_of(f"Article 5, Regulation (CELEX: {OTHER_ACT})")
    assert (wrong["form_obeyed"], wrong["citation_accuracy"]) == (1.0, 0.0)


def test_to_deny_an_article_as_the_reference_does_is_not_to_invent_it() -> None:
    denial = f"There is no Article 99 in Regulation (EU) 2099/1. Regulation (CELEX: {ACT})"
    assert scores_of(denial, article=None, answer=denial)["hallucinated"] == 0.0
    assert scores_of(INVENTED_ARTICLE["en"].replace("99", "98"), article=None, answer=denial)["hallucinated"] == 1.0


def test_a_question_about_a_whole_act_has_no_article_accuracy() -> None:
    scores = scores_of(f"Regulation (CELEX: {ACT})", article=None, answer=f"Regulation (CELEX: {ACT})")
    assert scores["article_accuracy"] is None
    assert scores["citation_accuracy"] == scores["citation_f1"] == scores["form_obeyed"] == 1.0


def test_without_a_registry_nothing_is_said_about_hallucination() -> None:
    scores = score(question(), INVENTED_ARTICLE["en"])
    assert scores["hallucinated"] is scores["wrong_but_existing"] is None


def test_an_act_named_again_without_its_article_is_no_second_citation() -> None:
    text = f"The Regulation (CELEX: {ACT}) says so. {REFERENCES['en']}"
    assert cited_provisions(text, "en") == {(ACT, "5")}


def test_rouge_keeps_accented_words_whole_and_stems_english_only() -> None:
    assert text_scores("régulièrement", "reguli rement", "fr")["rouge_l"] == 0.0
    assert text_scores("keeping records", "keeps record", "en")["rouge_l"] == 1.0
    assert text_scores("registros", "registro", "es")["rouge_l"] == 0.0


@pytest.mark.parametrize(
    ("language", "reference", "answer"),
    [
        ("en", "The records.", "records"),
        ("fr", "L’opérateur", "opérateur"),
        ("de", "Das Verzeichnis", "VERZEICHNIS!"),
        ("es", "¿El registro?", "registro"),
        ("pt", "o registo", "Registo."),
    ],
)
def test_exact_match_ignores_case_punctuation_and_determiners(language: str, reference: str, answer: str) -> None:
    scores = text_scores(reference, answer, language)
    assert scores["exact_match"] == scores["token_f1"] == 1.0


def test_an_empty_answer_scores_nothing() -> None:
    scores = scores_of("")
    assert scores["uncited"] == 1.0
    assert scores["rouge_l"] == scores["token_f1"] == scores["exact_match"] == 0.0


def test_citations_decide_before_fluency_and_small_differences_tie() -> None:
    right = {"citation_accuracy": 1.0, "article_accuracy": 1.0, "rouge_l": 0.1}
    assert verdict({**right, "citation_accuracy": 0.0, "rouge_l": 0.9}, right) == "win"
    assert verdict(right, {**right, "article_accuracy": 0.0, "rouge_l": 0.9}) == "loss"
    assert verdict(right, {**right, "rouge_l": 0.14}) == "tie"
    assert verdict(right, {**right, "rouge_l": 0.16}) == "win"
