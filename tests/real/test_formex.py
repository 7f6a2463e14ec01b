"""The reader on genuine FORMEX: the GDPR in five languages, and the development set against its index."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from preprocessing.document import LegalDocument
from preprocessing.formex.parse import parse_to_file, read_documents
from tests.real.conftest import SHARED

JUDGE = SHARED / "judge.py"
TITLES = {
    "en": "Regulation (EU) 2016/679 of the European Parliament and of the Council of 27 April 2016",
    "fr": "Règlement (UE) 2016/679 du Parlement européen et du Conseil du 27 avril 2016",
    "de": "Verordnung (EU) 2016/679 des Europäischen Parlaments und des Rates vom 27. April 2016",
    "es": "Reglamento (UE) 2016/679 del Parlamento Europeo y del Consejo de 27 de abril de 2016",
    "pt": "Regulamento (UE) 2016/679 do Parlamento Europeu e do Conselho de 27 de abril de 2016",
}


def documents(*paths: Path) -> list[LegalDocument]:
    found = list(read_documents(paths))
    assert all(isinstance(document, LegalDocument) for document in found), found
    return [document for document in found if isinstance(document, LegalDocument)]


@pytest.mark.parametrize("language", TITLES)
def test_the_gdpr_is_read_whole_in_every_language(gdpr_folder: Path, language: str) -> None:
    (gdpr,) = documents(gdpr_folder / language)
    assert gdpr.title.replace("\u00a0", " ").startswith(TITLES[language])
    assert (gdpr.celex, gdpr.base_celex, gdpr.id) == ("32016R0679", "32016R0679", f"32016R0679-{language}")
    assert (gdpr.document_type, gdpr.date, gdpr.language) == ("regulation", "2016-04-27", language)
    assert [recital.number for recital in gdpr.recitals] == [str(number) for number in range(1, 174)]
    assert [article.number for article in gdpr.articles] == [str(number) for number in range(1, 100)]
    assert all(article.heading and article.path and article.paragraphs for article in gdpr.articles)
    assert {"31995L0046", "32001R0045"} <= {reference.celex for reference in gdpr.references}
    assert [(reference.celex, reference.article) for reference in gdpr.legal_basis] == [(None, "16")]
    assert gdpr.warnings == []
    assert not gdpr.consolidated and gdpr.annexes == []


def test_the_gdpr_reads_as_printed(gdpr_folder: Path) -> None:
    (gdpr,) = documents(gdpr_folder / "en")
    lines = gdpr.text.split("\n")
    assert lines[0] == "Regulation (EU) 2016/679 of the European Parliament and of the Council"
    assert "Having regard to the opinion of the Committee of the Regions [2]," in lines
    assert "[2] OJ C 229, 31.7.2012, p. 90." not in lines and "[2] OJ C 391, 18.12.2012, p. 127." in lines
    assert any(line.startswith("(1) ‘personal data’ means any information") for line in lines)
    assert gdpr.text.count("OJ L 281, 23.11.1995, p. 31") == 1
    assert "  " not in gdpr.text and "\n\n" not in gdpr.text


def test_without_its_description_an_act_is_the_same_document(gdpr_folder: Path, tmp_path: Path) -> None:
    (act,) = (path for path in (gdpr_folder / "de").iterdir() if ".doc." not in path.name)
    (tmp_path / "loose.xml").write_bytes(act.read_bytes())
    (loose,), (described,) = documents(tmp_path), documents(gdpr_folder / "de")
    assert described.publication_date == "2016-05-04"  # which the description alone says
    loose.source, loose.publication_date = described.source, described.publication_date
    assert loose == described


def test_the_development_set_is_read_as_its_index_says(dev_folder: Path) -> None:
    """Every sixth document; the judge beside the files measures their text, here it is who they are."""
    with (dev_folder / "index.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))[::6]
    for row in rows:
        path = dev_folder / row["formex"]
        (document,) = documents(path)
        assert document.language == row["language"], path
        assert document.document_type == row["doc_type"], path
        assert not row["date_act"] or document.date == row["date_act"], path
        # which corrigendum of its act it is, only the folder says
        assert document.celex == (row["celex"] or row["work"]), path
        assert document.base_celex == row["celex_base"], path
        assert document.text or any(warning.startswith("repealed") for warning in document.warnings), path


def test_the_judge_finds_text_tables_notes_and_articles_as_officially_rendered(
    dev_folder: Path, tmp_path: Path
) -> None:
    """Some twenty documents: tables, formulas, deleted spans, annex files, a judgment."""
    works = ("32009L0031", "32011R1319", "32012R0601", "62018CJ0311")
    parse_to_file([dev_folder / "formex" / work for work in works], tmp_path / "out.jsonl")
    command = [sys.executable, str(JUDGE), "--index", str(dev_folder / "index.tsv"), "--only", f"^({'|'.join(works)})"]
    command += ["--parsed", str(tmp_path / "out.jsonl"), "--json", str(tmp_path / "report.json")]
    subprocess.run(command, check=True, capture_output=True)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert not report["judge_errors"]
    measures = {name: value["mean"] for name, value in report["overall"].items() if isinstance(value, dict)}
    assert measures.pop("composite") > 0.99
    for name in ("word_recall", "word_precision", "quote_recall", "footnote_recall", "cell_recall", "article_f1"):
        assert measures[name] > 0.99, (name, measures[name])
    for name in ("article_text_recall", "recital_f1", "annex_count", "title_recall", "unglued", "no_deleted_leak"):
        assert measures[name] > 0.97, (name, measures[name])
