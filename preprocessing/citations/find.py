"""Find citations in running text: articles, acts, and which article belongs to which act.

Three steps: mark every mention of an article and of an act, in the forms of all five languages; drop the shorter of two
that overlap; tie an article to the act that it stands beside ("Article 5 of Regulation X", "Art. 5 DSGVO",
"Regulation X, Article 5").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from preprocessing.celex import base_celex, is_celex
from preprocessing.citations.numbers import act_celex, normalise_article_number
from preprocessing.citations.patterns import LanguagePatterns, act_patterns, language_patterns, tie_patterns
from preprocessing.citations.short_names import find_known_names
from preprocessing.citations.words import SOLE, WORDS

ARTICLE_START = re.compile(r"(?<!\w)[Aa][Rr][Tt](?=[A-Za-zÍí. \u00a0])")  # article, Artikel, artículo, artigo, art.
ARTICLE_STEMS = {"en": "rticle", "fr": "rticle", "de": "rtikel", "es": "rtículo", "pt": "rtigo"}
MAX_DISTANCE = 160  # from the first article to its act: "Article 6(1)(a), (b) and (c) and Article 9 of "
MAX_RANGE = 60  # "Articles 15 to 22" names each article between; a longer range only its two ends


@dataclass(frozen=True)
class Citation:
    """One cited provision. ``celex`` is None where the act could not be told, ``article`` where none is named.

    ``celex`` is as cited (a consolidated or corrigendum number stays one); :attr:`base` is the act it belongs to.
    ``surface`` is the text it was read from, the same for all members of a list ("Articles 13 and 14 of ...").
    """

    celex: str | None
    article: str | None
    surface: str

    @property
    def base(self) -> str | None:
        """The act's own CELEX number, None where the act is not known; what is no CELEX number stays as it stands."""
        if self.celex is None or not is_celex(self.celex):
            return self.celex
        return base_celex(self.celex)


@dataclass
class _Mention:
    """A span of the text that names articles (``articles``), or an act (``celex``)."""

    start: int
    end: int
    articles: list[str] = field(default_factory=list)
    celex: str | None = None
    act: _Mention | None = None  # the act that an article mention belongs to
    preferred: bool = False


def find_citations(text: str, language: str | None = None) -> list[Citation]:
    """Return the citations in ``text`` in order of appearance, one for each article of a list or short range.

    The forms of all five languages are found whatever ``language`` is, so that an answer in the wrong language is not
    taken for an uncited one; ``language`` only decides where two readings of the same words compete.
    """
    mentions = _without_overlaps([*_articles(text, language), *_acts(text)])
    _tie(text, mentions)
    tied = {id(mention.act) for mention in mentions if mention.act}
    citations: list[Citation] = []
    for mention in mentions:
        if mention.articles:
            spans = [mention, mention.act] if mention.act else [mention]
            surface = text[min(span.start for span in spans) : max(span.end for span in spans)]
            celex = mention.act.celex if mention.act else None
            citations.extend(Citation(celex, article, surface) for article in mention.articles)
        elif id(mention) not in tied:
            citations.append(Citation(mention.celex, None, text[mention.start : mention.end]))
    return citations


def article_spans(text: str) -> list[tuple[int, int]]:
    """Return where ``text`` names articles, whatever act they are of: start and end of each mention, in order."""
    return [(mention.start, mention.end) for mention in _without_overlaps(list(_articles(text, None)))]


def articles_before(text: str, earliest: int, act: int, language: str) -> tuple[list[str], int]:
    """Return the articles tied to the act that begins at ``act``, and where the words that name them begin.

    They stand on its line, at or after ``earliest``: "Article 6(1) and Article 9 of". Without any (or for a language
    that is not one of the five): no articles, and ``act``.
    """
    stem = ARTICLE_STEMS.get(language)
    earliest = max(earliest, act - MAX_DISTANCE)
    begin, articles = act, list[str]()
    while stem and (start := text.rfind(stem, earliest, begin) - 1) >= earliest:
        named = _tied_articles(text[start:begin], language, bool(articles))
        if not named:
            break
        articles[:0] = named
        begin = start
    return articles, begin


def articles_in(text: str, language: str) -> Iterator[tuple[list[str], int]]:
    """Yield the articles that ``text`` names, list by list, and where the words of each end."""
    end = 0
    for match in ARTICLE_START.finditer(text) if language in WORDS else ():
        named = _named_articles(text, match.start(), language) if match.start() >= end else None
        if named:
            end = named[1]
            yield named


@lru_cache(maxsize=20_000)
def _tied_articles(words: str, language: str, joint: bool) -> list[str]:
    """Return the articles that ``words`` name, where the rest of them ties those to what follows; else none."""
    named = _named_articles(words, 0, language) if words[0] in "Aa" else None
    tie = tie_patterns().joint if joint else tie_patterns().article_then_act
    return named[0] if named and tie.fullmatch(words, named[1]) else []


def _named_articles(text: str, start: int, language: str) -> tuple[list[str], int] | None:
    """Return the numbers of the articles named at ``start`` in one language, and where the words end."""
    patterns = language_patterns(language)
    match = patterns.article.match(text, start)
    if match is None:
        return None
    articles, end = [normalise_article_number(match["number"])], match.end()
    if patterns.plural_article.fullmatch(match["word"]):
        articles, end = _list(text, end, articles, patterns)
    return articles, end


def _articles(text: str, language: str | None) -> Iterator[_Mention]:
    for match in act_patterns().sole_article.finditer(text):
        yield _Mention(match.start(), match.end(), [SOLE])
    starts = [match.start() for match in ARTICLE_START.finditer(text)]
    for code in WORDS:
        for start in starts:
            named = _named_articles(text, start, code)
            if named:
                yield _Mention(start, named[1], named[0], preferred=code == language)


def _list(text: str, end: int, articles: list[str], patterns: LanguagePatterns) -> tuple[list[str], int]:
    """Read the further members of "Articles 13, 14(2) and 15 to 22" from ``end``; return all and the new end."""
    while match := patterns.next_article.match(text, end):
        number = normalise_article_number(match["number"])
        if match["range"] and articles[-1].isdigit() and number.isdigit():
            first, last = int(articles[-1]), int(number)
            if 0 < last - first <= MAX_RANGE:
                articles.extend(str(between) for between in range(first + 1, last))
        articles.append(number)
        end = match.end()
    return articles, end


def _acts(text: str) -> Iterator[_Mention]:
    patterns = act_patterns()
    for match in patterns.celex.finditer(text):
        if is_celex(match["celex"]):  # the pattern also lets through what has no such date, "-20169999"
            yield _Mention(match.start(), match.end(), celex=match["celex"])
    for match in patterns.numbered.finditer(text):
        letter = patterns.letters[match["noun"].casefold().replace("’", "'")]
        end = match.end()
        yield _numbered(letter, match)
        while further := patterns.further_number.match(text, end):
            yield _numbered(letter, further, start=further.start("figures"))
            end = further.end()
    for start, end, celex in find_known_names(text):
        yield _Mention(start, end, celex=celex)


def _numbered(letter: str, match: re.Match[str], start: int | None = None) -> _Mention:
    celex = act_celex(letter, match["first"], match["second"], numbered=match["no"] is not None)
    return _Mention(match.start() if start is None else start, match.end(), celex=celex)


def _without_overlaps(mentions: list[_Mention]) -> list[_Mention]:
    """Keep the longest of overlapping mentions (the preferred language's among equals), in order of appearance."""
    kept: list[_Mention] = []
    for mention in sorted(mentions, key=lambda item: (item.start, -(item.end - item.start), not item.preferred)):
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
        elif mention.end - mention.start > kept[-1].end - kept[-1].start:
            kept[-1] = mention
    return kept


def _tie(text: str, mentions: list[_Mention]) -> None:
    """Give each article mention the act it belongs to, looking right first, then left."""
    ties = tie_patterns()
    taken: set[int] = set()
    for left, right in reversed(list(pairwise(mentions))):
        between = text[left.end : right.start]
        if not left.articles:
            continue
        if not right.articles and ties.article_then_act.fullmatch(between):
            left.act = right
            taken.add(id(right))
        elif right.articles and right.act and right.act.start >= right.end and ties.joint.fullmatch(between):
            left.act = right.act  # "Article 5 and Article 6 of Regulation X"
    for left, right in pairwise(mentions):
        if (
            right.articles
            and not right.act
            and not left.articles
            and id(left) not in taken
            and ties.act_then_article.fullmatch(text[left.end : right.start])
        ):
            right.act = left
