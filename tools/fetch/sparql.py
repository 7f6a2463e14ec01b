"""Asking the Publications Office's SPARQL service (Virtuoso) for all that a selection names, page by page.

The service stops a query after 60 seconds, sends a limited number of rows, and may send part of an answer with status
200 (it says so in ``X-SQL-State``). So a slice of time that is too much for it is cut in two, and pages are asked for
until one brings nothing new, however many rows each had.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx

from preprocessing.errors import RecipeError
from tools.fetch.client import Answer, BadBodyError, Client
from tools.fetch.download import LANGUAGE_CODES
from tools.fetch.selection import Query
from tools.fetch.store import Item

SPARQL_URL = "http://publications.europa.eu/webapi/rdf/sparql"
#: Rows asked for at once; more than one document has languages, less than the 10,000 that the service sorts.
PAGE_ROWS = 5_000
_MAX_PAGE_BYTES = 64 << 20
_RESULTS = "application/sparql-results+json"
_PARTIAL = "part of an answer only"
# How it is said that a query takes too long: by the service in the body of a status 500 or 400, or here.
_TOO_LONG = ("SR171", "S1T00", "estimated execution time", "Transaction timed out", _PARTIAL)
_GATEWAY_TIMEOUT = 504
_ISO_CODES = {code.upper(): language for language, code in LANGUAGE_CODES.items()}


class _Row(NamedTuple):
    celex: str
    language: str


class _TooLongError(Exception):
    """The service cannot answer for this slice in the time it gives itself."""


async def items_of_slice(
    client: Client, url: str, query: Query, start: datetime.date, end: datetime.date, rows: int
) -> AsyncIterator[Item]:
    """Yield the documents and languages of ``query`` from ``start`` to the day before ``end``, each once.

    Raises:
        RecipeError: the service does not answer, or refuses the query.
    """
    seen: set[Item] = set()
    slices = [(start, end)]
    while slices:
        start, end = slices.pop()
        after = ""
        try:
            while True:
                page = await _page(client, url, query.sparql(start, end, after, rows))
                for item in (Item(row.celex, row.language) for row in page):
                    if item not in seen:
                        seen.add(item)
                        yield item
                if not page or page[-1].celex == after:
                    break
                after = page[-1].celex  # the next page begins with it: some of its languages may be still to come
        except _TooLongError as error:
            middle = start + (end - start) / 2
            if middle == start:
                raise RecipeError(f"the SPARQL service {url} cannot list even one day, {start}: {error}") from error
            slices += [(middle, end), (start, middle)]


async def _page(client: Client, url: str, sparql: str) -> list[_Row]:
    answer = await client.get(
        url,
        _read_page,
        headers={"Accept": _RESULTS},
        params={"query": sparql, "format": _RESULTS},
        settled=_took_too_long,
    )
    if answer.value is not None:
        return answer.value
    if _took_too_long(answer):
        raise _TooLongError(answer.reason)
    said = " ".join(answer.excerpt.split())[:300]
    raise RecipeError(
        f"the SPARQL service {url} gave no list: {answer.reason}{f' ({said})' if said else ''}"
        f" after {answer.attempts} attempts; the same command tries again"
    )


def _took_too_long(answer: Answer[list[_Row]]) -> bool:
    if answer.timed_out or answer.status in (httpx.codes.PARTIAL_CONTENT, _GATEWAY_TIMEOUT):
        return True
    return any(sign in answer.excerpt or sign in answer.reason for sign in _TOO_LONG)


async def _read_page(response: httpx.Response, pieces: AsyncIterator[bytes]) -> list[_Row]:
    state = response.headers.get("X-SQL-State")
    if state:
        message = response.headers.get("X-SQL-Message", "")
        raise BadBodyError(f"{_PARTIAL}: {state} {message}".strip(), again=False)
    data = b""
    async for piece in pieces:
        data += piece
        if len(data) > _MAX_PAGE_BYTES:
            raise BadBodyError(f"an answer of more than {_MAX_PAGE_BYTES >> 20} MiB", again=False)
    try:
        bindings = json.loads(data)["results"]["bindings"]
        rows = [
            _Row(row["celex"]["value"], _ISO_CODES.get(row["language"]["value"].rpartition("/")[2], ""))
            for row in bindings
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        beginning = " ".join(data[:100].decode("utf-8", "replace").split())
        raise BadBodyError(f"not the JSON of SPARQL results: {beginning}") from error
    return [row for row in rows if row.language]
