from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from preprocessing.corpus.selection import (
    ANNEX_ONLY,
    BROKEN_TEXT,
    CORPUS_REASONS,
    CORRIGENDUM,
    DOCUMENT_REASONS,
    DUPLICATE,
    NEAR_DUPLICATE,
    OLDER_VERSION,
    OTHER_TEXT,
    REPEALED,
    TABLES_ONLY,
    TOO_SHORT,
    UNWANTED_LANGUAGE,
    WARNINGS,
    Rules,
    preference,
    refuse,
    select,
    signature_matrix,
)
from preprocessing.corpus.shingles import SIGNATURE_BYTES, fingerprints
from preprocessing.document import Annex
from preprocessing.errors import UsageError
from preprocessing.formex.summary import kind

RULES = Rules(languages=("en", "fr"))
ROWS = "\n".join(f"Ferry {number} | Quay {number} | 08:15" for number in range(20))


def words(seed: int, number: int = 400) -> str:
    """A text of invented words that shares no five in a row with that of another seed."""
    return " ".join(f"word{value}" for value in np.random.default_rng(seed).integers(0, 5000, number))


def facts(*rows: dict[str, object]) -> pa.Table:
    """Facts of invented acts; each row says what is special about it."""
    table: dict[str, list[object]] = {}
    for number, row in enumerate(rows):
        celex = row.get("celex", f"32099R{number:04d}")
        values = {
            "id": f"{celex}-{row.get('language', 'en')}",
            "language": "en",
            "document_type": "regulation",
            "base_celex": celex,
            "date": "2099-01-01",
            "consolidated": "consolidation_date" in row,
            "consolidation_date": None,
            "text": words(1000 + number),
            **row,
        }
        text = str(values.pop("text"))
        values.pop("celex", None)
        values["characters"] = len(text)
        (values["text_hash"],), (signature,) = fingerprints([text])
        values["signature"] = signature.tobytes()
        for name, value in values.items():
            table.setdefault(name, []).append(value)
    types = {"signature": pa.binary(SIGNATURE_BYTES), "text_hash": pa.uint64(), "consolidation_date": pa.string()}
    types |= {"base_celex": pa.string(), "date": pa.string()}
    return pa.table({name: pa.array(values, types.get(name)) for name, values in table.items()})


def reasons(table: pa.Table, **options: object) -> dict[int, str]:
    return dict(select(table, **options).explain(table))  # type: ignore[arg-type]


def version(date: str, text: str = "", **row: object) -> dict[str, object]:
    """A consolidated text of one act."""
    day = date.replace("-", "")
    given = {"text": text} if text else {}
    return {"id": f"02099R0001-{day}-en", "celex": "32099R0001", "consolidation_date": date, **given, **row}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"language": "fr"}, None),
        ({"language": "de"}, UNWANTED_LANGUAGE),
        ({"text": "Too little."}, TOO_SHORT),
        ({"text": ""}, TOO_SHORT),
        ({"text": "\ud800" * 300}, BROKEN_TEXT),
        ({"title": "\ud800"}, BROKEN_TEXT),
        ({"text": "", "warnings": ["repealed: all of it", "no text: none"]}, REPEALED),
        ({"warnings": ["unknown element: X"] * 50}, None),
        ({"document_type": "corrigendum"}, None),
        ({"document_type": "annex", "articles": 0, "text": ROWS}, None),
        ({"articles": 0, "text": ROWS}, None),
    ],
)
def test_a_document_is_refused_for_one_reason(make_document, changes, reason):
    found = refuse(make_document(**changes), RULES)
    assert (found and kind(found)) == reason
    assert reason is None or reason in DOCUMENT_REASONS


def test_the_reason_says_more_after_its_kind(make_document):
    assert refuse(make_document(language="de"), RULES) == f"{UNWANTED_LANGUAGE}: de"
    assert refuse(make_document(text="Too little."), RULES) == f"{TOO_SHORT}: 11 characters of 200"


def test_the_least_length_is_an_option(make_document):
    document = make_document()
    assert refuse(document, Rules(["en"], min_characters=len(document.text))) is None
    assert kind(refuse(document, Rules(["en"], min_characters=len(document.text) + 1))) == TOO_SHORT
    assert refuse(make_document(text=""), Rules(["en"], min_characters=0)) is None


def test_warnings_are_bounded_by_option(make_document):
    document = make_document(warnings=["unknown element: X", "language: marked en", "unknown element: Y"])
    assert refuse(document, Rules(["en"], max_warnings=3)) is None
    found = refuse(document, Rules(["en"], max_warnings=2))
    assert found == f"{WARNINGS}: 3 (language, unknown element)"


def test_corrigenda_are_left_out_by_option(make_document):
    rules = Rules(["en"], corrigenda=False)
    assert kind(refuse(make_document(document_type="corrigendum"), rules)) == CORRIGENDUM
    assert refuse(make_document(), rules) is None


def test_documents_that_are_nothing_but_annexes_or_tables_are_left_out_by_option(make_document):
    rules = Rules(["en"], annexes=False)
    text = make_document().text
    assert refuse(make_document(), rules) is None
    assert kind(refuse(make_document(document_type="annex", articles=0, text=text), rules)) == ANNEX_ONLY
    assert kind(refuse(make_document(articles=0, text=text, annexes=[Annex("Annex", text)]), rules)) == ANNEX_ONLY
    assert kind(refuse(make_document(articles=0, text=ROWS), rules)) == TABLES_ONLY
    # with articles it is an act, however large its tables are
    assert refuse(make_document(text=f"Article 1\n{ROWS}"), rules) is None


@pytest.mark.parametrize("options", [{"min_characters": -1}, {"max_warnings": -1}])
def test_negative_bounds_are_refused(options):
    with pytest.raises(UsageError, match="negative"):
        Rules(["en"], **options)


def test_different_acts_are_all_kept():
    table = facts({}, {}, {"language": "fr"}, {"base_celex": None})
    decisions = select(table)
    assert decisions.kept.all()
    assert list(decisions.explain(table)) == []
    assert (decisions.twin == -1).all()


def test_no_documents_are_no_decisions():
    assert select(facts({}).slice(0, 0)).kept.size == 0


def test_of_two_texts_with_the_same_id_the_first_is_kept():
    table = facts({"celex": "32099R0009", "text": words(1)}, {}, {"celex": "32099R0009", "text": words(2)})
    assert reasons(table) == {2: f"{OTHER_TEXT}: 32099R0009-en"}
    assert select(table).twin.tolist() == [-1, -1, 0]


def test_of_two_texts_with_the_same_id_the_longer_one_is_kept():
    short, long = ({"celex": "32099R0009", "text": words(seed, number)} for seed, number in ((1, 300), (2, 400)))
    assert select(facts(short, long)).twin.tolist() == [1, -1]


def test_only_the_newest_consolidated_version_of_an_act_is_kept_in_each_language():
    table = facts(
        version("2099-03-01"),
        version("2099-12-01"),
        version("2098-06-01"),
        version("2098-06-01", id="02099R0001-20980601-fr", language="fr"),
        version("2097-01-01", id="02097R0009-20970101-en", celex="32097R0009"),
    )
    newest = "02099R0001-20991201-en"
    assert reasons(table) == {0: f"{OLDER_VERSION}: {newest}", 2: f"{OLDER_VERSION}: {newest}"}


def test_older_versions_are_kept_on_request_even_if_nearly_equal():
    text = words(1)
    table = facts(version("2099-03-01", f"{text} amended"), version("2099-12-01", text), {"text": f"{text} other"})
    found = reasons(table, all_versions=True)
    assert list(found) == [2]
    assert found[2].startswith(f"{NEAR_DUPLICATE}: 02099R0001-20991201-en, similarity ")
    # but not twice the very same text
    table = facts(version("2099-03-01", text), version("2099-12-01", text))
    assert reasons(table, all_versions=True) == {0: f"{DUPLICATE}: 02099R0001-20991201-en"}


def test_an_act_as_published_and_its_consolidated_text_are_both_kept_unless_nearly_equal():
    articles = words(1)
    act = {"celex": "32099R0001"}
    both = facts({**act, "text": f"{words(2)} {articles}"}, version("2099-12-01", articles))
    assert reasons(both) == {}
    one = facts({**act, "text": f"{articles} done at Nowhere"}, version("2099-12-01", articles))
    assert list(reasons(one)) == [0]
    assert reasons(one)[0].startswith(f"{NEAR_DUPLICATE}: 02099R0001-20991201-en, similarity 0.9")


def test_a_consolidated_text_without_a_date_is_no_version():
    table = facts(version("2099-12-01"), version("2099-12-01", id="b", consolidation_date=None))
    assert reasons(table) == {}


def test_equal_texts_but_for_white_space_are_kept_once_in_a_language():
    text = words(1)
    table = facts({"text": text}, {"text": text.replace(" ", "\n")}, {"text": text, "language": "fr"})
    found = select(table)
    assert found.kept.sum() == 2
    assert reasons(table) == {1: f"{DUPLICATE}: 32099R0000-en"}


def test_the_preferred_of_equal_texts_is_kept_whatever_the_order_of_reading():
    text = words(1)
    kinds = [
        {"id": "annex", "document_type": "annex"},
        {"id": "corrigendum", "document_type": "corrigendum"},
        {"id": "opinion", "document_type": "opinion"},
        {"id": "old act", "date": "2001-01-01"},
        {"id": "new act", "date": "2098-01-01"},
        {"id": "consolidated", "consolidation_date": "2000-01-01"},
    ]
    for first in range(len(kinds)):
        rows = kinds[first:] + kinds[:first]
        table = facts(*({**row, "text": text} for row in rows))
        decisions = select(table)
        assert [rows[row]["id"] for row in np.flatnonzero(decisions.kept)] == ["consolidated"]
    order = preference(facts(*kinds))
    assert [kinds[row]["id"] for row in order] == [
        *("consolidated", "new act", "old act", "opinion"),
        *("corrigendum", "annex"),
    ]


def test_nearly_equal_texts_are_kept_once_the_longer_one():
    text = words(1)
    table = facts({"text": text}, {"text": f"{text} and no more"}, {"text": text, "language": "fr"})
    decisions = select(table)
    assert decisions.reason.tolist() == [CORPUS_REASONS.index(NEAR_DUPLICATE) + 1, 0, 0]
    assert decisions.twin.tolist() == [1, -1, -1]
    assert decisions.similarity[0] > 0.95
    assert reasons(table, threshold=0) == {}


def test_an_act_made_after_another_one_stays_where_texts_of_one_act_would_not():
    model = words(1).split()
    text = [f"new{place}" if place % 60 == 7 else word for place, word in enumerate(model)]  # similarity 0.85
    consolidated = version("2099-12-01", " ".join(model))
    assert list(reasons(facts(consolidated, {"celex": "32099R0001", "text": " ".join(text)}))) == [1]
    assert reasons(facts(consolidated, {"celex": "32099R0002", "text": " ".join(text)})) == {}


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(UsageError, match="near-duplicates"):
        select(facts({}), threshold=threshold)


def test_what_is_left_out_for_another_reason_is_nobodys_twin():
    text = words(1)
    older = version("2098-01-01", text)
    table = facts(older, version("2099-01-01"), {"text": f"{text} more", "date": "1999-01-01"}, {"text": text})
    found = reasons(table)
    assert list(found) == [0, 2]
    assert found[0] == f"{OLDER_VERSION}: 02099R0001-20990101-en"
    assert found[2].startswith(f"{NEAR_DUPLICATE}: 32099R0003-en, ")


def test_decisions_do_not_depend_on_how_the_facts_are_cut():
    text = words(1)
    rows = [{"text": f"{text} {number}"} for number in range(4)] + [version("2099-12-01"), version("2098-12-01")]
    table = facts(*rows)
    pieces = pa.concat_tables([table.slice(0, 1), table.slice(1, 3), table.slice(4)])
    assert dict(select(pieces).explain(pieces)) == reasons(table)
    assert len(reasons(table)) == 4


def test_signatures_are_read_back_from_slices():
    table = facts({}, {}, {}).slice(1)
    expected = [np.frombuffer(value, np.uint32).tolist() for value in table["signature"].to_pylist()]
    assert signature_matrix(table["signature"]).tolist() == expected
