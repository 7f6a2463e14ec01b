"""What each FORMEX element does to the text and the structure: two tables of rules, for its start and its end.

A rule is a string to put into the text, or a function of the reader (each group in its own module), which is given
the element's attributes at its start unless its parameter for them is ``_``. Known elements in neither table are
blocks: they break the line before and after them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from preprocessing.formex import caselaw, content, formulas, structure, tables
from preprocessing.formex.elements import INLINE, LABELS
from preprocessing.formex.taken import mark
from preprocessing.formex.text import BIG_OPERATORS, JOIN, OPERATORS

#: What elements print that depends on nothing but their attributes: worked out once a tag, not once an element.
PRINTED: dict[str, Callable[[dict[str, str]], str]] = {
    **{tag: formulas.operator(tag) for tag in OPERATORS},
    "CELL": tables.cell,
    "QUOT.START": content.quotation_mark,
    "QUOT.END": content.quotation_mark,
    "INCL.ELEMENT": content.image,
    "ANONYMOUS": content.anonymous,
    "MATH.SYMBOL": formulas.symbol,
    "CRIT": tables.criterion,
}

#: What begins each item of a list without numbers of their own, and the items.
LISTS: dict[str, Callable[[dict[str, str]], str]] = {"LIST": content.list_marker}
ITEMS = ("ITEM",)

#: Paragraphs of articles, of which the outermost are marked; elements in which none is the document's own.
PARAGRAPHS = ("PARAG", "ALINEA")
GUARDED = frozenset({*structure.GUARDED, "TBL", "NOTE"})

#: Elements whose rules have nothing to do with some attributes.
IDLE: dict[str, Callable[[dict[str, str]], bool]] = {"HT": content.is_plain, "FT": content.is_unformatted}

#: Elements that a space parts from a letter after them: numbers, printed with spaces, run into their units in the file.
PARTED = ("FT",)

#: The attributes on which all these depend.
DEPENDS_ON: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(OPERATORS, ("TYPE",)),
    "CELL": ("COL",),
    "QUOT.START": ("CODE",),
    "QUOT.END": ("CODE",),
    "INCL.ELEMENT": ("TYPE", "CONTENT"),
    "ANONYMOUS": ("PLACEHOLDER",),
    "MATH.SYMBOL": ("value",),
    "CRIT": ("COUNTRY",),
    "LIST": ("TYPE",),
    "HT": ("TYPE",),
    "FT": ("TYPE",),
}

START: dict[str, Any] = {
    **dict.fromkeys(INLINE, ""),
    **{tag: caselaw.open_passage(kind) for tag, kind in caselaw.PASSAGES.items()},
    **dict.fromkeys(structure.SECTIONS, structure.open_span("section")),
    **dict.fromkeys(structure.GUARDED, tables.open_guarded),
    **dict.fromkeys((*tables.CATALOGUE_ROWS, *tables.TITLE_LINES), tables.open_row),
    **dict.fromkeys(tables.GOODS_ROWS, tables.open_goods),
    **dict.fromkeys(tables.CATALOGUE_CELLS, tables.open_catalogue_cell),
    **dict.fromkeys(tables.GOODS_CELLS, tables.open_goods_cell),
    "CN.CODE": tables.open_goods_code,
    "TITLE": structure.open_title,
    "DATE": structure.date,
    "DIVISION": structure.open_span("division"),
    "GR.VISA": caselaw.open_passage("visas"),
    "CONS.ANNEX": structure.open_span("annex"),
    "INTERNAL.ANNEX": structure.open_span("annex"),
    "ANNEX": structure.open_span("annex"),
    "CONS.DOC.GEN": structure.open_consolidated,
    "CONSID": structure.open_recital,
    "ARTICLE": structure.open_article,
    "TI.ART": structure.open_article_title,
    "STI.ART": structure.open_article_title,
    "TBL": tables.open_table,
    "ROW": tables.open_row,
    "POS.TARIC": "/",
    "ITEM.REF": content.open_on_same_line,
    "TOC.HD.REF": content.open_on_same_line,
    "NOTE": content.open_note,
    "GR.NOTES": content.open_note_group,
    "LV": mark,
    "MARGIN": " ",
    "HT": content.open_highlight,
    "FT": content.open_formatted,
    "DLIST": content.open_definitions,
    "DEFINITION": "",
    "SUBJECTS": content.open_keyword_group,
    "SUMMARY.NP": content.open_keyword_group,
    "INDEX": content.open_keywords,
    "KEYWORD": content.open_keyword,
    "REF.DOC": content.open_reference,
    "REF.DOC.OJ": content.open_reference,
    "LINK": content.open_reference,
    "FORMULA": formulas.open_formula,
    "FORMULA.S": formulas.open_formula,
    "EXPR": formulas.open_expression,
    "EXPONENT": mark,
    "IND": formulas.open_index,
    "FRACTION": " ",
    "DIVIDEND": "(",
    "DIVISOR": "/(",
    **{tag: f" {sign}" for tag, sign in BIG_OPERATORS.items()},
    "ROOT": " √(",
    "FUNCTION": " ƒ",
    "BAR": "|",
    "DEGREE": "[",
    "OVER": mark,
    "UNDER": "_(",
}

END: dict[str, Any] = {
    **dict.fromkeys(INLINE, ""),
    **dict.fromkeys(LABELS, JOIN),
    **dict.fromkeys(OPERATORS, ""),
    **dict.fromkeys(caselaw.PASSAGES, caselaw.close_passage),
    **dict.fromkeys(structure.SECTIONS, structure.close_span),
    **dict.fromkeys(structure.GUARDED, tables.close_guarded),
    **dict.fromkeys((*tables.CATALOGUE_ROWS, *tables.TITLE_LINES), tables.close_row),
    **dict.fromkeys(tables.GOODS_ROWS, tables.close_goods),
    **dict.fromkeys((*tables.CATALOGUE_CELLS, *tables.GOODS_CELLS), tables.close_catalogue_cell),
    "CN.CODE": tables.close_goods_code,
    "TITLE": structure.close_title,
    "PREAMBLE": structure.close_part,
    "FINAL": structure.close_part,
    "DIVISION": structure.close_span,
    "GR.VISA": caselaw.close_passage,
    "CONS.ANNEX": structure.close_span,
    "INTERNAL.ANNEX": structure.close_span,
    "ANNEX": structure.close_span,
    "CONS.DOC.GEN": structure.close_span,
    "CONSID": structure.close_recital,
    "ARTICLE": structure.close_article,
    "TI.ART": structure.close_article_title,
    "STI.ART": structure.close_article_heading,
    "TBL": tables.close_table,
    "ROW": tables.close_row,
    "CELL": "",
    "CRIT": "",
    "POS.TARIC": "",
    "NOTE": content.close_note,
    "GR.NOTES": content.close_note_group,
    "LV": content.close_language,
    "MARGIN": JOIN,
    "HT": content.close_highlight,
    "FT": content.close_formatted,
    "QUOT.START": "",
    "QUOT.END": "",
    "DLIST": content.close_definitions,
    "TERM": content.close_term,
    "INDEX": content.close_keywords,
    "KEYWORD": content.close_keyword,
    "REF.DOC": content.close_reference,
    "REF.DOC.OJ": content.close_reference,
    "LINK": content.close_reference,
    "INCL.ELEMENT": "",
    "FORMULA": formulas.close_formula,
    "FORMULA.S": formulas.close_formula,
    "EXPR": formulas.close_formula,
    "EXPONENT": formulas.close_exponent,
    "IND": formulas.close_index,
    "FRACTION": " ",
    "DIVIDEND": ")",
    "DIVISOR": ")",
    **dict.fromkeys(BIG_OPERATORS, " "),
    "ROOT": ") ",
    "FUNCTION": " ",
    "DEGREE": "]",
    "OVER": formulas.close_over,
    "UNDER": ")",
}
