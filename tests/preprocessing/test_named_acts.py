"""Acts and judgments named by number in running text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.celex import is_celex
from preprocessing.citations.acts import named_acts


def found(text: str) -> list[tuple[str, str]]:
    return [(text[act.start : act.end], act.celex) for act in named_acts(text)]


@pytest.mark.parametrize(
    ("name", "celex"),
    [
        ("Regulation (EU) 2016/679", "32016R0679"),
        ("Implementing Regulation (EU) No 1352/2013", "32013R1352"),
        ("Regulation (EEC, Euratom) No 259/68", "31968R0259"),
        ("Regulation (EEC) No\u00a01408/71", "31971R1408"),
        ("Regulation (EU)1095/2010", "32010R1095"),
        ("Regulation 1/2003", "32003R0001"),
        ("directive 95/46/CE", "31995L0046"),
        ("Directive No 98/83/EC", "31998L0083"),
        ("Framework Decision 2002/584/JHA", "32002F0584"),
        ("Implementing Decision 2016/2297", "32016D2297"),
        ("Decision No 1639/2006/EC", "32006D1639"),
        ("Decision (EU, Euratom) 2020/2053", "32020D2053"),
        ("Common Position 2001/931/CFSP", "32001E0931"),
        ("Joint Action 98/733/JHA", "31998F0733"),
        ("action commune 2008/851/PESC", "32008E0851"),
        ("Gemeinsamen Standpunkts 2001/931/GASP", "32001E0931"),
        ("Recommendation 2003/361/EC", "32003H0361"),
        ("règlement d’exécution (UE) 2015/35", "32015R0035"),
        ("règlement du Parlement européen et du Conseil (UE) no 575/2013", "32013R0575"),
        ("directive-cadre 2000/60/CE", "32000L0060"),
        ("Verordnung (EG) Nr. 45/2001", "32001R0045"),
        ("Grundverordnung (EU) 2016/1036", "32016R1036"),
        ("Richtlinie des Rates 92/43/EWG", "31992L0043"),
        ("Rahmenbeschluss 2008/977/JI", "32008F0977"),
        ("Beschluß 2001/497/EG", "32001D0497"),
        ("Reglamento (CE) n.º 45/2001", "32001R0045"),
        ("Reglamento de Ejecución (UE) 2018/1", "32018R0001"),
        ("Decisión Marco 2002/584/JAI", "32002F0584"),
        ("Regulamento (CE) n.o 45/2001", "32001R0045"),
        ("Decisão 2010/87/UE", "32010D0087"),
    ],
)
def test_an_act_is_found_by_type_and_number(name: str, celex: str) -> None:
    assert found(f"This is without prejudice to {name}, in so far as it flies.") == [(name, celex)]


@pytest.mark.parametrize(
    "text",
    [
        "a share of 3/4",
        "and/or 2016/679",
        "on 12/13/14",
        "ECB/2016/27",
        "2009/C 81/01",
        "Law No 12/2004",
        "Decision No 1/95 of the Association Council",  # not of sector 3
        "Common Position (EC) No 13/98",  # of a legislative procedure
        "Decision No 94/90/ECSC",  # either may be the year
        "Regulation 2015/2003",  # either may be the year
        "Directive 2004/17 / 18",
        "",
        "/1",
        "1/",
    ],
)
def test_what_is_no_act_or_not_certain_is_passed_over(text: str) -> None:
    assert [celex for _, celex in found(text)] in ([], ["32004L0017"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Directives 2004/17/EC, 2004/18/EC and 2009/81/EC", ["32004L0017", "32004L0018", "32009L0081"]),
        ("Regulations (EC) No 1/2003 and (EC) No 2/2003", ["32003R0001", "32003R0002"]),
        ("règlements (UE) no 1093/2010 et (UE) 2016/11", ["32010R1093", "32016R0011"]),
        ("Richtlinien 2004/17/EG [3] und 2009/81/EG", ["32004L0017", "32009L0081"]),
        ("Directive 2004/17/EC and 98/4 of it", ["32004L0017"]),
        ("Directive 2004/17/EC\nand 2009/81/EC", ["32004L0017"]),
    ],
)
def test_every_member_of_a_list_is_found(text: str, expected: list[str]) -> None:
    assert [celex for _, celex in found(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the judgment of 6 October 2015, Schrems (C‑362/14, EU:C:2015:650)", [("C‑362/14", "62014CJ0362")]),
        ("l’arrêt du 3 mai 2011, X, C-119/10 P", [("C-119/10", "62010CJ0119")]),
        ("Urteil vom 6. Mai 2010, T-388/02", [("T-388/02", "62002TJ0388")]),
        ("the judgments in Joined Cases C-203/15 and C-698/15", [("C-203/15", "62015CJ0203")]),
        ("order of the Court in Case C-12/13 P(R)", []),
        ("the judgment in Case C-12/13 R", []),
        ("In the judgment it was held. Case C-5/21 is pending", []),
        ("In Case C-5/21, the applicant", []),
    ],
)
def test_a_case_is_resolved_where_a_judgment_is_meant(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_words_far_before_a_number_change_nothing() -> None:
    name = "Implementing Regulation (EU) No 1352/2013"
    for length in range(70):
        assert [celex for _, celex in found("x" * length + " " + name)] == ["32013R1352"]


PIECES = st.one_of(
    st.sampled_from(
        ["Regulation", "Directive", "Decision", "Verordnung", "règlement d’", "exécution", "judgment", "order"]
    ),
    st.sampled_from(["(EU)", "(EC)", "No", "no", "/EC", "/", "C-", "T‑", ", ", " and ", "[3]", "Euratom", "(", ")"]),
    st.sampled_from(["2016/679", "95/46", "1/2003", "0", "99999/1", " ", "\u00a0", "\n"]),
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_words_give_true_spans_in_order(text: str) -> None:
    end = 0
    for act in named_acts(text):
        assert end <= act.start < act.end <= len(text)
        assert is_celex(act.celex) and "\n" not in text[act.start : act.end]
        end = act.end
