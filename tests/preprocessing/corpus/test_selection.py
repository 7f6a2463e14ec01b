from __future__ import annotations

from preprocessing.corpus.selection import BROKEN_TEXT, DUPLICATE, OTHER_TEXT, TOO_SHORT, UNWANTED_LANGUAGE, Selection


def test_documents_are_left_out_by_reason_and_counted(make_document):
    selection = Selection(["en"])
    act = make_document()
    assert selection.refuse(act) is None
    assert selection.refuse(make_document("32099R0002")) is None
    assert selection.refuse(make_document(language="fr")) == UNWANTED_LANGUAGE
    assert selection.refuse(make_document(text="Too little.")) == TOO_SHORT
    assert selection.refuse(make_document(text="\ud800" * 300)) == BROKEN_TEXT
    assert selection.refuse(make_document(id="again")) == f"{DUPLICATE} of {act.id}"
    assert selection.left_out == {
        (UNWANTED_LANGUAGE, "fr"): 1,
        (TOO_SHORT, "en"): 1,
        (BROKEN_TEXT, "en"): 1,
        (DUPLICATE, "en"): 1,
    }


def test_white_space_and_composition_do_not_make_a_text_new(make_document):
    selection = Selection(["fr"])
    text = make_document(language="fr").text
    assert selection.refuse(make_document(language="fr")) is None
    spaced = text.replace(" ", "\u00a0\n ").replace("é", "e\u0301")
    assert selection.refuse(make_document(language="fr", id="other", text=spaced)) == f"{DUPLICATE} of 32099R0001-fr"


def test_the_same_document_read_twice_is_a_duplicate_of_itself(make_document):
    selection = Selection(["en"])
    assert selection.refuse(make_document()) is None
    assert selection.refuse(make_document(source="copy.xml")) == f"{DUPLICATE} of 32099R0001-en"


def test_a_second_text_of_the_same_document_is_left_out(make_document):
    selection = Selection(["en"])
    assert selection.refuse(make_document()) is None
    assert selection.refuse(make_document(articles=5)) == f"{OTHER_TEXT}, 32099R0001-en"


def test_equal_texts_in_two_languages_are_both_kept(make_document):
    selection = Selection(["en", "fr"])
    text = make_document().text
    assert selection.refuse(make_document(text=text)) is None
    assert selection.refuse(make_document(language="fr", text=text)) is None
