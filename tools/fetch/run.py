"""The command: select, tell what is there already, fetch the rest, sum up.

    python launch.py fetch 32016R0679 32024R1689 --output data/formex
    python launch.py fetch --type regulation,directive --years 2015-2020 --in-force --output data/formex
    python launch.py fetch --oj 2022 --languages en,fr --output data/formex

Each document costs two or three requests (redirects): at the usual five a second some 100 documents a minute. For the
whole of EU law take the data dump.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocessing.errors import RecipeError, UsageError
from preprocessing.progress import progress
from tools.fetch.client import USER_AGENT, Client, Manners
from tools.fetch.download import BASE_URL, LANGUAGE_CODES, download
from tools.fetch.selection import (
    DEFAULT_TYPES,
    FIRST_YEAR,
    Query,
    normal_celex,
    parse_types,
    parse_years,
    read_celex_list,
)
from tools.fetch.sparql import PAGE_ROWS, SPARQL_URL, items_of_slice
from tools.fetch.store import Item, Outcome, Plan, Store, open_store
from tools.fetch.summary import FetchSummary, Preview

_REQUESTS_A_DOCUMENT = 2


@dataclass(frozen=True)
class Request:
    """What to fetch, from where, and how."""

    celex: Sequence[str] = ()  # as given, in any form
    query: Query | None = None
    languages: tuple[str, ...] = tuple(LANGUAGE_CODES)
    base_url: str = BASE_URL
    sparql_url: str = SPARQL_URL
    max_bytes: int = 512 << 20
    retry_missing: bool = False
    page_rows: int = PAGE_ROWS  # of one answer of the SPARQL service
    manners: Manners = field(default_factory=Manners)


def make_request(
    celex: Sequence[str],
    celex_file: Path | None,
    types: str | None,
    years: str | None,
    in_force: bool,
    oj: str | None,
    *,
    languages: tuple[str, ...],
    retry_missing: bool,
    max_mebibytes: int,
    base_url: str | None,
    sparql_url: str | None,
    user_agent: str | None,
    **manners: Any,
) -> Request:
    """Return the request that the command's options make; ``manners`` are fields of :class:`Manners`.

    Raises:
        UsageError: options that do not fit together, or a value that is none.
    """
    if user_agent is not None and not (user_agent.isascii() and user_agent.isprintable() and user_agent.strip()):
        raise UsageError("--user-agent takes plain letters, figures and signs (ASCII) only")
    numbers = [*celex, *(read_celex_list(celex_file) if celex_file else ())]
    query = None
    if types is not None or years is not None or in_force or oj is not None:
        if years is not None and oj is not None:
            raise UsageError("--years are of the documents, --oj of the Official Journal; give one of them")
        given = oj if oj is not None else years
        query = Query(
            years=range(FIRST_YEAR, datetime.date.today().year + 1) if given is None else parse_years(given),
            types=parse_types(types or ("" if oj else ",".join(DEFAULT_TYPES))),
            in_force=in_force,
            official_journal=oj is not None,
            languages=languages,
        )
    return Request(
        celex=numbers,
        query=query,
        languages=languages,
        base_url=base_url or BASE_URL,
        sparql_url=sparql_url or SPARQL_URL,
        max_bytes=max_mebibytes << 20,
        retry_missing=retry_missing,
        manners=Manners(user_agent=user_agent or USER_AGENT, **manners),
    )


def fetch(output: Path, request: Request, dry_run: bool = False) -> FetchSummary | Preview:
    """Fetch what ``request`` selects into the folder ``output``; with ``dry_run`` only tell what that would be.

    Raises:
        UsageError: nothing is selected, or an address is none.
        RecipeError: nothing came, the server does not answer, or another run holds the folder.
        OSError: something cannot be written.
    """
    if not request.celex and request.query is None:
        raise UsageError("nothing selected; give CELEX numbers, --celex-file, --type, --years, --in-force, --oj")
    for url in (request.base_url, request.sparql_url):
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"'{url}' is no address of a server; it begins with http:// or https://")
    if dry_run:
        return _preview(Store(output), asyncio.run(_select(request)), request)
    with open_store(output) as store:
        return _fetch(store, request)


def _fetch(store: Store, request: Request) -> FetchSummary:
    started = time.monotonic()
    summary = FetchSummary(str(store.folder))
    items, rejected = asyncio.run(_select(request))
    # files of earlier runs are read to compare their checksums
    known = progress(items, what="checking what is there", unit="doc") if store.outcomes else items
    plan = store.plan(known, request.retry_missing)
    summary.earlier(plan.present, plan.missing)
    for outcome in rejected:
        store.add(outcome)
        summary.add(outcome)
    if plan.todo:
        asyncio.run(_download_all(store, plan, request, summary))
    summary.seconds = time.monotonic() - started
    if summary.fetched + summary.present == 0:
        raise RecipeError(_nothing(store, summary, items, rejected))
    return summary


async def _select(request: Request) -> tuple[list[Item], list[Outcome]]:
    """Return the items, each once, in the order given, and the entries that are no CELEX numbers."""
    wanted: dict[Item, None] = {}
    rejected: dict[str, Outcome] = {}

    def add(text: str, languages: Sequence[str]) -> None:
        try:
            celex = normal_celex(text)
        except ValueError as error:
            rejected.setdefault(text, Outcome(text, "", reason=f"no CELEX number: {error}"))
        else:
            wanted.update((Item(celex, language), None) for language in languages)

    for text in request.celex:
        add(text, request.languages)
    if (query := request.query) is not None:
        async with Client(request.manners) as client:
            with progress(query.slices(), what="listing", unit="year") as bar:
                for start, end in bar:
                    async for item in items_of_slice(client, request.sparql_url, query, start, end, request.page_rows):
                        add(item.celex, [item.language])
                    bar.set_postfix_str(f"{len(wanted):,} documents", refresh=False)
    return list(wanted), list(rejected.values())


async def _download_all(store: Store, plan: Plan, request: Request, summary: FetchSummary) -> None:
    waiting = iter(plan.todo)
    failures: list[Outcome] = []  # since the last answer of the server that made sense
    manners = request.manners

    async def work(client: Client, todo: Iterator[Item]) -> None:
        for item in todo:  # all workers take from the same
            outcome = await download(client, store, item, request.base_url, request.max_bytes)
            store.add(outcome)
            summary.add(outcome)
            bar.set_postfix_str(f"{summary.bytes / 1e6:,.1f} MB, {summary.failed:,} failed", refresh=False)
            bar.update()
            if outcome.file or outcome.missing:
                failures.clear()
                continue
            failures.append(outcome)
            if len(failures) >= manners.give_up_after:
                raise RecipeError(
                    f"stopped: {len(failures)} documents failed in a row, the last with {outcome.reason}"
                    f" ({outcome.url}); the same command goes on from what is finished"
                )

    done = len(plan.present) + len(plan.missing)
    with progress(what="fetching", total=done + len(plan.todo), unit="doc", initial=done) as bar:
        async with Client(manners) as client:
            workers = [asyncio.create_task(work(client, waiting)) for _ in range(manners.connections)]
            try:
                await asyncio.gather(*workers)
            finally:  # the first error ends all
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)


def _preview(store: Store, selected: tuple[list[Item], list[Outcome]], request: Request) -> Preview:
    items, rejected = selected
    plan = store.plan(items, request.retry_missing)
    return Preview(
        documents=len(plan.todo),
        present=len(plan.present),
        known_missing=len(plan.missing),
        rejected=len(rejected),
        by_language=Counter(item.language for item in plan.todo),
        seconds=len(plan.todo) * _REQUESTS_A_DOCUMENT / request.manners.rate,
    )


def _nothing(store: Store, summary: FetchSummary, items: list[Item], rejected: list[Outcome]) -> str:
    """Return the sentence for a run that brought nothing."""
    if not items and not rejected:
        return "nothing came: the selection is empty; try other years or types"
    if summary.known_missing and summary.known_missing == len(items):
        return f"nothing came: all {len(items):,} are known not to exist; --retry-missing asks again"
    first = next((row for item in items if (row := store.outcomes.get(item)) and row.reason), None) or rejected[0]
    name = " ".join(filter(None, first.item))
    return (
        f"nothing came: {summary.missing + summary.known_missing:,} do not exist, {summary.failed:,} failed, as {name}:"
        f" {first.reason}; each one is in {store.folder}/fetch.jsonl"
    )
