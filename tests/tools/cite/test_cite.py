from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from launch import app
from preprocessing.corpus.registry import Registry
from preprocessing.errors import RecipeError, UsageError
from tests.tools.cite.conftest import ACT, OTHER
from tools.cite import Answer, cite
from tools.cite.answer import nearest, spans


def one(words: str, corpus: Path, language: str | None = None) -> Answer:
    (answer,) = cite(words, corpus, language).answers
    return answer


def test_an_article_comes_from_the_newest_version_with_all_that_is_known_of_it(corpus: Path):
    answer = one("Article 5 of Regulation (EU) 2099/1", corpus)
    assert answer.found and answer.text == "Consolidated 5." and answer.heading == "Heading 5"
    assert answer.citation == "Article 5, Regulation (CELEX: 32099R0001)"
    assert (answer.celex, answer.version, answer.consolidation_date) == (ACT, "02099R0001-20990701", "2099-07-01")
    assert (answer.date, answer.language, answer.path) == ("2099-05-01", "en", ["CHAPTER I – Sludge"])
    shown = answer.show()
    assert "as consolidated on 2099-07-01" in shown and "CHAPTER I" in shown and "English" in shown


@pytest.mark.parametrize(
    ("words", "language", "text"),
    [
        ("Article 5, Regulation (CELEX: 32099R0001)", "en", "Consolidated 5."),
        ("article 5 du règlement (UE) 2099/1", "fr", "Publié 5."),
        ("02099R0001-20990701, Article 9a", "en", "Inserted 9a."),
        ("Article 5 of the General Sludge Disposal Regulation", "en", "Consolidated 5."),
        ("Article 5 GSDR", "en", "Consolidated 5."),
        ("article 5 du règlement général sur les boues", "fr", "Publié 5."),
        ("Sludge Rule Regulation, Article 5", "en", "Consolidated 5."),
        ("article 10 du règlement (UE) 2099/1", "fr", "Publié 10."),
    ],
)
def test_an_act_may_be_named_in_any_way_and_the_words_choose_the_language(corpus, words, language, text):
    answer = one(words, corpus)
    assert (answer.found, answer.language, answer.text) == (True, language, text)


def test_the_option_overrules_the_language_of_the_words(corpus: Path):
    assert one("Article 5 of Regulation (EU) 2099/1", corpus, "fr").text == "Publié 5."
    answer = one("Article 5 of Regulation (EU) 2099/1", corpus, "de")
    assert not answer.found and answer.message == "the corpus has no German text of 32099R0001; it has en, fr"
    with pytest.raises(UsageError, match="unknown language 'xx'"):
        cite("Article 5 GDPR", corpus, "xx")


def test_without_a_text_in_the_language_of_the_words_the_first_there_is_answers_and_says_so(corpus: Path):
    answer = one("Artikel 5 der Verordnung (EU) 2099/1", corpus)
    assert answer.found and answer.language == "en" and "no German text" in answer.show()


def test_lists_and_ranges_give_an_answer_each(corpus: Path):
    report = cite("Articles 1, 3 to 5 and 99 of Regulation (EU) 2099/1", corpus)
    assert [(answer.article, answer.found) for answer in report.answers] == [
        *((number, True) for number in ("1", "3", "4", "5")),
        ("99", False),
    ]
    assert report.exit_status == 1 and report.text().count("-----") >= 4


def test_articles_of_several_acts_each_come_from_their_own(corpus: Path):
    report = cite("Article 3 of Regulation (EU) 2099/1 and Article 1 of Directive (EU) 2099/2", corpus)
    assert [(answer.celex, answer.article) for answer in report.answers] == [(ACT, "3"), (OTHER, "1")]
    report = cite("Article 3 GSDR and Article 6 GDPR", corpus)
    assert [(answer.celex, answer.found) for answer in report.answers] == [(None, False), ("32016R0679", False)]


def test_a_number_alone_is_that_of_the_one_act_that_has_it(corpus: Path):
    assert one("(EU) 2099/1", corpus).celex == ACT and one("2099/2", corpus).celex == OTHER
    assert "no act is known as '2099/8'" in one("2099/8", corpus).message


def test_another_version_than_the_one_asked_for_is_said(corpus: Path):
    assert "newest text in the corpus, not 02099R0001-20990601" in one("02099R0001-20990601, Article 5", corpus).show()
    assert "note" not in one("02099R0001-20990701, Article 5", corpus).show()


def test_what_is_no_article_is_not_passed_over_in_silence(corpus: Path):
    for words in ("Recital 26 of Regulation (EU) 2099/1", "GSDR, Anhang II"):
        report = cite(words, corpus)
        assert len(report.not_read) == 1 and "only articles and acts are looked up, not" in report.text()
    assert cite("Article 5 of the said Regulation (EU) 2099/1 of the Council", corpus).not_read == []


def test_an_act_alone_is_described(corpus: Path):
    answer = one(ACT, corpus)
    assert answer.found and answer.article is None and answer.referenced_by == 1
    assert answer.articles == ["1", "2", "3", "4", "5", "6", "7", "9", "9a"]
    shown = answer.show()
    assert "articles: 1 to 7, 9, 9a" in shown and "General Sludge Disposal Regulation, " in shown
    assert one("Regulation (EU) 2099/1", corpus).celex == ACT


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "Article 12 of Regulation (EU) 2099/1",
            "has no Article 12: its articles are 1 to 7, 9, 9a; nearest: 7, 9, 9a",
        ),
        ("Article 11 of Regulation (EU) 2099/1", "the newest version of 32099R0001 has no Article 11; another one in"),
        ("Article 10 of Regulation (EU) 2099/1", "has no Article 10 in this language; in fr it has"),
        ("Sole Article of Regulation (EU) 2099/1", "has no sole article"),
        ("Article 1 of Regulation (EU) 2099/77", "the corpus does not hold the act 32099R0077"),
        ("Article 17 GDPR", "the corpus does not hold the act 32016R0679 (GDPR)"),
        ("Article 1 of the Mud Directive", "'Mud Directive' may be any of 32099L0002, 32099L0003; name the act by its"),
        ("Article 1 of the General Sludge Disposel Regulation", "there is General Sludge Disposal Regulation"),
        ("Article 1 of the Unheard Code", "no act is known as 'Unheard Code'"),
        ("Article 1 of Regulation (EU) 2099/9", "32099R0009 has no articles"),
        ("Article 1", "no act is named with Article 1"),
        ("hello", "no act is known as 'hello'"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(corpus: Path, words: str, message: str):
    answer = one(words, corpus)
    assert not answer.found and message in answer.message and "\n" not in answer.message


def test_no_words_are_wrong_usage_and_strange_ones_are_not_found(corpus: Path):
    with pytest.raises(UsageError, match="nothing to look up"):
        cite("  ", corpus)
    for words in ("(" * 500, "x" * 500, "\0", "Article Article", "C-1/", "1/1", "; of the"):
        answer = one(words, corpus)
        assert not answer.found and 0 < len(answer.message) < 300


def test_of_an_act_with_nothing_but_a_corrigendum_that_is_said(corpus: Path):
    answer = one("32099R0009", corpus)
    assert answer.found and "only corrigenda" in answer.show()


def test_one_group_of_rows_is_read(corpus: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[tuple[str, int]] = []
    plain = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_group",
        lambda self, group, **options: (
            read.append((self.schema_arrow.names[0], group)) or plain(self, group, **options)
        ),
    )
    assert one("Article 5 of Regulation (EU) 2099/1", corpus).found
    assert [group for first, group in read if first == "id"] == [0]


def test_documents_that_are_not_the_registrys_are_refused(corpus: Path):
    files = sorted((corpus / "documents").iterdir())
    files[0].replace(corpus / "x")
    with pytest.raises(RecipeError, match="cannot be read"):
        cite("Article 5 of Regulation (EU) 2099/1", corpus)
    files[1].replace(files[0])
    with pytest.raises(RecipeError, match="registry and documents differ"):
        cite("Article 5 of Regulation (EU) 2099/1", corpus)


def test_the_command_answers_on_standard_output_with_its_exit_status(corpus: Path):
    run = CliRunner().invoke(app, ["cite", "Article", "5", "GSDR", "--corpus", str(corpus)])
    assert run.exit_code == 0 and "Consolidated 5." in run.output
    run = CliRunner().invoke(app, ["cite", "Article 55 GSDR", "--corpus", str(corpus), "--json"])
    value = json.loads(run.output)
    assert run.exit_code == 1 and value["found"] is False and value["answers"][0]["nearest"] == ["7", "9", "9a"]


def test_references_say_whether_the_corpus_holds_the_act(corpus: Path):
    registry = Registry.load(corpus)
    act = registry.act(OTHER)
    assert act is not None and act.references == [(ACT, "5", True)]


def test_numbers_are_shown_in_short_and_neighbours_found():
    assert spans(["1", "2", "3", "4a", "5", "7", "8"]) == "1 to 3, 4a, 5, 7 to 8" and spans([]) == ""
    assert nearest("5b", ["1", "4", "5", "5a", "9"], most=2) == ["5", "5a"]
    assert nearest("sole", ["1", "2"]) == []
