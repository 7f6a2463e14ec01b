"""What each FORMEX element does to the text and the structure: two tables of rules, for its start and its end.

A rule is a string to put into the text, or a function of the reader (those of structure and of content are in their
own modules). Elements in neither table are blocks: they break the line before and after them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from preprocessing.formex import caselaw, content, structure
from preprocessing.formex.text import BIG_OPERATORS, INLINE, JOIN, LABELS, OPERATORS

#: What elements print that depends on nothing but their attributes: worked out once a tag, not once an element.
PRINTED: dict[str, Callable[[dict[str, str]], str]] = {
    **{tag: content.operator(tag) for tag in OPERATORS},
    "CELL": content.cell,
    "QUOT.START": content.quotation_mark,
    "QUOT.END": content.quotation_mark,
    "INCL.ELEMENT": content.image,
}

START: dict[str, Any] = {
    **dict.fromkeys(INLINE, ""),
    **{tag: caselaw.open_passage(kind) for tag, kind in caselaw.PASSAGES.items()},
    "TITLE": structure.open_title,
    "DATE": structure.date,
    "DIVISION": structure.open_span("division"),
    "GR.SEQ": structure.open_span("section"),
    "CONS.ANNEX": structure.open_span("annex"),
    "ANNEX": structure.open_span("annex"),
    "CONSID": structure.open_recital,
    "ARTICLE": structure.open_article,
    "TI.ART": structure.open_article_title,
    "STI.ART": structure.open_article_title,
    "PARAG": structure.open_paragraph,
    "ALINEA": structure.open_paragraph,
    "QUOT.S": content.open_guarded,
    "TBL": content.open_guarded,
    "ROW": content.open_row,
    "NOTE": content.open_note,
    "GR.NOTES": content.open_note_group,
    "HT": content.open_highlight,
    "FT": content.open_formatted,
    "LIST": content.open_list,
    "ITEM": content.open_item,
    "DLIST": content.open_definitions,
    "DEFINITION": "",
    "INDEX": content.open_keywords,
    "KEYWORD": content.open_keyword,
    "REF.DOC": content.open_reference,
    "REF.DOC.OJ": content.open_reference,
    "FORMULA": content.open_formula,
    "FORMULA.S": content.open_formula,
    "EXPR": content.open_expression,
    "EXPONENT": content.open_marked,
    "IND": content.open_marked,
    "FRACTION": " ",
    "DIVIDEND": "(",
    "DIVISOR": "/(",
    **{tag: f" {sign}" for tag, sign in BIG_OPERATORS.items()},
    "ROOT": " √(",
    "DEGREE": "[",
    "OVER": "^(",
    "UNDER": "_(",
}

END: dict[str, Any] = {
    **dict.fromkeys(INLINE, ""),
    **dict.fromkeys(LABELS, JOIN),
    **dict.fromkeys(OPERATORS, ""),
    **dict.fromkeys(caselaw.PASSAGES, caselaw.close_passage),
    "TITLE": structure.close_title,
    "PREAMBLE": structure.close_part,
    "ENACTING.TERMS": structure.close_part,
    "DIVISION": structure.close_span,
    "GR.SEQ": structure.close_span,
    "CONS.ANNEX": structure.close_span,
    "ANNEX": structure.close_span,
    "CONSID": structure.close_recital,
    "ARTICLE": structure.close_article,
    "TI.ART": structure.close_article_title,
    "STI.ART": structure.close_article_heading,
    "PARAG": structure.close_paragraph,
    "ALINEA": structure.close_paragraph,
    "QUOT.S": content.close_guarded,
    "TBL": content.close_table,
    "ROW": content.close_row,
    "CELL": "",
    "NOTE": content.close_note,
    "GR.NOTES": content.close_note_group,
    "HT": content.close_highlight,
    "FT": content.close_formatted,
    "QUOT.START": "",
    "QUOT.END": "",
    "LIST": content.close_list,
    "DLIST": content.close_definitions,
    "TERM": content.close_term,
    "INDEX": content.close_keywords,
    "KEYWORD": "",
    "REF.DOC": content.close_reference,
    "REF.DOC.OJ": content.close_reference,
    "INCL.ELEMENT": "",
    "FORMULA": content.close_with_closer,
    "FORMULA.S": content.close_with_closer,
    "EXPR": content.close_with_closer,
    "EXPONENT": content.close_exponent,
    "IND": content.close_index,
    "FRACTION": " ",
    "DIVIDEND": ")",
    "DIVISOR": ")",
    **dict.fromkeys(BIG_OPERATORS, " "),
    "ROOT": ") ",
    "DEGREE": "]",
    "OVER": ")",
    "UNDER": ")",
}
