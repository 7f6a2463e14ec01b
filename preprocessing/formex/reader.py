"""Read one FORMEX file: its text as clean lines, and where titles, recitals, articles and annexes lie in them.

Everything is done in one pass over runs of tags and the texts between them. They add pieces to ``text``; an element
that rewrites its own text (a footnote, a table row, a number) takes the pieces since its start off again; at every
boundary that matters the pieces are flushed into ``lines``, so that structure is line numbers.
What single elements do is in :mod:`preprocessing.formex.rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from preprocessing.formex import rules
from preprocessing.formex.deletions import Mark, close_open_ends, part_words, read_mark
from preprocessing.formex.elements import DESCRIPTION_ROOTS, TEXT_ROOTS, holds_content
from preprocessing.formex.embedded import find_metadata, take_metadata
from preprocessing.formex.parsed import ArticleLines, ParsedFile, Span
from preprocessing.formex.references import Marked
from preprocessing.formex.text import BREAK, PARAGRAPH, flat, to_lines, without_calls, without_stray_marks
from preprocessing.formex.xml import UnreadableError, attributes_of, canonical, cut, read_text

# What a run of tags does: a string to put into the text, or steps of a rule and its attributes (None at an end tag;
# where the rule is None, the "attributes" are a string to put).
Step = tuple[Callable[..., None] | None, Any]
Program = str | tuple[Step, ...]
# Runs of tags and what they do: most of the runs of a file are known from others. Emptied when it gets large.
_programs: dict[str, Program] = {}
_MAX_PROGRAMS = 100_000
#: Characters of a run of tags, attributes included, beyond which a file is refused (genuine ones stay below 20,000).
MAX_TAG_CHARS = 1_000_000
_BREAKS = re.compile(f"{BREAK}{{2,}}")
_ROOT = re.compile(r"<([^\s/>]+)")


def read_file(data: bytes, first_note: int = 1) -> ParsedFile:
    """Read the bytes of one FORMEX file; its footnotes are numbered from ``first_note``.

    Raises:
        UnreadableError: it is not well-formed, or no FORMEX file that carries text.
    """
    text = read_text(data)
    try:
        return FileReader(text, first_note).read()
    except (_OddTagError, ParseError):  # the latter where an instruction in a description looks like a tag
        return FileReader(canonical(text), first_note).read()


class _OddTagError(Exception):
    """A tag is not as simple as nearly all are: an attribute holds an angle bracket."""


class FileReader:
    """The state of reading one file; :mod:`rules` changes it element by element."""

    def __init__(self, source: str, first_note: int) -> None:
        self.source = source
        self.root = ""
        # text
        self.text: list[str] = []
        self.put = self.text.append
        self.lines: list[str] = []
        # open elements: what ends them needs what began them
        self.guard = 0  # inside quoted acts, tables and notes nothing is the act's own structure
        self.marks: list[int] = []
        self.closers: list[str] = []
        self.rows: list[int] = []  # of each open table row, how many marks there are with its own
        self.below_tables: list[list[str]] = []  # of each open table, texts that are printed after its rows
        self.open_formulas = 0
        self.lists: list[str] = []
        self.keyword_marks: dict[str, str] = {}
        self.keyword_end = (0, 0)  # how many lines and pieces of text there were
        self.spans: list[Span] = []
        self.titles: list[int] = []
        self.article: ArticleLines | None = None
        self.open_articles: list[ArticleLines | None] = []
        self.paragraph_depth = 0
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
        source, open_ends = close_open_ends(flat(self.source))
        self.warnings += ["unclosed deletion: taken to end with the element it stands in"] * open_ends
        self._run(cut(part_words(source)))
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

    def flush(self) -> int:
        """Turn the text gathered so far into lines; return the number of lines there are now."""
        if self.deleted:
            del self.text[self.deleted_from :]
            self.deleted_from = 0
        if self.text:
            lines = to_lines("".join(self.text))
            self.text.clear()
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
        root = _ROOT.match(self.source)
        tag = root[1] if root else ""
        if tag in DESCRIPTION_ROOTS:
            raise UnreadableError(f"describes documents (root element {tag}), carries no text of its own")
        if tag not in TEXT_ROOTS:
            if tag.lower().endswith("html"):
                raise UnreadableError("HTML, not FORMEX")
            if not holds_content(self.source):
                raise UnreadableError(f"not FORMEX: root element {tag}")
            self.warnings.append(f"unknown root element: {tag}")
        return tag

    def _run(self, pieces: list[str]) -> None:
        put = self.put
        programs = _programs
        if len(programs) > _MAX_PROGRAMS:
            programs.clear()
        pieces.append("")
        following = zip(pieces[::2], pieces[1::2], strict=True)
        for run, text in following:
            program = programs.get(run)
            if program is None:
                if begin := find_metadata(run):
                    program, text = self._read_metadata(run, begin, text, following)
                else:
                    program = _compile(run)
                    if "?" not in run:  # hardly an instruction occurs twice
                        programs[run] = program
            if isinstance(program, str):
                put(program)
            else:
                for rule, argument in program:
                    if rule is None:
                        put(argument)
                    elif argument is None:
                        rule(self)
                    else:
                        rule(self, argument)
            put(text)

    def _read_metadata(
        self, run: str, begin: re.Match[str] | None, text: str, following: Iterator[tuple[str, str]]
    ) -> tuple[Program, str]:
        """Read descriptions into ``metadata``; return what the rest of the tags does, and the text after them."""
        steps: list[Step] = []
        while begin:
            if begin.start(1) > 0:
                steps += _steps_of_run(run[: begin.start(1) - 2])
            element, run, text = take_metadata(begin[1], run[begin.start(1) :], text, following)
            self.metadata.setdefault(begin[1], element)
            begin = find_metadata(run)
        return tuple(steps + _steps_of_run(run)), text

    def deletion(self, mark: Mark) -> None:
        """Begin text that is no longer in force, or end it: what was read of it is dropped."""
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


def _compile(run: str) -> Program:
    steps = _steps_of_run(run)
    if not steps:
        return ""
    return steps[0][1] if len(steps) == 1 and steps[0][0] is None else tuple(steps)


def _steps_of_run(run: str) -> list[Step]:
    """Work out what a run of tags (its outermost brackets left off) does."""
    if len(run) > MAX_TAG_CHARS:
        raise UnreadableError(f"a tag of more than {MAX_TAG_CHARS:,} characters")
    steps: list[Step] = []
    constant = ""
    for tag in run.split("><") if run else ():
        for step in _steps(tag):
            if isinstance(step, str):
                constant += step
            else:
                if constant:
                    steps.append((None, _BREAKS.sub(BREAK, constant)))
                    constant = ""
                steps.append(step)
    if constant:
        steps.append((None, _BREAKS.sub(BREAK, constant)))
    return steps


@lru_cache(maxsize=20_000)
def _steps(tag: str) -> Sequence[str | Step]:
    """Return what the start, the end or both of an element do: strings to put, or rules and their attributes."""
    if tag[0] == "/":
        rule = rules.end(tag[1:].rstrip())
        return [rule if rule.__class__ is str else (rule, None)]
    if tag[0] == "?":
        if tag[-1] != "?":
            raise _OddTagError
        mark = read_mark(tag[1:-1])
        return [(FileReader.deletion, mark)] if mark else []
    name = re.split(r"[\s/]", tag, maxsplit=1)[0]
    attributes = attributes_of(tag)
    if attributes is None:
        raise _OddTagError
    rule = rules.start(name, attributes)
    steps = [rule if rule.__class__ is str else (rule, attributes)]
    return [*steps, *_steps(f"/{name}")] if tag[-1] == "/" else steps
