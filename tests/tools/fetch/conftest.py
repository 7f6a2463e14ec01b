"""A Cellar of invented documents, and requests to it that do not wait long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.preprocessing.formex.archives import zipped
from tests.preprocessing.formex.invented import act, article, description
from tests.tools.fetch.cellar import Cellar, serving
from tools.fetch.client import Manners
from tools.fetch.run import Request

RULES = {
    "EN": "Whoever flies by night shall carry two lamps and shall keep a record of every flight for three years. ",
    "FR": "Quiconque vole de nuit porte deux lampes et tient pendant trois ans un registre de tous ses vols. ",
}


def act_zip(text: str = "", language: str = "EN") -> bytes:
    """A download as the Cellar packs it: the act, its description, a picture that is none."""
    name = f"L_2099119{language}.01000101"
    return zipped(
        {
            f"{name}.xml": act(article("1", text + RULES[language] * 3), bib=f"<LG.DOC>{language}</LG.DOC>"),
            f"{name}.doc.xml": description(f"{name}.xml", language=language),
            f"{name}.tif": bytes(range(256)) * 20,
        }
    )


@pytest.fixture
def cellar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cellar]:
    """A server with one regulation in English and French."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Cellar()) as served:
        files = {"eng": act_zip(), "fra": act_zip(language="FR")}
        served.add("32099R0123", files, types=("REG",), date="2099-04-01", force="true")
        yield served


@pytest.fixture
def ask(cellar: Cellar) -> Callable[..., Request]:
    """Make a request to it: keywords of Request, and of Manners."""

    def make(*celex: str, **settings: Any) -> Request:
        fields = {name: settings.pop(name) for name in list(settings) if name in Manners.__dataclass_fields__}
        quick = Manners(**{"rate": 1e6, "first_wait": 0.01, "silence": 5.0, "attempts": 3, **fields})
        known: dict[str, Any] = {
            "celex": celex,
            "languages": ("en",),
            "base_url": f"{cellar.url}/resource/celex/",
            "sparql_url": f"{cellar.url}/sparql",
            "manners": quick,
        }
        return Request(**{**known, **settings})

    return make
