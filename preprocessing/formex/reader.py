"""Read one FORMEX file: its text as clean lines, and where titles, recitals, articles and annexes lie in them.

Everything is done in one pass over the parser's events. They add pieces to ``text``; an element that rewrites its own
text (a footnote, a table row, a number) takes the pieces since its start off again; at every boundary that matters
the pieces are flushed into ``lines``, so that structure is line numbers.
What single elements do is in :mod:`preprocessing.formex.rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder

from preprocessing.document import Reference
from preprocessing.formex import rules
from preprocessing.formex.parsed import DESCRIPTION_ROOTS, OTHER_ACTS, TEXT_ROOTS, ArticleLines, ParsedFile, Span
from preprocessing.formex.text import BREAK, PARAGRAPH, to_lines, without_calls
from preprocessing.formex.xml import UnreadableError, as_utf8, new_parser, run_parser

_CLOSING_MARK = re.compile(rb'<\?CLG\.MDFC\s[^?]*?\bID="([^"]*)"')
_OPENING_ID = re.compile(r'\bIDREF="([^"]*)"')
_CLOSING_ID = re.compile(r'(?:^|\s)ID="([^"]*)"')


def read_file(data: bytes, first_note: int = 1) -> ParsedFile:
    """Read the bytes of one FORMEX file; its footnotes are numbered from ``first_note``.

    Raises:
        UnreadableError: it is not well-formed, or no FORMEX file that carries text.
    """
    return FileReader(as_utf8(data), first_note).read()


StartHandler = Callable[[str, dict[str, str]], None]
EndHandler = Callable[[str], None]


class FileReader:
    """The state of reading one file; :mod:`rules` changes it element by element."""

    def __init__(self, data: bytes, first_note: int) -> None:
        self.data = data
        self.parser = new_parser()
        self.root = ""
        # text
        self.text: list[str] = []
        self.put = self.text.append
        self.lines: list[str] = []
        # open elements: what ends them needs what began them
        self.guard = 0  # inside quoted acts, tables and notes nothing is the act's own structure
        self.marks: list[int] = []
        self.closers: list[str] = []
        self.lists: list[str] = []
        self.columns: list[int] = []  # of each open table row, how many are filled
        self.keyword_marks: dict[str, str] = {}
        self.keywords = 0
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
        self.in_note_group = 0
        # results
        self.title: list[str] = []
        self.title_dates: list[str] = []
        self.notes: set[int] = set()
        self.recitals: list[Span] = []
        self.articles: list[ArticleLines] = []
        self.annexes: list[Span] = []
        self.passages: list[Span] = []
        self.references: list[Reference] = []
        self.open_references: list[tuple[int, dict[str, str]]] = []
        self.metadata: dict[str, Element] = {}
        self.warnings: list[str] = []
        # deleted spans
        self.deleted: set[str] = set()
        self.deleted_from = 0  # what is in the text from here on is to be dropped
        self.deleted_spans = 0
        self.repealed = False
        self._closing_marks: frozenset[str] | None = None
        self._unclosed_depth = 0
        # metadata being gathered
        self._builder = TreeBuilder()
        self._depth = 0
        self._skip_depth = 0

    def read(self) -> ParsedFile:
        """Run the parser over the data and return what was found."""
        parser = self.parser
        self._start, self._end = self._handlers()
        parser.StartElementHandler = self._first_start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.put
        parser.ProcessingInstructionHandler = self._instruction
        run_parser(parser, self.data)
        self.flush_notes()
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
            if self.article is not None and PARAGRAPH in lines:
                for line in lines:
                    if line == PARAGRAPH:
                        self.article.marks.append(len(self.lines))
                    else:
                        self.lines.append(line)
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

    # -- events

    def _first_start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in DESCRIPTION_ROOTS:
            raise UnreadableError(f"describes documents (root element {tag}), carries no text of its own")
        if tag not in TEXT_ROOTS:
            raise UnreadableError(
                "HTML, not FORMEX" if tag.lower().endswith("html") else f"not FORMEX: root element {tag}"
            )
        self.root = tag
        self.spans.append(Span("root", 0))
        self.parser.StartElementHandler = self._start
        self._start(tag, attributes)

    def _handlers(self) -> tuple[StartHandler, EndHandler]:
        """Return what happens at the start and the end of an element: the rule in the table, or a line break.

        These two run for every element of the file, so they look up as little as they can.
        """
        start_rule: Callable[[str, str], Any] = rules.START.get
        end_rule: Callable[[str, str], Any] = rules.END.get
        put = self.put

        def start(tag: str, attributes: dict[str, str]) -> None:
            rule = start_rule(tag, BREAK)
            if rule.__class__ is str:
                put(rule)
            else:
                rule(self, attributes)

        def end(tag: str) -> None:
            rule = end_rule(tag, BREAK)
            if rule.__class__ is str:
                put(rule)
            else:
                rule(self)

        return start, end

    def _instruction(self, target: str, text: str) -> None:
        if target == "CLG.MDFO":
            if self.root and ('ACTION="DELETED"' in text or 'ACTION="REPEALED"' in text):
                self._open_deletion(text)
        elif target == "CLG.MDFC" and self.deleted:
            match = _CLOSING_ID.search(text)
            if match:
                self._close_deletion(match[1])

    def _open_deletion(self, text: str) -> None:
        if self._closing_marks is None:
            self._closing_marks = frozenset(
                mark.decode("ascii", "replace") for mark in _CLOSING_MARK.findall(self.data)
            )
        match = _OPENING_ID.search(text)
        mark = match[1] if match else ""
        if 'ACTION="REPEALED"' in text and not self.title and len(self.spans) == 1:
            self.repealed = True
        self.deleted_spans += 1
        if mark not in self._closing_marks:
            if self._unclosed_depth:
                return  # inside another span without an end: that one ends them both
            self.warnings.append("unclosed deletion: taken to end with the element it stands in")
            mark = "unclosed"
            self._unclosed_depth = 1
            self.parser.StartElementHandler = self._counted_start
            self.parser.EndElementHandler = self._counted_end
        if not self.deleted:
            self.deleted_from = len(self.text)
        self.deleted.add(mark)

    def _close_deletion(self, mark: str) -> None:
        if mark in self.deleted:
            self.deleted.remove(mark)
            if not self.deleted:
                del self.text[self.deleted_from :]

    def _counted_start(self, tag: str, attributes: dict[str, str]) -> None:
        self._unclosed_depth += 1
        self._start(tag, attributes)

    def _counted_end(self, tag: str) -> None:
        self._unclosed_depth -= 1
        if self._unclosed_depth == 0:
            self._close_deletion("unclosed")
            self.parser.StartElementHandler = self._start
            self.parser.EndElementHandler = self._end
        self._end(tag)

    # -- metadata

    def gather_metadata(self, tag: str, attributes: dict[str, str]) -> None:
        """Read the element that begins now into ``metadata`` instead of into the text."""
        self._builder = TreeBuilder()
        self._depth = self._skip_depth = 0
        self._normal = (self.parser.StartElementHandler, self.parser.EndElementHandler)
        self.parser.StartElementHandler = self._metadata_start
        self.parser.EndElementHandler = self._metadata_end
        self.parser.ProcessingInstructionHandler = None
        self.parser.CharacterDataHandler = self._builder.data
        self._metadata_start(tag, attributes)

    def _metadata_start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._skip_depth:
            return
        if tag in OTHER_ACTS:
            self._skip_depth = self._depth
            self.parser.CharacterDataHandler = None
        else:
            self._builder.start(tag, attributes)

    def _metadata_end(self, tag: str) -> None:
        self._depth -= 1
        if self._skip_depth:
            if self._depth < self._skip_depth:
                self._skip_depth = 0
                self.parser.CharacterDataHandler = self._builder.data
            return
        self._builder.end(tag)
        if self._depth == 0:
            self.metadata.setdefault(tag, self._builder.close())
            self.parser.StartElementHandler, self.parser.EndElementHandler = self._normal
            self.parser.ProcessingInstructionHandler = self._instruction
            self.parser.CharacterDataHandler = self.put
