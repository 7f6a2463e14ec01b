"""Citations looked up in genuine acts: ../shared/formex, read where it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.corpus.pipeline import preprocess
from preprocessing.corpus.provisions import read_article
from preprocessing.corpus.registry import Registry
from preprocessing.document import LegalDocument
from preprocessing.formex.parse import read_documents
from tests.preprocessing.corpus.conftest import make_tokenizer
from tests.tools.cite.conftest import write_corpus
from tools.cite import cite

GDPR = "32016R0679"


@pytest.fixture(scope="module")
def corpus(gdpr_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("gdpr") / "corpus"
    preprocess([gdpr_folder], output, make_tokenizer(tmp_path_factory.mktemp("tokenizer")), workers=1)
    return output


@pytest.mark.parametrize(
    ("words", "language", "heading"),
    [
        ("Article 17 GDPR", "en", "Right to erasure (‘right to be forgotten’)"),
        ("article 17 RGPD", "fr", "Droit à l'effacement («droit à l'oubli»)"),
        ("l'article 17, paragraphe 1, du règlement (UE) 2016/679", "fr", "Droit à l'effacement («droit à l'oubli»)"),
        ("Artikel 17 DSGVO", "de", "Recht auf Löschung („Recht auf Vergessenwerden“)"),
        ("Art. 17 Abs. 1 DS-GVO", "de", "Recht auf Löschung („Recht auf Vergessenwerden“)"),
        ("artículo 17 RGPD", "es", "Derecho de supresión («el derecho al olvido»)"),
        ("artigo 17.º RGPD", "pt", "Direito ao apagamento dos dados («direito a ser esquecido»)"),
        ("Article 17, Regulation (CELEX: 32016R0679)", "en", "Right to erasure (‘right to be forgotten’)"),
    ],
)
def test_the_same_article_is_found_in_every_language(corpus: Path, words: str, language: str, heading: str):
    report = cite(words, corpus)
    (answer,) = report.answers
    assert report.exit_status == 0
    assert (answer.celex, answer.article, answer.language, answer.heading) == (GDPR, "17", language, heading)
    assert answer.date == "2016-04-27" and len(answer.path) == 2 and answer.text and len(answer.text) > 1_500


def test_an_article_too_many_is_missed_and_the_last_ones_are_named(corpus: Path):
    report = cite("Articles 98 to 100 GDPR", corpus)
    assert [answer.found for answer in report.answers] == [True, True, False]
    assert report.exit_status == 1
    assert report.answers[2].message == f"{GDPR} has no Article 100: its articles are 1 to 99; nearest: 97, 98, 99"


def test_the_act_has_the_names_that_its_own_titles_give_it(corpus: Path):
    registry = Registry.load(corpus)
    act = registry.act(GDPR)
    assert act is not None
    assert {"GDPR", "General Data Protection Regulation"} <= set(act.names["en"])
    assert {"DSGVO", "DS-GVO"} & set(act.names["de"]) and "Datenschutz-Grundverordnung" in act.names["de"]
    assert all("RGPD" in act.names[language] for language in ("fr", "es", "pt"))
    assert any(celex == "32002L0058" and not in_corpus for celex, _, in_corpus in act.references)


def test_every_article_of_some_acts_is_read_from_its_place_as_it_was_written(dev_folder: Path, tmp_path: Path):
    folder = next(path for path in (dev_folder / "formex", dev_folder) if path.is_dir())
    acts = sorted(path for path in folder.iterdir() if path.is_dir())[:20]
    documents = [item for item in read_documents(acts, workers=1) if isinstance(item, LegalDocument)]
    corpus = write_corpus(tmp_path / "corpus", documents)
    registry = Registry.load(corpus)
    texts = {(item.celex, item.language): item for item in documents}
    read = 0
    for act in registry:
        for place in act.texts:
            articles = texts[place.celex, place.language].articles
            for article in {item.number: item for item in reversed(articles)}.values():
                provision = read_article(corpus, act, [place], article.number)
                assert provision is not None and provision.text == article.text and provision.path == article.path
                read += 1
    assert read > 100
