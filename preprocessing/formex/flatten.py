"""From the bytes of a vetted file to its text and the calls of rules in it: the tables that the kernel works with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from preprocessing.formex import kernel, rules
from preprocessing.formex.elements import KNOWN, METADATA
from preprocessing.formex.text import BREAK, PARAGRAPH
from preprocessing.formex.xml import MAX_NESTING, MAX_TAG_BYTES, UnreadableError, attributes_of

_TAG_NAME = re.compile(r"[^\s/>]+")
# Values of attributes whose effect is kept: genuine files have a few hundred in all. Forgotten when there are more.
_MAX_KNOWN = 20_000
# Tags with unknown attributes that one pass reports; the next pass knows them.
_MAX_UNKNOWN = 4096


class Flattener:
    """The tables of elements, strings and attributes, and the memory that the kernel writes to; one a process."""

    def __init__(self) -> None:
        self._strings: list[bytes] = []
        self._string_numbers: dict[str, int] = {}
        # the first two have a meaning of their own in the kernel
        self._string(BREAK)
        self._string("")
        self.elements = ["", *sorted(KNOWN)]
        count = len(self.elements)
        self._does = np.zeros((count, 2, 2), np.int64)
        self._wanted = np.zeros((count, 3), np.uint64)
        self._guards = np.array([name in rules.GUARDED for name in self.elements], np.int64)
        self._does[0] = ((kernel.CALL, 0), (kernel.CALL, 0))
        numbers = {}
        for number, name in enumerate(self.elements[1:], 1):
            numbers[kernel.name_hash(name)] = (number,)
            self._does[number] = (self._start(name), self._end(name))
            if self._does[number, 0, 0] == kernel.LOOK_UP:
                for place, attribute in enumerate(rules.DEPENDS_ON[name]):
                    self._wanted[number, place] = kernel.name_hash(attribute)
        self._names, self._elements = _table(numbers, 1)
        self._elements = self._elements[:, 0].copy()
        self._known: dict[int, tuple[int, int]] = {}
        self._own_strings = len(self._strings)
        self._out = np.zeros(1 << 20, np.uint8)
        self._calls = np.zeros((1 << 15, 4), np.int64)
        self._unknown = np.zeros((_MAX_UNKNOWN, 3), np.int64)
        self._state = np.zeros(16, np.int64)
        self._lists = np.zeros(MAX_NESTING + 2, np.int64)
        self._pairs = np.zeros(MAX_NESTING + 2, np.uint8)
        self._spans = np.zeros(kernel.MAX_OPEN_SPANS, np.uint64)
        self._learn(())

    def flatten(self, data: bytes, start: int) -> tuple[str, list[list[int]], bool, bool]:
        """Return the text of a file whose root element begins at ``start``, and the calls of rules, by columns.

        The last two values say whether there may be two spaces between words, and whether a span of text no longer in
        force was without an end.

        Raises:
            UnreadableError: its elements are nested too deeply, or a tag is too long.
        """
        if len(self._known) > _MAX_KNOWN:
            self._forget()
        array = np.frombuffer(data, np.uint8)
        state = self._state
        if self._out.size < 2 * array.size + 4096:
            self._out = np.zeros(3 * array.size, np.uint8)
        while True:
            state[:] = 0
            self._spans[0] = 0
            kernel.flatten(
                array,
                start,
                self._names,
                self._elements,
                self._does,
                self._guards,
                self._wanted,
                self._known_keys,
                self._known_does,
                self._string_bytes,
                self._offsets,
                self._out,
                self._calls,
                self._unknown,
                state,
                self._lists,
                self._pairs,
                self._spans,
                MAX_NESTING,
                MAX_TAG_BYTES,
            )
            if state[kernel.ERROR] == kernel.TOO_DEEP:
                raise UnreadableError(f"nested more than {MAX_NESTING:,} levels deep")
            if state[kernel.ERROR] == kernel.TOO_LONG:
                raise UnreadableError(f"a tag of more than {MAX_TAG_BYTES:,} characters")
            if state[kernel.ERROR] == kernel.TOO_SMALL:
                self._out = np.zeros(2 * self._out.size, np.uint8)
                self._calls = np.zeros((2 * self._calls.shape[0], 4), np.int64)
            elif state[kernel.UNKNOWN]:
                self._learn(
                    (key, data[tag + 1 : end - 1].decode())
                    for key, tag, end in self._unknown[: state[kernel.UNKNOWN]].tolist()
                )
            else:
                break
        text = self._out[: state[kernel.BYTES]].tobytes().decode()
        columns = self._calls[: state[kernel.CALLS]].T.tolist()
        return text, columns, bool(state[kernel.LOOSE]), bool(state[kernel.OPEN_SPANS])

    def _start(self, name: str) -> tuple[int, int]:
        if name in METADATA:
            return kernel.DESCRIPTION, 0
        if name in rules.DEPENDS_ON:
            return kernel.LOOK_UP, 0
        if name in rules.ITEMS:
            return kernel.ITEM, 0
        if name in rules.PARAGRAPHS:
            return kernel.PARAGRAPH, self._string(PARAGRAPH)
        return self._action(rules.START.get(name, BREAK))

    def _end(self, name: str) -> tuple[int, int]:
        if name in METADATA:
            return kernel.NOTHING, 0
        if name in rules.LISTS:
            return kernel.LIST_END, 0
        if name in rules.IDLE:
            return kernel.CALL_AGAIN, name in rules.PARTED
        if name in rules.PARAGRAPHS:
            return kernel.PARAGRAPH, self._string(PARAGRAPH)
        return self._action(rules.END.get(name, BREAK))

    def _action(self, rule: Any) -> tuple[int, int]:
        if not isinstance(rule, str):
            return kernel.CALL, 0
        return (kernel.PRINT, self._string(rule)) if rule else (kernel.NOTHING, 0)

    def _string(self, string: str) -> int:
        number = self._string_numbers.setdefault(string, len(self._strings))
        if number == len(self._strings):
            self._strings.append(string.encode())
        return number

    def _forget(self) -> None:
        """Forget attributes and the strings that only they print."""
        self._known.clear()
        for string in self._strings[self._own_strings :]:
            del self._string_numbers[string.decode()]
        del self._strings[self._own_strings :]
        self._learn(())

    def _learn(self, tags: Iterator[tuple[int, str]] | tuple[()]) -> None:
        """Work out what tags with attributes not seen before do."""
        for key, tag in tags:
            match = _TAG_NAME.match(tag)
            name = match[0] if match else ""
            attributes = attributes_of(tag)
            if name in rules.IDLE:
                does = (kernel.IDLE if rules.IDLE[name](attributes) else kernel.CALL, 0)
            elif name in rules.LISTS:
                does = (kernel.LIST, self._string(rules.LISTS[name](attributes)))
            else:
                does = self._action(rules.PRINTED[name](attributes))
            self._known[key % (1 << 64)] = does
        self._known_keys, self._known_does = _table(self._known, 2)
        ends = np.cumsum([len(string) for string in self._strings])
        self._offsets = np.concatenate(([0], ends)).astype(np.int64)
        self._string_bytes = np.frombuffer(b"".join(self._strings) + b"\0", np.uint8)


def _table(entries: dict[int, Any], width: int) -> tuple[Any, Any]:
    """Return the keys and values of a hash table with open addressing, at most a quarter full."""
    size = 1 << (4 * len(entries) + 8).bit_length()
    keys = np.zeros(size, np.uint64)
    values = np.zeros((size, width), np.int64)
    for key, value in entries.items():
        slot = key & (size - 1)
        while keys[slot]:
            slot = (slot + 1) & (size - 1)
        keys[slot] = key
        values[slot] = value
    return keys, values
