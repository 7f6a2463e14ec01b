"""A loopback server that speaks as the Publications Office's does: the Cellar's addresses and its SPARQL service.

``Cellar`` holds invented documents of 2099. Addresses lead over two redirects (303, 301) to the file. Trouble is asked
for beforehand: ``cellar.trouble[("32099R0123", "eng")] = [status(500), html()]`` are the first two answers to come.
Queries are run by rdflib over a graph of what is known of the documents, so that they must be right, not just alike.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from rdflib import RDF, XSD, Graph, Literal, Namespace, URIRef

CDM = Namespace("http://publications.europa.eu/ontology/cdm#")
AUTHORITY = "http://publications.europa.eu/resource/authority/"
ACCEPT = "application/zip;mtype=fmx4"

Trouble = Callable[["Handler"], None]


def status(code: int, body: str = "", **headers: str) -> Trouble:
    """Answer with a status, and headers (underscores for hyphens)."""
    return lambda handler: handler.answer(
        code, body.encode(), **{name.replace("_", "-"): value for name, value in headers.items()}
    )


def body(data: bytes, **headers: str) -> Trouble:
    """Answer 200 with another body."""
    return lambda handler: handler.answer(200, data, **headers)


def cut_off(data: bytes, at: int) -> Trouble:
    """Promise all of ``data`` and close the connection after ``at`` bytes."""

    def act(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:at])
        handler.close_connection = True

    return act


def trickle(data: bytes, pause: float, piece: int = 1) -> Trouble:
    """Send a body slowly, without saying how long it is."""

    def act(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        for start in range(0, len(data), piece):
            handler.wfile.write(data[start : start + piece])
            handler.wfile.flush()
            time.sleep(pause)

    return act


def silence(seconds: float) -> Trouble:
    """Say nothing for a while, then close."""

    def act(handler: Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return act


@dataclass
class Asked:
    """One request as the server saw it."""

    path: str
    query: str
    headers: dict[str, str]
    at: float


@dataclass
class Cellar:
    """What the server has, what trouble it is to make, and what it was asked."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    trouble: dict[tuple[str, str], list[Trouble]] = field(default_factory=lambda: defaultdict(list))
    sparql_trouble: list[Trouble] = field(default_factory=list)
    most_days: int = 10_000  # what a query may span before it takes too long
    most_rows: int = 10_000
    asked: list[Asked] = field(default_factory=list)
    graph: Graph = field(default_factory=Graph)
    url: str = ""
    files_url: str = ""  # where the files are, if elsewhere
    at_once: int = 0
    most_at_once: int = 0
    delay: float = 0.0

    def add(self, celex: str, files: dict[str, bytes], types: tuple[str, ...] = (), **facts: str) -> None:
        """Add a document: a zip by language, types by code; ``date``, ``force``, ``oj``, ``issue`` as they apply."""
        work = URIRef(f"http://publications.europa.eu/resource/cellar/{celex}")
        say = self.graph.add
        say((work, CDM.resource_legal_id_celex, Literal(celex, datatype=XSD.string)))
        for code in types:
            say((work, CDM["work_has_resource-type"], URIRef(f"{AUTHORITY}resource-type/{code}")))
        if "date" in facts:
            say((work, CDM.work_date_document, Literal(facts["date"], datatype=XSD.date)))
        if "force" in facts:
            kind = XSD.integer if facts["force"].isdecimal() else XSD.boolean  # the service has it either way
            say((work, CDM["resource_legal_in-force"], Literal(facts["force"], datatype=kind)))
        series = URIRef(f"{AUTHORITY}document-collection/{facts.get('series', 'OJ-L')}")
        if "oj" in facts:  # published by itself
            say((work, CDM["official-journal-act_date_publication"], Literal(facts["oj"], datatype=XSD.date)))
            say((work, CDM["official-journal-act_part_of_collection_document"], series))
        if "issue" in facts:
            issue = URIRef(f"http://publications.europa.eu/resource/oj/{facts['issue']}")
            say((work, CDM["resource_legal_published_in_official-journal"], issue))
            say((issue, CDM.publication_general_date_publication, Literal(facts["issue"], datatype=XSD.date)))
            say((issue, CDM["official-journal_part_of_collection_document"], series))
        for language, data in files.items():
            self.files[celex, language] = data
            expression = URIRef(f"{work}.{language}")
            say((expression, RDF.type, CDM.expression))
            say((expression, CDM.expression_belongs_to_work, work))
            say((expression, CDM.expression_uses_language, URIRef(f"{AUTHORITY}language/{language.upper()}")))
            for number, kind in enumerate(("pdfa2a", facts.get("format", "fmx4"))):
                manifestation = URIRef(f"{expression}.{number:02}")
                say((manifestation, CDM.manifestation_manifests_expression, expression))
                say((manifestation, CDM.manifestation_type, Literal(kind, datatype=XSD.string)))

    def asked_for(self, celex: str = "") -> list[Asked]:
        """The requests for documents (not what redirects led to), or for one of them."""
        return [one for one in self.asked if unquote(one.path).startswith(f"/resource/celex/{celex}")]

    @property
    def queries(self) -> list[str]:
        """The SPARQL queries that came."""
        return [one.query for one in self.asked if one.path == "/sparql"]

    def forget(self) -> None:
        """Forget what was asked."""
        self.asked.clear()


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer takes 40 ms
    cellar: Cellar

    def do_GET(self) -> None:
        """Answer a request and note it."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query).get("query", [""])[0]
        cellar = self.cellar
        cellar.asked.append(Asked(parts.path, query, dict(self.headers), time.monotonic()))
        cellar.at_once += 1
        cellar.most_at_once = max(cellar.most_at_once, cellar.at_once)
        try:
            time.sleep(cellar.delay)
            self._route(parts.path, query)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            cellar.at_once -= 1

    def _route(self, path: str, query: str) -> None:
        kind, _, name = path.lstrip("/").rpartition("/")
        if path == "/sparql":
            self._sparql(query)
        elif kind == "resource/celex":
            self._resource(unquote(name))
        elif kind == "resource/cellar":
            self.answer(301, location=f"{self.cellar.files_url or self.cellar.url}/files/{name}")
        elif kind == "files":
            celex, _, language = unquote(name).rpartition(".")
            trouble = self.cellar.trouble[celex, language]
            if trouble:
                trouble.pop(0)(self)
            else:
                self.answer(200, self.cellar.files[celex, language], content_type="application/zip")
        else:
            self.answer(404)

    def _resource(self, celex: str) -> None:
        accept, language = self.headers["Accept"], self.headers["Accept-Language"]
        if "; " in accept:
            self.answer(500)
        elif not any(celex == known for known, _ in self.cellar.files):
            self.answer(404)
        elif accept != ACCEPT or (celex, language) not in self.cellar.files:
            self.answer(406)
        else:
            self.answer(303, location=f"/resource/cellar/{quote(f'{celex}.{language}', safe='')}")

    def _sparql(self, query: str) -> None:
        cellar = self.cellar
        if cellar.sparql_trouble:
            cellar.sparql_trouble.pop(0)(self)
            return
        start, end = (date.fromisoformat(day) for day in re.findall(r'"(\d{4}-\d\d-\d\d)"', query))
        if (end - start).days > cellar.most_days:
            self.answer(500, b"Virtuoso S1T00 Error SR171: Transaction timed out")
            return
        result = json.loads(cellar.graph.query(query).serialize(format="json") or b"{}")
        rows = result["results"]["bindings"]
        headers = {}
        if len(rows) > cellar.most_rows:
            result["results"]["bindings"] = rows[: cellar.most_rows]
            headers["x_sparql_maxrows"] = str(cellar.most_rows)
        self.answer(200, json.dumps(result).encode(), content_type="application/sparql-results+json", **headers)

    def answer(self, code: int, data: bytes = b"", **headers: str) -> None:
        """Send a whole response."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def serving(cellar: Cellar, certificate: Path | None = None) -> Iterator[Cellar]:
    """Serve ``cellar`` on a free port of the loopback interface; over TLS with a ``certificate`` and its key."""
    handler = type("Bound", (Handler,), {"cellar": cellar})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    cellar.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield cellar
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
