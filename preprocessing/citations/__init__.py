"""Citations of EU law in running text: find them, normalise them, write them in the fixed form.

find_citations("Article 5(1)(a) of Regulation (EU) 2016/679")
-> [Citation(celex="32016R0679", article="5", surface="Article 5(1)(a) of Regulation (EU) 2016/679")]
format_citation("5", "regulation", "32016R0679", "fr") -> "Article 5, Règlement (CELEX: 32016R0679)"
"""

from preprocessing.citations.find import Citation, find_citations
from preprocessing.citations.form import format_citation, language_words
from preprocessing.citations.numbers import normalise_article_number

__all__ = ["Citation", "find_citations", "format_citation", "language_words", "normalise_article_number"]
