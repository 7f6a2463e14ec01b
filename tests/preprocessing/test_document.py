from __future__ import annotations

import json
from dataclasses import asdict, fields

import pytest

from preprocessing.document import Annex, Article, LegalDocument, Point, Recital, Reference, arrow_schema


@pytest.fixture
def document() -> LegalDocument:
    """An invented act with a value in every field."""
    return LegalDocument(
        id="02099R0001-20990401-en",
        source="acts.zip!/act.xml",
        language="en",
        document_type="regulation",
        title="Regulation (EU) 2099/1",
        text="Those who fly shall keep a record.",
        celex="02099R0001-20990401",
        base_celex="32099R0001",
        date="2099-01-01",
        consolidated=True,
        consolidation_date="2099-04-01",
        publication_date="2099-01-05",
        eli="http://data.europa.eu/eli/reg/2099/1/2099-04-01",
        recitals=[Recital("1", "Flight is loud.")],
        articles=[Article("5a", "Records", ["CHAPTER I", "Duties"], "Keep a record.", ["Keep a record."])],
        annexes=[Annex("ANNEX", "Form of the record")],
        references=[Reference("32099R0002", "3", "Article 3 of Regulation (EU) 2099/2"), Reference(None, None, "it")],
        legal_basis=[Reference(None, "192", "Article 192(1) of the Treaty on Flying")],
        parties=["A. Flyer, applicant"],
        points=[Point("12", "Records are kept.")],
        operative_part=["1. Keep the record."],
        warnings=["missing annex: b.xml"],
    )


def test_a_document_comes_back_from_its_dict(document: LegalDocument) -> None:
    assert all(getattr(document, field.name) for field in fields(document))
    assert LegalDocument.from_dict(document.to_dict()) == document
    assert LegalDocument.from_dict(json.loads(json.dumps(document.to_dict()))) == document


def test_the_dict_is_plain_and_complete(document: LegalDocument) -> None:
    assert document.to_dict() == asdict(document)
    assert list(document.to_dict()) == arrow_schema().names == [field.name for field in fields(document)]


def test_changing_the_dict_leaves_the_records_as_they_are(document: LegalDocument) -> None:
    value = document.to_dict()
    value["articles"][0]["number"] = "6"
    value["recitals"].clear()
    assert document.articles[0].number == "5a" and document.recitals


def test_a_dict_with_an_unknown_key_is_no_document(document: LegalDocument) -> None:
    with pytest.raises(TypeError, match="colour"):
        LegalDocument.from_dict({**document.to_dict(), "colour": "blue"})
