"""One document: asked for by number and language, checked, put in place whole.

The Cellar (the Publications Office's repository) answers by content negotiation: the address names the document, the
headers name format and language, and redirects lead to the file. What comes with status 200 need not be the file: a
page of apology does too, so that the body is looked at before it is believed.
"""

from __future__ import annotations

import asyncio
import re
import zipfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx
import xxhash

from preprocessing.files import atomic_file
from tools.fetch.client import BadBodyError, Client
from tools.fetch.store import Item, Outcome, Store

BASE_URL = "http://publications.europa.eu/resource/celex/"
#: The Cellar takes no space after the semicolon: it answers 500.
ACCEPT = "application/zip;mtype=fmx4"
#: ISO 639-2, as the Cellar has it, by ISO 639-1.
LANGUAGE_CODES = {"en": "eng", "fr": "fra", "de": "deu", "es": "spa", "pt": "por"}

#: What a zip may unpack to; the largest genuine ones, with images of hundreds of pages, hold a tenth of it.
MAX_UNPACKED_BYTES = 4 << 30
_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,100})", re.IGNORECASE)
_HEAD_BYTES = 2_000


class _File(NamedTuple):
    size: int
    xxh3: str


async def download(client: Client, store: Store, item: Item, base_url: str, max_bytes: int) -> Outcome:
    """Fetch one item into ``store``'s folder and return what became of it.

    Raises:
        OSError: it cannot be written.
    """
    path = store.path(item)

    async def read(response: httpx.Response, pieces: AsyncIterator[bytes]) -> _File:
        return await _receive(response, pieces, path, max_bytes)

    answer = await client.get(
        base_url.rstrip("/") + "/" + quote(item.celex, safe=""),
        read,
        headers={"Accept": ACCEPT, "Accept-Language": LANGUAGE_CODES[item.language]},
    )
    file = answer.value
    return Outcome(
        *item,
        status=answer.status,
        url=answer.url,
        bytes=file.size if file else 0,
        xxh3=file.xxh3 if file else "",
        attempts=answer.attempts,
        reason=answer.reason,
        file=path.relative_to(store.folder).as_posix() if file else "",
    )


async def _receive(response: httpx.Response, pieces: AsyncIterator[bytes], path: Path, max_bytes: int) -> _File:
    too_large = BadBodyError(f"too large: more than {max_bytes >> 20} MiB (--max-size)", again=False)
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large
    digest = xxhash.xxh3_64()
    size = 0
    with atomic_file(path, "wb") as stream:
        async for piece in pieces:
            size += len(piece)
            if size > max_bytes:
                raise too_large
            digest.update(piece)
            stream.write(piece)
        stream.flush()
        await asyncio.to_thread(check_zip, Path(stream.name))
    return _File(size, digest.hexdigest())


def check_zip(path: Path) -> None:
    """Read a downloaded file from end to end: a zip, whole, with FORMEX in it.

    Raises:
        BadBodyError: it is something else, with the reason.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if not head.startswith(b"PK"):
        raise BadBodyError(f"not a zip: {_kind(head)}")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
                raise BadBodyError(f"zip bomb: unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB", again=False)
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise BadBodyError(f"damaged zip: {error}") from error
    if damaged is not None:
        raise BadBodyError(f"damaged zip: the checksum of {damaged} is wrong")
    if not any(member.filename.lower().endswith(".xml") for member in members):
        raise BadBodyError("a zip without XML in it", again=False)


def _kind(head: bytes) -> str:
    """Say in words what a body is that is no zip, by its beginning."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not text:
        return "an empty body"
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        title = _TITLE.search(head)
        return "an HTML page" + (f" ({title[1].decode('utf-8', 'replace').strip()})" if title else "")
    return "XML" if text.startswith(b"<") else "unknown data"
