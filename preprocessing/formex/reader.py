"""Read one FORMEX file: its text as clean lines, and where titles, recitals, articles and annexes lie in them.

A compiled pass over the bytes (:mod:`preprocessing.formex.flatten`) writes the text with all that elements print and
says where a rule is to be called; here the rules are called, each with the text before it. They add pieces to
``text``; an element that rewrites its own text (a footnote, a table row, a number) takes the pieces since its start off
again; at every boundary that matters the pieces are flushed into ``lines``, so that structure is line numbers.
What single elements do is in :mod:`preprocessing.formex.rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element

from preprocessing.formex import content, rules
from preprocessing.formex.deletions import close_open_ends, read_mark
from preprocessing.formex.elements import DESCRIPTION_ROOTS, TEXT_ROOTS, holds_content
from preprocessing.formex.embedded import description
from preprocessing.formex.flatten import Flattener
from preprocessing.formex.parsed import ArticleLines, ParsedFile, Span
from preprocessing.formex.references import Marked
from preprocessing.formex.text import BREAK, PARAGRAPH, to_lines, without_calls, without_stray_marks
from preprocessing.formex.xml import UnreadableError, attributes_of, root_start, vetted

_ROOT = re.compile(rb"<([^\s/>]+)")
_NAME = re.compile(r"[^\s/>]+")
# What a rule is given beside the reader: nothing at an end, the attributes at a start, or the tag itself.
_NOTHING, _NO_ATTRIBUTES, _ATTRIBUTES, _TAG = range(4)
Rule = tuple[Callable[..., None], int]


def read_file(data: bytes, first_note: int = 1) -> ParsedFile:
    """Read the bytes of one FORMEX file; its footnotes are numbered from ``first_note``.

    Raises:
        UnreadableError: it is not well-formed, or no FORMEX file that carries text.
    """
    return FileReader(vetted(data), first_note).read()


def warm_up() -> None:
    """Load the compiled pass; where it is not compiled yet, do it now (once an installation, some 15 s)."""
    read_file(b"<ACT><P>.</P></ACT>")


class FileReader:
    """The state of reading one file; :mod:`rules` changes it element by element."""

    def __init__(self, source: bytes, first_note: int) -> None:
        self.source = source
        self.root = ""
        # text
        self.text: list[str] = []
        self.put = self.text.append
        self.loose = False  # whether rules have put spaces into it, which may stand beside others
        self.always_loose = False  # whether the file itself has spaces beside others
        self.lines: list[str] = []
        # open elements: what ends them needs what began them
        self.guard = 0  # inside quoted acts, tables and notes nothing is the act's own structure
        self.marks: list[int] = []
        self.closers: list[str] = []
        self.rows: list[int] = []  # of each open table row, how many marks there are with its own
        self.below_tables: list[list[str]] = []  # of each open table, texts that are printed after its rows
        self.open_formulas = 0
        self.lists: list[str] = []
        self.separators: list[str] = []  # of each open list of definitions, what follows a term
        self.keyword_marks: dict[str, str] = {}
        self.keyword_end = (0, 0)  # how many lines and pieces of text there were
        self.spans: list[Span] = []
        self.titles: list[int] = []
        self.article: ArticleLines | None = None
        self.open_articles: list[ArticleLines | None] = []
        # footnotes
        self.open_notes: list[int] = []  # their numbers, 0 in deleted text
        self.note_numbers: dict[str, int] = {}
        self.next_note = first_note
        self.waiting_notes: list[tuple[int, str]] = []
        self.printed_notes: set[tuple[int, str]] = set()
        self.in_note_group = 0
        # results
        self.title: list[str] = []
        self.title_dates: list[str] = []
        self.notes: set[int] = set()
        self.recitals: list[Span] = []
        self.articles: list[ArticleLines] = []
        self.annexes: list[Span] = []
        self.passages: list[Span] = []
        self.references: list[Marked] = []
        self.open_references: list[tuple[int, dict[str, str]]] = []
        self.metadata: dict[str, Element] = {}
        self.warnings: list[str] = []
        self.unknown: set[str] = set()  # elements that no schema knows
        # deleted spans
        self.deleted: set[str] = set()
        self.deleted_from = 0  # what is in the text from here on is to be dropped
        self.deleted_spans = 0
        self.repealed = False

    def read(self) -> ParsedFile:
        """Go through the file and return what was found."""
        self.root = self._check_root()
        self.spans.append(Span("root", 0))
        self._run()
        self.flush_notes()
        self.lines = without_stray_marks(self.lines)
        return ParsedFile(
            root=self.root,
            title=without_calls(" ".join(self.title)),
            title_dates=self.title_dates,
            lines=self.lines,
            notes=self.notes,
            recitals=self.recitals,
            articles=self.articles,
            annexes=self.annexes,
            passages=self.passages,
            references=self.references,
            metadata=self.metadata,
            last_note=self.next_note - 1,
            deleted_spans=self.deleted_spans,
            repealed=self.repealed,
            warnings=self.warnings,
        )

    # -- text

    def put_loosely(self, text: str) -> None:
        """Put text that begins or ends with a space, or takes something away between two."""
        self.loose = True
        self.put(text)

    def flush(self) -> int:
        """Turn the text gathered so far into lines; return the number of lines there are now."""
        if self.deleted:
            del self.text[self.deleted_from :]
            self.deleted_from = 0
            self.loose = True
        if self.text:
            text = "".join(self.text)
            self.text.clear()
            if len(text) < 4 and not text.strip(f"{BREAK} "):  # as between a number and a title, half of the time
                return len(self.lines)
            lines = to_lines(text, self.loose)
            self.loose = self.always_loose
            if PARAGRAPH in lines:
                for line in lines:
                    if line != PARAGRAPH:
                        self.lines.append(line)
                    elif self.article is not None:
                        self.article.marks.append(len(self.lines))
            else:
                self.lines += lines
        return len(self.lines)

    def flush_notes(self) -> int:
        """Flush, then print the footnotes called since the last time; return the number of lines."""
        self.flush()
        for number, text in self.waiting_notes:
            self.notes.add(len(self.lines))
            self.lines.append(f"[{number}] {text}")
        self.waiting_notes.clear()
        return len(self.lines)

    # -- going through the file

    def _check_root(self) -> str:
        root = _ROOT.match(self.source, root_start(self.source))
        tag = root[1].decode() if root else ""
        if tag in DESCRIPTION_ROOTS:
            raise UnreadableError(f"describes documents (root element {tag}), carries no text of its own")
        if tag not in TEXT_ROOTS:
            if tag.lower().endswith("html"):
                raise UnreadableError("HTML, not FORMEX")
            if not holds_content(self.source.decode()):
                raise UnreadableError(f"not FORMEX: root element {tag}")
            self.warnings.append(f"unknown root element: {tag}")
        return tag

    def _run(self) -> None:
        """Call the rules in the order of the file, each with the text before it put in place."""
        flattener, table = _tables()
        put = self.put
        text, calls, self.always_loose, is_open = flattener.flatten(self.source, root_start(self.source))
        if is_open:
            self.source, open_ends = close_open_ends(self.source)
            self.warnings += ["unclosed deletion: taken to end with the element it stands in"] * open_ends
            text, calls, self.always_loose, _ = flattener.flatten(self.source, root_start(self.source))
        source = self.source
        self.loose = self.always_loose
        done = 0
        for number, at, tag, tag_end in zip(*calls, strict=True):
            if at != done:
                put(text[done:at])
                done = at
            rule, given = table[number]
            if given == _NOTHING:
                rule(self)
            elif given == _NO_ATTRIBUTES:
                rule(self, {})
            elif given == _ATTRIBUTES:
                rule(self, _attributes(source[tag:tag_end]))
            else:
                rule(self, source[tag:tag_end].decode())
        put(text[done:])

    def read_description(self, element: str) -> None:
        """Keep a description of the document, the first of each kind."""
        match = _NAME.match(element, 1)
        name = match[0] if match else ""
        if name not in self.metadata:
            self.metadata[name] = description(element)

    def read_instruction(self, instruction: str) -> None:
        """Begin text that is no longer in force, or end it: what was read of it is dropped."""
        mark = read_mark(instruction[2:])
        if mark is None:
            return
        if mark.opens:
            if mark.repealed and not self.title and len(self.spans) == 1:
                self.repealed = True
            self.deleted_spans += 1
            if not self.deleted:
                self.deleted_from = len(self.text)
            self.deleted.add(mark.span)
        elif mark.span in self.deleted:
            self.deleted.remove(mark.span)
            if not self.deleted:
                del self.text[self.deleted_from :]
                self.loose = True

    def open_unknown(self, tag: str) -> None:
        """Begin an element that no schema knows."""
        match = _NAME.match(tag, 1)
        content.open_unknown(self, match[0] if match else "")


@lru_cache(maxsize=1)
def _tables() -> tuple[Flattener, list[Rule]]:
    """The kernel with its tables, and the rules by the numbers that it calls them by."""
    flattener = Flattener()
    table: list[Any] = [(FileReader.open_unknown, _TAG), (content.close_unknown, _NOTHING)]
    for name in flattener.elements[1:]:
        # only those are called that are no strings
        start, end = rules.START.get(name, ""), rules.END.get(name, "")
        # a rule that has no use for the attributes says so by the name of its parameter
        given = _NO_ATTRIBUTES if callable(start) and start.__code__.co_varnames[1] == "_" else _ATTRIBUTES
        table += ((start, given), (end, _NOTHING))
    # negative numbers, from the end
    return flattener, [*table, (FileReader.read_description, _TAG), (FileReader.read_instruction, _TAG)]


@lru_cache(maxsize=10_000)
def _attributes(tag: bytes) -> dict[str, str]:
    return attributes_of(tag.decode())
