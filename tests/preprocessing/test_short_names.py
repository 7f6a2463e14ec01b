"""Short names of acts: the table, and those that titles and texts define."""

from __future__ import annotations

import pytest

from preprocessing.celex import is_celex
from preprocessing.citations import find_citations
from preprocessing.citations.defined_names import defined_names, initials, own_names
from preprocessing.citations.short_names import SHORT_NAMES, bare_name, known_names, name_key, names_of
from preprocessing.languages import LANGUAGES

ACT = "32099R0001"


def test_every_name_of_the_table_stands_for_one_act_with_a_number():
    meant: dict[str, set[str]] = {}
    for celex, by_language in SHORT_NAMES.items():
        assert is_celex(celex) and set(by_language) <= {"", *LANGUAGES}
        for names in by_language.values():
            for name in names:
                meant.setdefault(name_key(name), set()).add(celex)
    assert all(len(acts) == 1 for acts in meant.values())


def test_every_name_of_the_table_is_found_in_running_text():
    for celex, by_language in SHORT_NAMES.items():
        for names in by_language.values():
            for name in names:
                assert [found.celex for found in find_citations(f"as {name} says")] == [celex], name


@pytest.mark.parametrize("text", ["You may reach us by the mar.", "Dora wrote a crr.", "the data active then"])
def test_common_words_are_no_names(text: str):
    assert find_citations(text) == []


@pytest.mark.parametrize(
    "spelling", ["DSGVO", "DS-GVO", "dsgvo", "die DSGVO", "„DS-GVO“", "Datenschutz-Grundverordnung"]
)
def test_spelling_does_not_matter_to_a_name(spelling: str):
    assert known_names()[name_key(spelling)] == "32016R0679"


def test_a_name_is_without_its_article_and_quotation_marks():
    names = ("the ‘Sludge Act’", "l’acte boue", "«règlement\u00a0boue»")
    assert [bare_name(name) for name in names] == ["Sludge Act", "acte boue", "règlement boue"]


def test_one_spelling_of_each_name_is_shown():
    assert names_of("32016R0679")["en"] == ("GDPR", "General Data Protection Regulation")


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Regulation (EU) 2099/1 on invented sludge (General Sludge Regulation)", ["General Sludge Regulation"]),
        ("Regulation (EU) 2099/1 on invented sludge (recast) (Text with EEA relevance)", []),
        ("Regulation (EU) 2099/1 on sludge (‘the Sludge Regulation’) (Text with EEA relevance)", ["Sludge Regulation"]),
        ("Verordnung (EU) 2099/1 über Schlamm (Schlamm-Grundverordnung)", ["Schlamm-Grundverordnung"]),
        (
            "Regulation (EU) 2099/1 on sludge (sludge regulation) and repealing Directive 2090/2/EC",
            ["sludge regulation"],
        ),
        ("Regulation (EU) 2099/1 and repealing Directive 2090/2/EC (Sludge Regulation)", ["Sludge Regulation"]),
        ("Regulation (EU) 2099/1 repealing Regulation (EU) 2090/2 (Sludge Regulation)", ["Sludge Regulation"]),
        ("Regulation (EU) 2099/1 amending Regulation (EU) 2090/2 (Sludge Regulation)", []),
        ("Regulation (EU) 2099/1 amending Directive 2090/2/EC (Sludge Directive)", []),
        ("Regulation (EU) 2099/1 amending Directive 2090/2/EC (Sludge Act)", ["Sludge Act"]),
        ("Regulation (EU) 2099/1 (fifth Regulation within the meaning of Article 16 of Regulation (EU) 2090/2)", []),
        ("Règlement (UE) 2099/1 relatif aux boues («règlement Boues»)", ["règlement Boues"]),
    ],
)
def test_an_act_is_named_by_its_title(title: str, names: list[str]):
    assert own_names(title, ACT) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("under Regulation (EU) 2099/1 (the ‘Sludge Regulation’)", [(ACT, "Sludge Regulation")]),
        ("Regulation (EU) 2099/1 of the Council of 1 May 2099 [3] (hereinafter ‘SLUR’)", [(ACT, "SLUR")]),
        ("der Verordnung (EU) 2099/1 (im Folgenden „Schlammverordnung“)", [(ACT, "Schlammverordnung")]),
        ("du règlement (UE) 2099/1 (ci-après le «règlement boues»)", [(ACT, "règlement boues")]),
        (
            "Directive 2090/2/EC on what Regulation (EU) 2099/1 says (the ‘Sludge Regulation’)",
            [(ACT, "Sludge Regulation")],
        ),
        ("Regulation (EU) 2099/1 on sludge amending Regulation (EU) 2090/2 (‘SLUR’)", []),
        ("the agency of Regulation (EU) 2099/1 (the ‘Agency’)", []),
        ("the agency of Regulation (EU) 2099/1 (‘EISA’)", []),
        ("Regulation (EU) 2099/1 (‘the Regulation’)", []),
        ("Regulation (EU) 2099/1 or Regulation (EU) 2099/3 (‘the Sludge Regulation’)", []),
        ("Regulation (EU) 2099/1\n(‘SLUR’)", []),
        ("(‘Sludge Regulation’)", []),
    ],
)
def test_an_act_is_named_by_others_beside_its_number(text: str, names: list[tuple[str, str]]):
    assert list(defined_names(text)) == names


def test_initials_leave_out_small_words():
    assert initials("General Data Protection Regulation") == "GDPR"
    assert initials("règlement général sur la protection des données") == "RGPD"
    assert initials("Data Act") is None and initials("Datenschutz-Grundverordnung") is None
