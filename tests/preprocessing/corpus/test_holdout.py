from __future__ import annotations

import pytest

from preprocessing.corpus.holdout import SplitPlan, act_of, articles_to_hold_out, hold_out
from preprocessing.document import Annex, Recital, Reference


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(1, count + 1)]


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 0), (2, 1), (10, 1), (20, 2), (99, 10)])
def test_the_last_tenth_of_the_articles_is_held_out(count: int, expected: int):
    held_out = articles_to_hold_out([numbers(count)])
    assert list(held_out) == numbers(count)[count - expected :]


def test_only_articles_that_every_language_has_are_held_out():
    assert articles_to_hold_out([numbers(20), [], numbers(19)]) == ("18", "19")


def test_held_out_articles_leave_the_training_text_with_their_headings(make_document):
    act = make_document(articles=4, recitals=[Recital("1", "x")], annexes=[Annex("Annex", "y")])
    train, validation = hold_out(act, ["4"]) or pytest.fail("nothing held out")
    assert "Article 3\n" in train.text and "Article 4" not in train.text and "4.1." not in train.text
    assert train.text.endswith("Done at Nowhere, 1 May 2099.")
    assert validation.text.startswith("Article 4\nHeading 4\n4.1.") and "Article 3" not in validation.text
    assert [article.number for article in train.articles] == ["1", "2", "3"]
    assert [article.number for article in validation.articles] == ["4"]
    assert (train.id, validation.id) == (act.id, act.id + "#held-out")
    assert train.recitals and train.annexes and not validation.recitals and not validation.annexes


def test_nothing_of_the_text_is_lost_or_doubled(make_document):
    act = make_document(articles=12)
    train, validation = hold_out(act, ["11", "12"]) or pytest.fail("nothing held out")
    lines = sorted(train.text.split("\n") + validation.text.split("\n"))
    assert lines == sorted(act.text.split("\n"))


def test_footnotes_inside_a_held_out_article_go_with_it(make_document):
    act = make_document(articles=4)
    first, last = act.articles[3].text.split("\n")
    act.text = act.text.replace(f"{first}\n{last}", f"{first[:9]} [7]{first[9:]}\n[7] A note.\n{last}")
    train, validation = hold_out(act, ["4"]) or pytest.fail("nothing held out")
    assert "[7]" not in train.text and "\n[7] A note.\n" in validation.text


def test_references_go_where_they_stand(make_document):
    references = [Reference(None, None, "1.1. The"), Reference(None, None, "3.2. 32099R0001")]
    train, validation = hold_out(make_document(references=references), ["3"]) or pytest.fail("nothing held out")
    assert train.references == references[:1] and validation.references == references[1:]


def test_a_document_whose_articles_are_not_in_its_text_stays_whole(make_document):
    act = make_document(text="An altogether different text.")
    assert hold_out(act, ["3"]) is None
    assert SplitPlan(articles={"32099R0001": ("3",)}).apply(act) == [("train", act)]


def test_a_document_without_the_articles_stays_whole(make_document):
    assert hold_out(make_document(articles=2), ["3"]) is None


def test_acts_of_validation_go_there_in_every_language(make_document):
    plan = SplitPlan(acts=frozenset({"32099R0001"}))
    for language in ("en", "pt"):
        act = make_document(language=language)
        assert plan.apply(act) == [("validation", act)]
    consolidated = make_document(celex="02099R0001-20990601", base_celex="32099R0001")
    assert plan.apply(consolidated) == [("validation", consolidated)]
    other = make_document("32099R0002")
    assert plan.apply(other) == [("train", other)]


def test_a_document_without_celex_is_an_act_of_its_own(make_document):
    assert act_of(make_document(celex=None, base_celex=None, id="hash")) == "hash"
