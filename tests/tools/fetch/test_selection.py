"""What is selected: by lists, and by queries that a SPARQL engine runs over what is known of invented documents."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from preprocessing.errors import RecipeError, UsageError
from tests.tools.fetch.cellar import Cellar, body, silence, status
from tests.tools.fetch.conftest import act_zip
from tools.fetch.run import Request, fetch, make_request
from tools.fetch.selection import Query, parse_types, parse_years, read_celex_list
from tools.fetch.summary import FetchSummary

Ask = Callable[..., Request]
ALL = ("en", "fr")
YEAR = range(2099, 2100)


@pytest.fixture
def shelf(cellar: Cellar) -> Cellar:
    """Documents of every kind beside the regulation 32099R0123 of April 2099."""
    english = {"eng": act_zip()}
    cellar.add("32099R0200", english, types=("REG_IMPL",), date="2099-12-31", force="0")
    cellar.add("32098R0009", english, types=("REG",), date="2098-12-31", force="true")
    cellar.add("32099L0001", english, types=("DIR",), date="2099-01-01", force="1", issue="2099-02-01")
    cellar.add("32099D0001", english, types=("DEC",), date="2099-06-01", force="true", oj="2099-11-05")
    cellar.add("32099R0123R(01)", english, types=("REG", "CORRIGENDUM"), date="2099-05-01", oj="2099-11-06")
    cellar.add("52099XC0001", english, types=("NOTICE",), date="2099-05-02", oj="2099-11-06", series="OJ-C")
    cellar.add("62098CJ0007", {"fra": act_zip(language="FR")}, types=("JUDG",), date="2099-07-07")
    cellar.add("32099R0300", english, types=("REG",), date="2099-08-01", force="true", format="html")
    return cellar


def selected(folder: Path, request: Request) -> list[str]:
    """What came: CELEX and language."""
    fetch(folder, request)
    rows = [json.loads(line) for line in (folder / "fetch.jsonl").read_text().splitlines()]
    return [f"{row['celex']} {row['language']}" for row in rows if row["file"]]


def test_by_type_and_year_in_the_languages_that_exist_in_formex(shelf: Cellar, ask: Ask, tmp_path: Path) -> None:
    query = Query(YEAR, parse_types("regulation"), languages=ALL)
    assert selected(tmp_path, ask(query=query)) == ["32099R0123 en", "32099R0123 fr", "32099R0200 en"]
    assert all(asked.headers["Accept-Language"] in ("eng", "fra") for asked in shelf.asked_for())
    assert len(shelf.asked_for()) == 3  # nothing in vain


def test_several_types_and_years(shelf: Cellar, ask: Ask, tmp_path: Path) -> None:
    query = Query(range(2098, 2100), parse_types("regulation,directive,judgment"), languages=ALL)
    assert selected(tmp_path, ask(query=query)) == [
        "32098R0009 en",
        "32099L0001 en",
        "32099R0123 en",
        "32099R0123 fr",
        "32099R0200 en",
        "62098CJ0007 fr",
    ]


def test_only_what_is_in_force(shelf: Cellar, ask: Ask, tmp_path: Path) -> None:
    query = Query(YEAR, parse_types("regulation,directive"), in_force=True, languages=("en",))
    assert selected(tmp_path, ask(query=query)) == ["32099L0001 en", "32099R0123 en"]


def test_corrigenda_where_they_are_asked_for(shelf: Cellar, ask: Ask, tmp_path: Path) -> None:
    query = Query(YEAR, parse_types("corrigendum"), languages=ALL)
    assert selected(tmp_path, ask(query=query)) == ["32099R0123R(01) en"]


def test_the_official_journal_in_issues_and_act_by_act(shelf: Cellar, ask: Ask, tmp_path: Path) -> None:
    query = Query(YEAR, official_journal=True, languages=ALL)
    assert selected(tmp_path, ask(query=query)) == ["32099D0001 en", "32099L0001 en", "32099R0123R(01) en"]


def test_a_list_and_a_query_together_name_each_document_once(shelf: Cellar, ask: Ask, tmp_path: Path) -> None:
    query = Query(YEAR, parse_types("regulation"), languages=("en",))
    came = selected(tmp_path, ask("32099R0123", "32099D0001", query=query))
    assert came == ["32099D0001 en", "32099R0123 en", "32099R0200 en"]
    assert len(shelf.asked_for("32099R0123")) == 1


@pytest.fixture
def full_shelf(cellar: Cellar) -> Cellar:
    """Twelve decisions in two languages, one a month."""
    for number in range(12):
        day = datetime.date(2099, 1 + number, 1 + number)
        files = {"eng": act_zip(), "fra": act_zip(language="FR")}
        cellar.add(f"32099D{number:04}", files, types=("DEC",), date=day.isoformat())
    return cellar


@pytest.mark.parametrize(("page_rows", "most_rows"), [(5_000, 10_000), (12, 10_000), (5_000, 7), (3, 3)])
def test_all_pages_are_read_whatever_the_server_sends_at_once(
    page_rows: int, most_rows: int, full_shelf: Cellar, ask: Ask, tmp_path: Path
) -> None:
    full_shelf.most_rows = most_rows
    query = Query(YEAR, parse_types("decision"), languages=ALL)
    summary = fetch(tmp_path, ask(query=query, page_rows=page_rows))
    assert isinstance(summary, FetchSummary)
    assert summary.fetched == 24
    assert len(full_shelf.queries) > 24 // min(page_rows, most_rows)


@pytest.mark.parametrize("most_days", [364, 100, 30])
def test_a_year_that_takes_the_server_too_long_is_asked_for_in_parts(
    most_days: int, full_shelf: Cellar, ask: Ask, tmp_path: Path
) -> None:
    full_shelf.most_days = most_days
    query = Query(YEAR, parse_types("decision"), languages=ALL)
    assert len(selected(tmp_path, ask(query=query))) == 24


PART = body(b'{"results": {"bindings": []}}', X_SQL_State="S1TAT", X_SQL_Message="Returning incomplete results")


@pytest.mark.parametrize(
    "trouble", [PART, status(206, '{"results": {"bindings": []}}'), status(504), silence(3.0)], ids="abcd"
)
def test_part_of_an_answer_is_not_taken_for_the_whole(
    trouble: Callable[..., None], full_shelf: Cellar, ask: Ask, tmp_path: Path
) -> None:
    full_shelf.sparql_trouble += [trouble]
    query = Query(YEAR, parse_types("decision"), languages=ALL)
    assert len(selected(tmp_path, ask(query=query, silence=1.5, attempts=1))) == 24


@pytest.mark.parametrize("trouble", [status(503), status(429, Retry_After="0"), body(b"<html>"), body(b'{"head": {}}')])
def test_a_query_is_tried_again(trouble: Callable[..., None], full_shelf: Cellar, ask: Ask, tmp_path: Path) -> None:
    full_shelf.sparql_trouble += [trouble, trouble]
    query = Query(YEAR, parse_types("decision"), languages=ALL)
    assert len(selected(tmp_path, ask(query=query))) == 24


def test_a_server_that_cannot_list_one_day_is_named(full_shelf: Cellar, ask: Ask, tmp_path: Path) -> None:
    full_shelf.most_days = 0
    with pytest.raises(RecipeError, match=r"cannot list even one day, 2099-01-01: HTTP 500"):
        fetch(tmp_path, ask(query=Query(YEAR)))


def test_a_query_that_is_refused_is_told_with_the_servers_words(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    cellar.sparql_trouble += [status(400, "Virtuoso 37000 Error SP030: SPARQL compiler, line 3")]
    with pytest.raises(RecipeError, match=r"HTTP 400 Bad Request \(Virtuoso 37000 Error SP030.*after 1 attempts"):
        fetch(tmp_path, ask(query=Query(YEAR)))
    assert len(cellar.queries) == 1


def test_a_number_that_is_none_in_a_servers_list_is_named_and_leads_nowhere(
    cellar: Cellar, ask: Ask, tmp_path: Path
) -> None:
    cellar.add("../../etc/x", {"eng": act_zip()}, types=("REG",), date="2099-04-01")
    query = Query(YEAR, parse_types("regulation"), languages=("en",))
    assert selected(tmp_path / "a" / "b", ask(query=query)) == ["32099R0123 en"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert "no CELEX number" in (tmp_path / "a" / "b" / "fetch.jsonl").read_text()


def test_an_empty_selection_is_an_error(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nothing came: the selection is empty"):
        fetch(tmp_path, ask(query=Query(range(2050, 2051))))


def test_a_dry_run_says_how_much_and_writes_nothing(shelf: Cellar, ask: Ask, tmp_path: Path) -> None:
    query = Query(YEAR, parse_types("regulation"), languages=ALL)
    preview = fetch(tmp_path / "out", ask("nonsense", query=query, rate=2.0), dry_run=True)
    assert preview.to_dict() == {
        "documents": 3,
        "present": 0,
        "known_missing": 0,
        "rejected": 1,
        "by_language": {"en": 2, "fr": 1},
        "seconds": 3,
    }
    assert not (tmp_path / "out").exists()
    assert not shelf.asked_for()


def test_entries_of_a_list_that_are_no_numbers_are_named_and_the_rest_goes_on(
    cellar: Cellar, ask: Ask, tmp_path: Path
) -> None:
    numbers = tmp_path / "list.txt"
    numbers.write_text("\ufeff# acts\n32099r0123, GDPR # by nickname\n\n 32099R0123\n")
    assert list(read_celex_list(numbers)) == ["32099r0123", "GDPR", "32099R0123"]
    summary = fetch(tmp_path / "out", ask(*read_celex_list(numbers)))
    assert (summary.to_dict()["fetched"], summary.to_dict()["failed"]) == (1, 1)
    assert summary.to_dict()["by_status"] == {"200": 1, "not asked": 1}
    assert "no CELEX number: neither a full nor a short CELEX number" in (tmp_path / "out/fetch.jsonl").read_text()


OPTIONS: dict[str, object] = {
    "celex": (),
    "celex_file": None,
    "types": None,
    "years": None,
    "in_force": False,
    "oj": None,
    "languages": ("en",),
    "retry_missing": False,
    "max_mebibytes": 512,
    "base_url": None,
    "sparql_url": None,
    "user_agent": None,
}


def request_of(**options: object) -> Request:
    """The request of some of the command's options."""
    return make_request(**{**OPTIONS, **options})  # type: ignore[arg-type]


def test_without_a_type_it_is_the_legal_acts_of_all_years() -> None:
    query = request_of(in_force=True).query
    assert query is not None
    assert query.types == parse_types("regulation,directive,decision")
    assert (query.years[0], query.years[-1]) == (1950, datetime.date.today().year)


def test_a_year_of_the_official_journal_is_all_that_it_published() -> None:
    query = request_of(oj="2020-2021").query
    assert query is not None
    assert (query.types, list(query.years), query.official_journal) == ((), [2020, 2021], True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"years": "2016", "oj": "2016"}, "give one of them"),
        ({"years": "16"}, "write 2016 or 2015-2020"),
        ({"years": "2020-2015"}, "write 2016 or 2015-2020"),
        ({"oj": ""}, "write 2016 or 2015-2020"),
        ({"types": "regulations"}, "Did you mean 'regulation'?"),
        ({"celex_file": Path("no/such/list")}, "cannot be read"),
        ({"user_agent": "café\n"}, "--user-agent"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        request_of(**options)
    assert message in str(raised.value)


def test_years_and_types_are_read() -> None:
    assert list(parse_years("2015-2017")) == [2015, 2016, 2017]
    assert parse_types("directive,SWD,DIR") == ("DIR", "DIR_IMPL", "DIR_DEL", "SWD")


def test_nothing_selected_and_addresses_that_are_none_are_wrong_usage(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing selected"):
        fetch(tmp_path, ask())
    with pytest.raises(UsageError, match="begins with http"):
        fetch(tmp_path, ask("32099R0123", base_url="publications.europa.eu"))
