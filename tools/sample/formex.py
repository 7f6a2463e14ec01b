"""Writes one planned act in one language as FORMEX 4: the act, its annex and the .doc.xml that ties them.

Like the genuine files, each is one line without white space between blocks (schema 05.55).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from html import escape

from tools.sample.acts import YEAR, Act, ArticlePlan, Chapter, Definition, Paragraph, Table
from tools.sample.envelope import HEAD, SCHEMA, bib_instance, doc_xml, file_name, last_page
from tools.sample.grammar import Clause, format_date, phrase_book

_MARKS = re.compile(r"@(\d{8})@|~(\d+)~|\^([^^]+)\^|\*([^*]+)\*|\{(\d+)\}")
_ROMAN = ("I", "II", "III", "IV", "V", "VI")


def act_files(act: Act, acts: Sequence[Act], language: str) -> dict[str, str]:
    """Return the files of ``act`` in ``language``: name -> XML. ``acts`` are those that it may mention."""
    writer = _Writer(act, acts, language)
    files = {file_name(act, language): writer.act_xml()}
    if act.annex:
        files[file_name(act, language, last_page(act))] = writer.annex_xml()
    files[file_name(act, language, suffix=".doc.xml")] = doc_xml(act, language, writer.marked(act_title(act, language)))
    return files


def act_title(act: Act, language: str) -> str:
    """Return the whole title of ``act`` as plain text with its marks, as a footnote cites it."""
    return f"{_designation(act, language)} {_title_date(act, language)} {act.subject.say(language)}"


def _designation(act: Act, language: str) -> str:
    before, after = _designation_words(act, language)
    return f"{before} ({_union(language)}) {YEAR}/{act.number} {after}".strip()


def _designation_words(act: Act, language: str) -> tuple[str, str]:
    formulas = phrase_book("formulas")
    name, issuer = formulas["kinds"][act.kind]["name"][language], formulas["issuer"][language]
    name = name[:1].upper() + name[1:]
    return (f"{issuer} {name}", "") if language == "en" else (name, issuer)


def _union(language: str) -> str:
    return "EU" if language in ("en", "de") else "UE"


def _title_date(act: Act, language: str) -> str:
    return Clause(phrase_book("formulas")["title_date"], {"date": act.day}).say(language)


class _Writer:
    """One act in one language; counts the notes and quotation marks of the file it is writing."""

    def __init__(self, act: Act, acts: Sequence[Act], language: str) -> None:
        self.act, self.acts, self.language = act, acts, language
        self.formulas = phrase_book("formulas")
        self.notes = self.quotes = 0
        self.noted: set[int] = set()

    # ---- running text -------------------------------------------------------------------------------------------

    def marked(self, text: str) -> str:
        """Escape ``text`` and turn the marks of a clause into elements."""

        def element(match: re.Match[str]) -> str:
            day, number, superscript, italic, note = match.groups()
            if day:
                moment = date(int(day[:4]), int(day[4:6]), int(day[6:]))
                return f'<DATE ISO="{day}">{format_date(moment, self.language)}</DATE>'
            if number:
                return f'<FT TYPE="NUMBER">{number}</FT>'
            if superscript:
                return f'<HT TYPE="SUP">{superscript}</HT>'
            return f'<HT TYPE="ITALIC">{italic}</HT>' if italic else self.note(int(note))

        return _MARKS.sub(element, escape(text, quote=False))

    def note(self, index: int) -> str:
        """Return the footnote of an act where it is first mentioned, nothing afterwards."""
        if index in self.noted:
            return ""
        self.noted.add(index)
        self.notes += 1
        act = self.acts[index]
        day = f"{act.published.day}.{act.published.month}.{act.published.year}"
        place = Clause(self.formulas["oj"], {"oj": act.index + 1, "day": day, "page": 1}).say(self.language)
        source = (
            f'<REF.DOC.OJ COLL="L" DATE.PUB="{act.published:%Y%m%d}" NO.OJ="{act.index + 1:03d}" PAGE.FIRST="1">'
            f"{place}</REF.DOC.OJ>"
        )
        identifier = f"E{self.notes:04d}"
        title = self.marked(act_title(act, self.language))
        return f'<NOTE NOTE.ID="{identifier}" NUMBERING="ARAB" TYPE="FOOTNOTE"><P>{title} ({source}).</P></NOTE>'

    def quoted(self, text: str) -> str:
        self.quotes += 1
        start, end = self.formulas["quotes"][self.language]
        number = f"{self.quotes:04d}"
        return (
            f'<QUOT.START CODE="{start}" ID="QS{number}" REF.END="QE{number}"/>{escape(text, quote=False)}'
            f'<QUOT.END CODE="{end}" ID="QE{number}" REF.START="QS{number}"/>'
        )

    def say(self, clause: Clause) -> str:
        return self.marked(clause.say(self.language))

    def sentence(self, clause: Clause) -> str:
        return self.marked(clause.sentence(self.language))

    def word(self, name: str) -> str:
        return str(self.formulas[name][self.language])

    # ---- blocks -------------------------------------------------------------------------------------------------

    def paragraph(self, paragraph: Paragraph) -> str:
        """Return the content of one ALINEA."""
        lead = self.sentence(paragraph.lead)
        if paragraph.definitions:
            return f"<P>{lead}:</P>{self.definitions(paragraph.definitions)}"
        if paragraph.points:
            return f"<P>{lead}:</P>{self.points(paragraph.points)}"
        return f"<P>{lead}</P>{self.table(paragraph.table)}" if paragraph.table else lead

    def points(self, points: Sequence[Clause]) -> str:
        stop = "," if self.language == "de" else ";"
        opening = "(" if self.language == "en" else ""
        items = [
            f"<ITEM><NP><NO.P>{opening}{chr(ord('a') + place)})</NO.P><TXT>{self.say(point)}"
            f"{'.' if place == len(points) - 1 else stop}</TXT></NP></ITEM>"
            for place, point in enumerate(points)
        ]
        return f'<LIST TYPE="alpha">{"".join(items)}</LIST>'

    def definitions(self, definitions: Sequence[Definition]) -> str:
        """Return the list of terms; Spanish files use DLIST for it, the others a numbered LIST."""
        items = []
        for number, definition in enumerate(definitions, 1):
            stop = "." if number == len(definitions) else ";"
            term = definition.term.form(self.language, "bare")
            term = self.quoted(term[:1].upper() + term[1:] if self.language == "pt" else term)
            meaning = self.say(definition.meaning) + stop
            if self.language == "es":
                items.append(
                    f"<DLIST.ITEM><PREFIX>{number})</PREFIX><TERM>{term}</TERM>"
                    f"<DEFINITION>{meaning}</DEFINITION></DLIST.ITEM>"
                )
                continue
            label = {"en": f"({number})", "de": f"{number}."}.get(self.language, f"{number})")
            join = {"en": " means ", "de": " "}.get(self.language, ", ")
            items.append(f"<ITEM><NP><NO.P>{label}</NO.P><TXT>{term}{join}{meaning}</TXT></NP></ITEM>")
        if self.language == "es":
            return f'<DLIST SEPARATOR=":">{"".join(items)}</DLIST>'
        return f'<LIST TYPE="ARAB">{"".join(items)}</LIST>'

    def table(self, table: Table) -> str:
        def row(cells: Sequence[str], header: bool = False) -> str:
            kind = ' TYPE="HEADER"' if header else ""
            inner = "".join(f'<CELL COL="{place}"{kind}>{cell}</CELL>' for place, cell in enumerate(cells, 1))
            return f"<ROW{kind}>{inner}</ROW>"

        names = self.formulas["columns"]
        rows = [row([names[column][self.language] for column in table.columns], header=True)]
        for thing, letter, figures in table.rows:
            bare = escape(thing.form(self.language, "bare"), quote=False)
            label = f"{bare} ({names['class'][self.language]} {letter})"
            rows.append(row([label, *(f'<FT TYPE="NUMBER">{figure}</FT>' for figure in figures)]))
        return f'<TBL COLS="{len(table.columns)}" NO.SEQ="0001"><CORPUS>{"".join(rows)}</CORPUS></TBL>'

    def article(self, article: ArticlePlan) -> str:
        identifier = f"{article.number:03d}"
        name = self.word("article")
        title = f"{name[:1].upper()}{name[1:]} {article.number}"
        if self.language == "fr" and article.number == 1:
            title = "Article premier"
        elif self.language == "pt":
            title += '.<HT TYPE="SUP">o</HT>'
        if len(article.paragraphs) == 1:
            body = f"<ALINEA>{self.paragraph(article.paragraphs[0])}</ALINEA>"
        else:
            body = "".join(
                f'<PARAG IDENTIFIER="{identifier}.{number:03d}"><NO.PARAG>'
                f"{f'({number})' if self.language == 'de' else f'{number}.'}</NO.PARAG>"
                f"<ALINEA>{self.paragraph(paragraph)}</ALINEA></PARAG>"
                for number, paragraph in enumerate(article.paragraphs, 1)
            )
        heading = self.sentence(article.heading)
        return (
            f'<ARTICLE IDENTIFIER="{identifier}"><TI.ART>{title}</TI.ART><STI.ART>{heading}</STI.ART>{body}</ARTICLE>'
        )

    def chapter(self, number: int, chapter: Chapter) -> str:
        title = (
            f'<TITLE><TI><P><HT TYPE="ITALIC">{self.word("chapter")} {_ROMAN[number]}</HT></P></TI>'
            f'<STI><P><HT TYPE="BOLD">{self.sentence(chapter.heading)}</HT></P></STI></TITLE>'
        )
        return f"<DIVISION>{title}{''.join(self.article(article) for article in chapter.articles)}</DIVISION>"

    # ---- files --------------------------------------------------------------------------------------------------

    def act_xml(self) -> str:
        kind = self.formulas["kinds"][self.act.kind]
        visas = "".join(f"<VISA>{self.say(visa)}</VISA>" for visa in self.act.visas)
        recitals = "".join(
            f"<CONSID><NP><NO.P>({number})</NO.P><TXT>{self.sentence(recital)}</TXT></NP></CONSID>"
            for number, recital in enumerate(self.act.recitals, 1)
        )
        chapters = "".join(self.chapter(number, chapter) for number, chapter in enumerate(self.act.chapters))
        adopt = escape(kind["adopt"][self.language], quote=False)
        return (
            f"{HEAD}<ACT {SCHEMA}>{bib_instance(self.act, self.language)}{self.title()}"
            f"<PREAMBLE><PREAMBLE.INIT>{self.word('institution')}</PREAMBLE.INIT><GR.VISA>{visas}</GR.VISA>"
            f"<GR.CONSID><GR.CONSID.INIT>{self.word('whereas')}</GR.CONSID.INIT>{recitals}</GR.CONSID>"
            f"<PREAMBLE.FINAL>{adopt}</PREAMBLE.FINAL></PREAMBLE>"
            f"<ENACTING.TERMS>{chapters}</ENACTING.TERMS>"
            f"<FINAL><P>{kind['closing'][self.language]}</P>{self.signature()}</FINAL></ACT>\n"
        )

    def title(self) -> str:
        before, after = _designation_words(self.act, self.language)
        issuer = f' <HT TYPE="UC">{after}</HT>' if after else ""
        number = f"({_union(self.language)}) {YEAR}/{self.act.number}"
        return (
            f'<TITLE><TI><P><HT TYPE="UC">{before}</HT> {number}{issuer}</P>'
            f"<P>{self.marked(_title_date(self.act, self.language))}</P>"
            f"<P>{self.say(self.act.subject)}</P></TI></TITLE>"
        )

    def signature(self) -> str:
        names = self.formulas["signatories"]
        first, last = names[self.act.index % len(names)].rsplit(" ", 1)
        done = self.say(Clause(self.formulas["done"], {"date": self.act.day}))
        return (
            f"<SIGNATURE><PL.DATE><P>{done}</P></PL.DATE><SIGNATORY>"
            f'<P><HT TYPE="ITALIC">{self.word("signed")}</HT></P><P><HT TYPE="ITALIC">{self.word("president")}</HT></P>'
            f'<P>{first} <HT TYPE="UC">{last}</HT></P></SIGNATORY></SIGNATURE>'
        )

    def annex_xml(self) -> str:
        self.notes = self.quotes = 0
        blocks = []
        for section in self.act.annex:
            text = "".join(f"<P>{self.sentence(point)}</P>" for point in section.points)
            table = self.table(section.table) if section.table else ""
            title = f"<TITLE><TI><P>{self.sentence(section.lead)}</P></TI></TITLE>"
            blocks.append(f'<GR.SEQ LEVEL="1">{title}{text}{table}</GR.SEQ>')
        heading = self.sentence(Clause(self.formulas["annex_title"], self.act.slots))
        title = f"<TITLE><TI><P>{self.word('annex')}</P></TI><STI><P>{heading}</P></STI></TITLE>"
        return (
            f"{HEAD}<ANNEX {SCHEMA}>{bib_instance(self.act, self.language, annex=True)}{title}"
            f"<CONTENTS>{''.join(blocks)}</CONTENTS></ANNEX>\n"
        )
