"""Numbers of articles: the bare ``"5"``, ``"5a"``, ``"12bis"`` out of a title in any official language."""

from __future__ import annotations

import re
from functools import lru_cache


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words for "article" and "articles" in the official languages, and what stands around a number: dropped.
_ARTICLE_WORDS = _words("""
    airteagail airteagal art article articles articole articolele articoli articolo articolul articol artigo artigos
    artikel artikelen artikkel artikla artiklad artiklar artiklat artikler artiklid artikli artikolu artikoli artykuł
    artykuły artículo artículos cikk cikkek članak članci članek členi člen članki článek články článok článok pants
    panti straipsniai straipsnis άρθρα άρθρο член членове
    der die n no nr o the
""")
# "Article premier", "Articolul întâi"; most languages write the number.
_FIRST = _words("""
    1er 1ère 1re eerste erste erster first første första pierwszy pirmais pirmasis premier première primeiro
    primero primo primul prvi první prvý întâi ensimmäinen esimene első πρώτο първи
""")
# "Sole Article", "Einziger Artikel"; an act with one article may count it by this word.
_SOLE = _words("""
    aonair ainoa ainus edini egyetlen einziger enda eneste enig jediný jedini jedyny only single sole unic unico
    unique uniku vienintelis vienīgais waħdieni único μόνο μόνον единствен
""")
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+\w*")
# "Article 5 (ex Article 4)": what a number is followed by in brackets.
_BRACKETED = re.compile(r"(\d\w*)\s*(?:\([^)]*\)|\[[^]]*\])")
_DASH = re.compile(r"\s*[-‐‑‒–—−]\s*")


@lru_cache(maxsize=20_000)
def article_number(title: str, identifier: str = "") -> str:
    """Return the bare number of an article from its title ("Artikel 5a"), else from its IDENTIFIER ("005A").

    The first article by name ("Article premier") is ``"1"``; an only article ("Artículo único") is ``"sole"``; several
    in one, of which only the numbers are left, keep the words between them (``"5 to 7"``, ``"5-7"``).

    >>> article_number("Artigo 5.o-A")
    '5a'
    """
    title = _BRACKETED.sub(r"\1", title.lower().replace("º", "").replace("°", ""))
    numbers = list(_NUMBER.finditer(title))
    if len(numbers) > 1:
        words = [word for word in title[numbers[0].start() :].split() if word.strip(".") not in _ARTICLE_WORDS]
        return _DASH.sub("-", " ".join(words)).rstrip(" .:")
    words = [word for word in _WORD.findall(title) if word not in _ARTICLE_WORDS]
    if not words:
        return identifier.strip().lstrip("0").lower()
    words = ["1" if word in _FIRST else "sole" if word in _SOLE else word for word in words]
    return "".join(words).lstrip("0") or "0"
