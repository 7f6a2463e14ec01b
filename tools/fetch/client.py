"""HTTP as a polite client speaks it: a few requests a second, patience where the server asks for it, an end to both.

The rate holds for all connections together and counts every request, those of redirects and retries included. Where
the server says when to come back (``Retry-After``), all connections wait.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Generic, TypeVar

import httpx

T = TypeVar("T")
#: Makes a value of a response (its headers) and the pieces of its body.
Reader = Callable[[httpx.Response, AsyncIterator[bytes]], Awaitable[T]]

USER_AGENT = "eurlex-formex-fetch/1.0 (training data from EU law)"
#: No such document, language or format: asking again does not help.
MISSING = frozenset({404, 406, 410})
# Too early, too many, or the server's own trouble.
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_BUSY = frozenset({429, 503})
_MAX_REDIRECTS = 10
_EXCERPT_BYTES = 2_000


@dataclass(frozen=True)
class Manners:
    """How the client behaves; times in seconds."""

    rate: float = 5.0  # requests a second, all connections together
    connections: int = 4
    attempts: int = 5
    silence: float = 90.0  # without a byte from the server; its own limit for a query is 60
    whole_body: float = 1_800.0  # for one body, however steadily it trickles in
    first_wait: float = 1.0  # before the second attempt, doubled for each after it
    longest_wait: float = 60.0
    longest_asked_wait: float = 600.0  # of what a server may ask for
    give_up_after: int = 20  # documents failed in a row: the server is down, or does not want to be asked
    user_agent: str = USER_AGENT


@dataclass
class Answer(Generic[T]):
    """What came of a request: a value, or the reason why there is none."""

    url: str
    value: T | None = None
    reason: str = ""
    status: int | None = None  # of the last response, None where none came
    excerpt: str = ""  # how the body of a response other than 200 begins
    attempts: int = 1
    again: bool = False  # whether another attempt may help
    timed_out: bool = False  # connected, but the answer did not come or did not end
    wait: float | None = None  # what the server asked for


class BadBodyError(Exception):
    """A body that is not what was asked for; ``again`` tells whether another attempt may bring a better one."""

    def __init__(self, reason: str, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


class _TricklesError(Exception):
    """A body goes on and on."""


class Client:
    """Asks for one thing at a time in each of its callers; use it as an asynchronous context."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self._free_at = 0.0  # when the next request may go out, by the clock of the event loop
        self._client = httpx.AsyncClient(
            headers={"User-Agent": manners.user_agent, "Accept-Encoding": "identity"},
            follow_redirects=True,
            max_redirects=_MAX_REDIRECTS,
            timeout=httpx.Timeout(manners.silence, connect=min(manners.silence, 20.0), pool=None),
            limits=httpx.Limits(max_connections=manners.connections),
            event_hooks={"request": [self._take_turn]},  # called for each redirect too
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(
        self,
        url: str,
        read: Reader[T],
        *,
        headers: dict[str, str],
        params: dict[str, str] | None = None,
        settled: Callable[[Answer[T]], bool] = lambda answer: False,
    ) -> Answer[T]:
        """Return what ``read`` makes of the response with status 200, or why there is none.

        A response is asked for again after a while where that may help: time-outs, broken connections, 429, 5xx, and
        bodies that ``read`` refuses. ``settled`` can call off further attempts.

        Raises:
            OSError: from ``read``, as of a full disk.
        """
        attempt = 1
        while True:
            answer = await self._try(url, read, headers, params)
            answer.attempts = attempt
            if not answer.again or settled(answer) or attempt >= self.manners.attempts:
                return answer
            await self._wait(answer, attempt)
            attempt += 1

    async def _try(
        self,
        url: str,
        read: Reader[T],
        headers: dict[str, str],
        params: dict[str, str] | None,
    ) -> Answer[T]:
        answer: Answer[T] = Answer(url)
        try:
            async with self._client.stream("GET", url, headers=headers, params=params) as response:
                answer.url, answer.status = str(response.url), response.status_code
                if response.status_code == 200:
                    answer.value = await read(response, self._pieces(response))
                else:
                    answer.reason = f"HTTP {response.status_code} {response.reason_phrase}".strip()
                    answer.again = response.status_code in _RETRIED
                    answer.wait = _asked_wait(response.headers.get("Retry-After", ""))
                    answer.excerpt = await _beginning(response)
        except BadBodyError as error:
            answer.reason, answer.again = str(error), error.again
        except httpx.TimeoutException as error:
            answer.reason, answer.again = f"timed out: nothing for {self.manners.silence:g} s", True
            answer.timed_out = isinstance(error, httpx.ReadTimeout)
        except _TricklesError:
            answer.reason, answer.again = f"timed out: not complete after {self.manners.whole_body:g} s", True
            answer.timed_out = True
        except (httpx.TooManyRedirects, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            answer.reason = f"redirect that leads nowhere: {error}"
        except httpx.ConnectError as error:
            answer.reason, answer.again = f"no connection to {error.request.url.host}: {error}", True
        except httpx.RequestError as error:  # httpx also raises it for a body shorter than its Content-Length
            answer.reason, answer.again = f"connection broken: {error or type(error).__name__}", True
        return answer

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """Yield a body as it comes, until that takes too long in all."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.manners.whole_body
        async for piece in response.aiter_bytes():
            yield piece
            # not asyncio.wait_for: before Python 3.12 it can lose a Ctrl-C
            if loop.time() > deadline:
                raise _TricklesError

    async def _take_turn(self, _: httpx.Request) -> None:
        loop = asyncio.get_running_loop()
        while (wait := self._free_at - loop.time()) > 0:  # it may have been put off meanwhile
            await asyncio.sleep(wait)
        self._free_at = loop.time() + 1 / self.manners.rate

    async def _wait(self, answer: Answer[T], attempt: int) -> None:
        manners = self.manners
        if answer.wait is not None:
            wait = min(answer.wait, manners.longest_asked_wait)
        else:
            wait = min(manners.first_wait * 2 ** (attempt - 1), manners.longest_wait)
            wait *= random.uniform(0.5, 1.0)  # so that those who failed together do not come back together
        if answer.status in _BUSY:
            self._free_at = max(self._free_at, asyncio.get_running_loop().time() + wait)
        else:
            await asyncio.sleep(wait)


def _asked_wait(value: str) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for: a number or a date; None where it says nothing."""
    value = value.strip()
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())


async def _beginning(response: httpx.Response) -> str:
    data = b""
    async for piece in response.aiter_bytes():
        data += piece
        if len(data) >= _EXCERPT_BYTES:
            break
    return data[:_EXCERPT_BYTES].decode("utf-8", "replace").strip()
