"""One document after the other: what the server answers, and what becomes of it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from preprocessing.errors import RecipeError
from tests.preprocessing.formex.archives import patched, zipped
from tests.tools.fetch.cellar import Cellar, body, cut_off, serving, silence, status, trickle
from tests.tools.fetch.conftest import act_zip
from tools.fetch.run import Request, fetch

Ask = Callable[..., Request]
KEY = ("32099R0123", "eng")


def rows(folder: Path) -> list[dict[str, Any]]:
    """The journal."""
    return [json.loads(line) for line in (folder / "fetch.jsonl").read_text().splitlines()]


def outcome_of(folder: Path, request: Request) -> dict[str, Any]:
    """The journal's only line after a fetch that may bring nothing."""
    try:
        fetch(folder, request)
    except RecipeError as error:
        assert error.exit_status == 1
    (row,) = rows(folder)
    return row


def test_a_document_comes_over_redirects_and_is_kept_as_it_came(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    summary = fetch(tmp_path, ask("32099R0123", languages=("en", "fr")))
    for language, code in (("en", "eng"), ("fr", "fra")):
        file = tmp_path / "2099" / f"32099R0123.{language}.zip"
        assert file.read_bytes() == cellar.files["32099R0123", code]
    english = rows(tmp_path)[0]
    assert english["file"] == "2099/32099R0123.en.zip"
    assert english["url"] == f"{cellar.url}/files/32099R0123.eng"
    assert (english["status"], english["attempts"], english["reason"]) == (200, 1, "")
    assert summary.to_dict()["by_language"] == {"en": 1, "fr": 1}
    outputs = json.loads((tmp_path / "manifest.json").read_text())["outputs"]
    assert outputs[english["file"]] == {"bytes": english["bytes"], "xxh3": english["xxh3"]}


def test_the_headers_are_those_that_the_cellar_understands(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    fetch(tmp_path, ask("32099R0123", languages=("fr",), user_agent="tests (someone@example.org)"))
    assert len(cellar.asked) == 3  # the address and two redirects
    for asked in cellar.asked:
        assert asked.headers["Accept"] == "application/zip;mtype=fmx4"
        assert asked.headers["Accept-Language"] == "fra"
        assert asked.headers["User-Agent"] == "tests (someone@example.org)"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate of 127.0.0.1 for a day, trusted for the time of the test, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate by openssl")
    file = tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", str(tmp_path / "public.pem")]
    subprocess.run(command, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + (tmp_path / "public.pem").read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
    return file


def test_a_redirect_from_http_to_https_is_followed(cellar: Cellar, ask: Ask, certificate: Path, tmp_path: Path) -> None:
    with serving(Cellar(files=cellar.files), certificate) as secure:
        cellar.files_url = secure.url
        row = outcome_of(tmp_path / "out", ask("32099R0123"))
    assert (row["status"], row["url"]) == (200, f"{secure.url}/files/32099R0123.eng")
    assert secure.url.startswith("https://")


def test_a_certificate_that_nobody_vouches_for_is_refused(
    cellar: Cellar, ask: Ask, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with serving(Cellar(files=cellar.files), certificate) as secure:
        cellar.files_url = secure.url
        row = outcome_of(tmp_path / "out", ask("32099R0123"))
    assert row["reason"].startswith("no connection to 127.0.0.1: [SSL: CERTIFICATE_VERIFY_FAILED]")


@pytest.mark.parametrize("celex", ["32099R0123R(02)", "12012E/TXT"])
def test_signs_in_a_number_are_escaped_in_the_address(celex: str, cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    cellar.add(celex, {"eng": act_zip()})
    fetch(tmp_path, ask(celex))
    assert "/" not in cellar.asked[0].path.removeprefix("/resource/celex/")
    assert len(list(tmp_path.glob("*/*.en.zip"))) == 1


def test_what_does_not_exist_is_asked_for_once(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    request = ask("32099R0123", "32099R0999", languages=("en", "de"))
    fetch(tmp_path, request)
    assert {(row["celex"], row["language"]): row["status"] for row in rows(tmp_path)} == {
        ("32099R0123", "de"): 406,
        ("32099R0123", "en"): 200,
        ("32099R0999", "de"): 404,
        ("32099R0999", "en"): 404,
    }
    assert len(cellar.asked_for()) == 4
    cellar.forget()
    summary = fetch(tmp_path, request)
    assert not cellar.asked
    assert summary.to_dict()["known_missing"] == 3
    fetch(tmp_path, ask("32099R0123", "32099R0999", languages=("en", "de"), retry_missing=True))
    assert len(cellar.asked_for()) == 3


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (status(500), "HTTP 500 Internal Server Error"),
        (status(502), "HTTP 502 Bad Gateway"),
        (status(429, Retry_After="0"), "HTTP 429 Too Many Requests"),
        (status(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), "HTTP 503 Service Unavailable"),
        (cut_off(act_zip(), 700), "connection broken: "),
        (body(act_zip()[:-30]), "damaged zip: "),
        (body(b"<!DOCTYPE html><html><title>Sorry</title>"), "not a zip: an HTML page (Sorry)"),
        (body(b"<?xml version='1.0'?><ERROR/>"), "not a zip: XML"),
        (body(b""), "not a zip: an empty body"),
        (silence(2.0), "timed out: nothing for 0.8 s"),
        (trickle(act_zip(), 0.4), "timed out: not complete after 1.2 s"),
    ],
)
def test_trouble_that_may_pass_is_tried_again_and_named_where_it_stays(
    trouble: Any, reason: str, cellar: Cellar, ask: Ask, tmp_path: Path
) -> None:
    patience = {"silence": 0.8, "whole_body": 1.2}
    cellar.trouble[KEY] += [trouble, trouble]
    passed = outcome_of(tmp_path / "passes", ask("32099R0123", **patience))
    assert (passed["status"], passed["attempts"], passed["reason"]) == (200, 3, "")
    cellar.trouble[KEY] += [trouble] * 3
    stayed = outcome_of(tmp_path / "stays", ask("32099R0123", **patience))
    assert stayed["reason"].startswith(reason)
    assert (stayed["attempts"], stayed["file"]) == (3, "")
    assert not list((tmp_path / "stays").glob("*/*"))


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (status(400), "HTTP 400 Bad Request"),
        (status(403), "HTTP 403 Forbidden"),
        (status(300), "HTTP 300 Multiple Choices"),
        (status(301, location="/files/32099R0123.eng"), "redirect that leads nowhere: "),
        (status(303, location="ftp://127.0.0.1/x"), "redirect that leads nowhere: "),
        (body(zipped({"picture.tif": b"II*"})), "a zip without XML in it"),
        (body(bytes(2 << 20)), "too large: more than 1 MiB"),
        (trickle(bytes(2 << 20), 0, 1 << 18), "too large: more than 1 MiB"),
    ],
)
def test_trouble_that_stays_is_named_at_once(
    trouble: Any, reason: str, cellar: Cellar, ask: Ask, tmp_path: Path
) -> None:
    cellar.trouble[KEY] += [trouble] * 20
    row = outcome_of(tmp_path, ask("32099R0123", max_bytes=1 << 20))
    assert row["reason"].startswith(reason)
    assert (row["attempts"], row["file"]) == (1, "")


def test_a_member_with_a_wrong_checksum_is_a_damaged_zip(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    cellar.files[KEY] = patched(act_zip(), "L_2099119EN.01000101.tif", crc=1)
    row = outcome_of(tmp_path, ask("32099R0123"))
    assert row["reason"].startswith("damaged zip: ")
    assert "L_2099119EN.01000101.tif" in row["reason"]


def test_an_encrypted_member_is_a_damaged_zip(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    cellar.files[KEY] = patched(act_zip(), "L_2099119EN.01000101.xml", flags=1)
    assert outcome_of(tmp_path, ask("32099R0123"))["reason"].startswith("damaged zip: ")


def test_a_zip_that_unpacks_without_end_is_not_unpacked(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    cellar.files[KEY] = patched(act_zip(), "L_2099119EN.01000101.xml", size=(4 << 30) - 2)
    cellar.files[KEY] = patched(cellar.files[KEY], "L_2099119EN.01000101.tif", size=(4 << 30) - 2)
    assert outcome_of(tmp_path, ask("32099R0123"))["reason"].startswith("zip bomb")


def test_where_the_server_says_when_to_come_back_all_wait(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    numbers = [f"32099R0{number}" for number in range(200, 206)]
    for celex in numbers:
        cellar.add(celex, {"eng": act_zip()})
    cellar.trouble["32099R0200", "eng"] += [status(429, Retry_After="1")]
    fetch(tmp_path, ask(*numbers, connections=2, rate=50.0))
    times = sorted(asked.at for asked in cellar.asked)
    assert max(later - earlier for earlier, later in pairwise(times)) > 0.8


def test_the_rate_holds_for_all_connections_and_redirects(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    fetch(tmp_path, ask("32099R0123", languages=("en", "fr"), rate=20.0, connections=4))
    times = sorted(asked.at for asked in cellar.asked)
    assert len(times) == 6
    assert times[-1] - times[0] > 5 / 20 * 0.9


def test_no_more_connections_than_allowed(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    cellar.delay = 0.01
    numbers = [f"32099R0{number}" for number in range(200, 212)]
    for celex in numbers:
        cellar.add(celex, {"eng": act_zip()})
    fetch(tmp_path, ask(*numbers, connections=3))
    assert 1 < cellar.most_at_once <= 3


def test_a_server_that_is_down_is_given_up(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    numbers = [f"32099R0{number}" for number in range(200, 300)]
    request = ask(*numbers, base_url="http://127.0.0.1:9/", connections=1, attempts=2, give_up_after=3)
    said = r"3 documents failed in a row.*no connection to 127\.0\.0\.1: .*goes on from what is finished"
    with pytest.raises(RecipeError, match=said):
        fetch(tmp_path, request)
    assert len(rows(tmp_path)) == 3


def test_documents_that_are_missing_are_no_sign_of_a_server_that_is_down(
    cellar: Cellar, ask: Ask, tmp_path: Path
) -> None:
    numbers = [f"32099R0{number}" for number in range(200, 210)]
    fetch(tmp_path, ask(*numbers, "32099R0123", give_up_after=3))
    assert len(rows(tmp_path)) == 11


def test_what_was_fetched_is_a_whole_zip(cellar: Cellar, ask: Ask, tmp_path: Path) -> None:
    fetch(tmp_path, ask("32099R0123"))
    data = (tmp_path / "2099" / "32099R0123.en.zip").read_bytes()
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
