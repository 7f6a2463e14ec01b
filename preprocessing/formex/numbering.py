"""Numbers of articles: the bare ``"5"``, ``"5a"``, ``"12bis"`` out of a title in any official language."""

from __future__ import annotations

import re

# Words for "article" and what stands around a number: dropped.
_ARTICLE_WORDS = frozenset(
    [
        "article",
        "articles",
        "artikel",
        "artículo",
        "artículos",
        "artigo",
        "artigos",
        "articolo",
        "articol",
        "articolul",
        "artykuł",
        "artikla",
        "artikkel",
        "artikolu",
        "artikoli",
        "airteagal",
        "pants",
        "straipsnis",
        "cikk",
        "článek",
        "článok",
        "člen",
        "členové",
        "član",
        "članak",
        "άρθρο",
        "член",
        "art",
        "no",
        "nr",
        "n",
        "o",
        "the",
        "der",
    ]
)
_FIRST = {"premier", "première", "1er", "1re", "1ère", "first", "primero", "primeiro", "primo", "erster"}
_SOLE = {"sole", "only", "single", "unique", "único", "unico", "einziger", "jediný", "jedyny"}
_WORDS = re.compile(r"[^\W_]+")


def article_number(title: str, identifier: str = "") -> str:
    """Return the bare number of an article from its title ("Artikel 5a"), else from its IDENTIFIER ("005A").

    The first article by name ("Article premier") is ``"1"``; an only article ("Artículo único") is ``"sole"``.

    >>> article_number("Artigo 5.o-A")
    '5a'
    """
    words = [
        word for word in _WORDS.findall(title.lower().replace("º", "").replace("°", "")) if word not in _ARTICLE_WORDS
    ]
    if not words:
        return identifier.strip().lstrip("0").lower()
    words = ["1" if word in _FIRST else "sole" if word in _SOLE else word for word in words]
    return "".join(words).lstrip("0") or "0"
