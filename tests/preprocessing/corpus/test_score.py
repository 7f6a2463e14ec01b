from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from preprocessing.corpus.score import (
    FEATURES,
    PARTS,
    WEIGHTS,
    best,
    feature_columns,
    features,
    newest_year,
    scores,
    years_of,
)
from preprocessing.document import Article, LegalDocument, Point, Recital

SENTENCE = "The harbour master shall inform the ferry operators of the new timetable in good time."


def document(text: str = "", **changes: object) -> LegalDocument:
    values = {"id": "1", "source": "1.xml", "language": "en", "document_type": "regulation", "title": "Title"}
    return LegalDocument(**{**values, "text": text, **changes})  # type: ignore[arg-type]


def score(
    *documents: LegalDocument, years: list[int] | None = None, newest: int = 2099
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    measured = [features(item) for item in documents]
    columns = {name: np.array([item[name] for item in measured]) for name in FEATURES}
    types = np.array([item.document_type for item in documents])
    return scores(columns, types, np.array(years or [2099] * len(documents)), newest)


def part(name: str, *documents: LegalDocument, **options: object) -> list[float]:
    return score(*documents, **options)[1][name].tolist()  # type: ignore[arg-type]


def articles(number: int, heading: str = "Heading") -> list[Article]:
    return [Article(str(place + 1), heading, [], SENTENCE, []) for place in range(number)]


def test_each_line_is_a_row_a_short_one_a_repeated_one_or_a_sentence():
    lines = [
        SENTENCE,  # 86 characters
        "Article 1",
        "Ferry No 12 | Quay 3 | 08:15 | from Nowhere to Elsewhere",
        "",
        SENTENCE,
        "«Capitaine» désigne l’exploitant du ferry à quai, été comme hiver.",
    ]
    text = "\n".join(lines)
    found = features(document(text))
    assert found["characters"] == len(text)
    assert found["lines"] == 5
    assert found["short_lines"] == pytest.approx(len(lines[1]) / len(text))
    assert found["table_rows"] == pytest.approx(len(lines[2]) / len(text))
    assert found["repeated_lines"] == pytest.approx(len(SENTENCE) / len(text))
    assert found["digits"] == pytest.approx(8 / len(text))


def test_structure_is_counted():
    act = document(SENTENCE, articles=articles(3), recitals=[Recital("1", SENTENCE)])
    act.articles[1].heading = ""
    found = features(act)
    assert tuple(found) == FEATURES
    assert (found["articles"], found["headings"], found["recitals"], found["points"]) == (3, 2, 1, 0)
    judgment = features(document(SENTENCE, points=[Point("1", SENTENCE)] * 4, operative_part=["It is so."]))
    assert (judgment["points"], judgment["rulings"], judgment["articles"]) == (4, 1, 0)


@pytest.mark.parametrize("text", ["", "\n\n", "a", "|", "\n".join(["x" * 40] * 5), "| " * 3000, "9" * 500])
def test_odd_texts_have_shares_between_0_and_1(text):
    found = features(document(text))
    assert all(0 <= found[name] <= 1 for name in ("table_rows", "short_lines", "repeated_lines", "digits"))


def test_a_thousand_lines_of_a_form_are_repeated_but_for_the_first():
    found = features(document("\n".join([SENTENCE] * 1000)))
    assert found["repeated_lines"] == pytest.approx(0.999 * 86 / 87, abs=0.001)


def test_the_total_is_the_weighted_mean_of_the_parts():
    total, parts = score(document(SENTENCE * 30, articles=articles(4)), document("x | y"))
    assert tuple(parts) == PARTS
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    assert total == pytest.approx(sum(WEIGHTS[name] * values for name, values in parts.items()))
    for values in (total, *parts.values()):
        assert values.dtype == np.float32
        assert ((values >= 0) & (values <= 1)).all()


def test_newer_law_is_better_and_half_is_left_after_fifteen_years():
    act = document(SENTENCE)
    recency = part("recency", act, act, act, act, years=[2099, 2084, 2069, 0])
    assert recency == pytest.approx([1, 0.5, 0.25, 0.5])
    assert part("recency", act, years=[2101]) == [1]


@pytest.mark.parametrize(
    ("years", "newest"),
    [
        ([2099], 2099),
        ([2099, 2100], 2099),
        ([2090, 2099, 2099, 2150], 2099),
        ([2000 + place % 100 for place in range(1000)], 2098),
        ([2098] * 100 + [2099] * 2, 2098),
        ([2098] * 100 + [2099] * 3, 2099),
        ([0, 0, 2050], 2050),
        ([0], 0),
        ([], 0),
    ],
)
def test_one_act_in_a_hundred_may_be_ahead_of_the_newest_year(years, newest):
    acts = pa.chunked_array([[f"act {place}" for place in range(len(years))]], pa.string())
    assert newest_year(acts, np.array(years, np.int32)) == newest


def test_an_act_consolidated_years_ahead_does_not_make_the_others_older():
    years = np.array([2090, 2099, *[2129] * 5], np.int32)
    acts = pa.chunked_array([["old", "new", *["ahead"] * 5]])  # in five languages
    assert newest_year(acts, years) == 2099
    one = document(SENTENCE)
    assert part("recency", one, one, years=[2099, 2129], newest=newest_year(acts, years)) == [1, 1]


def test_binding_law_comes_before_announcements():
    types = ["regulation", "decision", "opinion", "notice", "corrigendum"]
    values = part("kind", *(document(SENTENCE, document_type=name) for name in types))
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


def test_middle_lengths_are_better_than_a_few_lines_or_millions_of_characters():
    short, full, huge = part("length", *(document("x" * size) for size in (400, 20_000, 21_000_000)))
    assert (short, full, huge) == (0, 1, 0.5)


def test_articles_and_recitals_count_and_so_do_the_grounds_of_a_judgment():
    bare, small, large, headless = part(
        "structure",
        document(SENTENCE),
        document(SENTENCE, articles=articles(2)),
        document(SENTENCE, articles=articles(20), recitals=[Recital("1", SENTENCE)] * 30),
        document(SENTENCE, articles=articles(2, heading="")),
    )
    assert bare == 0
    assert headless < small < large
    (judgment,) = part("structure", document(SENTENCE, points=[Point("1", SENTENCE)] * 90, operative_part=["So."]))
    assert judgment > 0.9


def test_running_text_is_better_than_tables_labels_forms_and_numbers():
    sentences = "\n".join(f"{SENTENCE} And so in port {'abcdefghij'[place]}." for place in range(10))
    good, table, labels, form, numbers = part(
        "quality",
        document(sentences),
        document("\n".join(["Ferry | Quay | Hour"] * 10)),
        document("\n".join(["Ferry", "Quay", "Hour"] * 10)),
        document("\n".join([SENTENCE] * 10)),
        document(sentences.replace("ferry", "1234567890").replace("timetable", "1234567890")),
    )
    assert good == 1
    assert max(table, labels, form) < 0.2
    assert 0.5 < numbers < 0.9


def test_features_and_years_are_read_from_the_facts():
    measured = [features(document(SENTENCE)), features(document("x | y", articles=articles(2)))]
    facts = pa.table(
        {
            "features": measured,
            "date": ["2098-02-03", None],
            "consolidation_date": [None, "2099-01-01"],
        }
    )
    columns = feature_columns(facts)
    assert list(columns) == list(FEATURES)
    assert columns["articles"].tolist() == [0, 2]
    assert years_of(facts).tolist() == [2098, 2099]
    assert years_of(facts.set_column(2, "consolidation_date", pa.array([None, None], pa.string()))).tolist() == [
        2098,
        0,
    ]


def test_the_best_documents_of_each_language_are_taken_until_the_share_of_tokens_is_reached():
    score_of = np.array([0.9, 0.1, 0.8, 0.5, 0.7, 0.6], np.float32)
    tokens = np.array([10, 50, 40, 100, 10, 10], np.int32)
    languages = np.array(["en", "en", "en", "fr", "fr", "fr"])
    chosen, lowest = best(score_of, tokens, languages, 0.4)
    # English: 10 of 100 tokens are not enough, 50 are; French: 20 of 120 are not, and the next has 100
    assert chosen.tolist() == [True, False, True, True, True, True]
    assert lowest == {"en": pytest.approx(0.8), "fr": pytest.approx(0.5)}


def test_of_equal_scores_the_first_are_taken_and_a_language_is_never_empty():
    chosen, _ = best(np.full(5, 0.5, np.float32), np.full(5, 10), np.array(["en"] * 5), 0.4)
    assert chosen.tolist() == [True, True, False, False, False]
    chosen, _ = best(np.full(1, 0.5, np.float32), np.array([10**9]), np.array(["pt"]), 0.001)
    assert chosen.tolist() == [True]


def test_all_or_nothing_can_be_asked():
    arguments = (np.array([0.5, 0.4], np.float32), np.array([1, 1]), np.array(["en", "en"]))
    assert best(*arguments, 1.0)[0].all()
    assert not best(*arguments, 0.0)[0].any()
    assert best(*(column[:0] for column in arguments))[1] == {}
