"""The compiled part of the reader: one pass over the bytes of a vetted file, by Numba.

It writes the text with the strings that elements print, white space and breaks already folded, and notes where an
element needs a rule in Python to be called. Nearly all of a file is text and elements that print a string; what is
left to Python is about one tag in seven.

Everything here trusts that the file is well-formed: expat has read it before. It is one file, though a long one, on
purpose: Numba keeps what it compiled as long as the file of the compiled function is unchanged, so that a change of a
function in another file would go unseen, and old code would run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from preprocessing.formex.xml import CONTROLS_AS_MEANT

# Without Numba's own memory management (_nrt, which its type hints leave out): it counts every use of an array, which
# took 40 % of the time, and is needed only by functions that make arrays. These are given all that they write to.
_compiled: Any = njit(cache=True, _nrt=False)  # type: ignore[call-overload]

# What a tag does.
NOTHING, PRINT, LOOK_UP, CALL, CALL_AGAIN, IDLE, LIST, LIST_END, ITEM, DESCRIPTION, PARAGRAPH = range(11)
# What waits to be written before the next character: a space, one if a word or a letter follows, a space even where
# breaks follow, a break.
_NONE, _SPACE, _IF_WORD, _IF_LETTER, _JOIN, _BREAK = range(6)
# What the kernel counts, in one array: characters and bytes written, what waits, calls, attributes not known yet.
CHARS, BYTES, WAITING, CALLS, UNKNOWN, LISTS, PAIRS, DEPTH, ERROR, CALLED_AT, OPEN_SPANS, LOOSE, GUARDS, PARAGRAPHS = (
    range(14)
)
TOO_SMALL, TOO_DEEP, TOO_LONG = 1, 2, 3
# Columns of the calls: the rule (an element and which of its ends), where in the text, and the tag.
RULE, AT, TAG, TAG_END = range(4)
#: Rules that belong to no element: an instruction that marks text no longer in force, and a description.
INSTRUCTION_RULE, DESCRIPTION_RULE = -1, -2

_BREAK_CHAR, _JOIN_CHAR = 0x1E, 0x1D
_BASIS, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
MAX_OPEN_SPANS = 256


def name_hash(name: str) -> int:
    """Hash a name as the kernel does (FNV-1a, 64 bits)."""
    value = 14695981039346656037
    for byte in name.encode():
        value = ((value ^ byte) * 1099511628211) % (1 << 64)
    return value


_CONTROLS = np.array([ord(CONTROLS_AS_MEANT[code] or "\0") for code in range(0x7F, 0xA0)])
# Bytes of text: 1 for those that are copied (of characters that begin with others, white space may be one), 2 for a
# space, which is copied where such a byte follows, 0 for the rest.
_KINDS = np.array([32 < byte < 0x7F or byte >= 0x80 for byte in range(256)], np.uint8)
_KINDS[[38, 60, 0xC2, 0xE2, 0xEF]] = 0
_KINDS[32] = 2
_ACTION, _IDREF, _ID = (np.uint64(name_hash(name)) for name in ("ACTION", "IDREF", "ID"))


@_compiled
def _hash(data: Any, start: int, end: int) -> Any:
    value = _BASIS
    for at in range(start, end):
        value = (value ^ np.uint64(data[at])) * _PRIME
    return value


@_compiled
def _find(keys: Any, key: Any) -> Any:
    """Return the slot of ``key`` in a table with open addressing whose size is a power of two; -1 if it has none."""
    mask = keys.size - 1
    slot = np.int64(key & np.uint64(mask))
    while keys[slot] != 0:
        if keys[slot] == key:
            return slot
        slot = (slot + 1) & mask
    return -1


@_compiled
def _write_waiting(out: Any, state: Any) -> None:
    """Write what waits before a character of text."""
    waiting = state[WAITING]
    if waiting == _BREAK:
        out[state[BYTES]] = _BREAK_CHAR
        state[BYTES] += 1
        state[CHARS] += 1
    elif waiting in (_SPACE, _JOIN):
        at = state[BYTES]
        before = out[at - 1] if at > 0 else _BREAK_CHAR
        called = at > 0 and state[CALLED_AT] == at
        if called and before == 32:
            state[LOOSE] = 1  # two spaces, unless a rule puts something between them
        # none at the start of a line, unless a rule may have taken the break before it away
        if called or before != _BREAK_CHAR:
            out[at] = 32
            state[BYTES] += 1
            state[CHARS] += 1
    state[WAITING] = _NONE


@_compiled
def _break(state: Any) -> None:
    if state[WAITING] != _JOIN:
        state[WAITING] = _BREAK


@_compiled
def _space(state: Any) -> None:
    if state[WAITING] < _JOIN:
        state[WAITING] = _SPACE


@_compiled
def _print(out: Any, state: Any, strings: Any, start: int, end: int) -> None:
    for at in range(start, end):
        byte = strings[at]
        if byte == _BREAK_CHAR:
            _break(state)
        elif byte == _JOIN_CHAR:
            if state[WAITING] != _BREAK:
                state[WAITING] = _JOIN
        elif byte == 32:
            _space(state)
        else:
            _write_waiting(out, state)
            out[state[BYTES]] = byte
            state[BYTES] += 1
            state[CHARS] += byte & 0xC0 != 0x80


@_compiled
def _call(rule: int, start: int, end: int, out: Any, state: Any, calls: Any) -> None:
    """Note that Python is to be called here; what waits is written, since what comes next may be its text."""
    waiting = state[WAITING]
    if waiting == _JOIN:
        out[state[BYTES]] = _JOIN_CHAR
        state[BYTES] += 1
        state[CHARS] += 1
        state[WAITING] = _NONE
    else:
        _write_waiting(out, state)
    call = state[CALLS]
    if call < calls.shape[0]:
        calls[call, RULE] = rule
        calls[call, AT] = state[CHARS]
        calls[call, TAG] = start
        calls[call, TAG_END] = end
    state[CALLS] = call + 1
    state[CALLED_AT] = state[BYTES]


@_compiled
def _is_word(data: Any, at: int) -> bool:
    """Whether a letter or digit begins here (of the scripts of the official languages)."""
    byte = data[at]
    if byte < 0x80:
        return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte == 95
    if byte == 0xC2:
        return data[at + 1] == 0xAA or data[at + 1] == 0xB5 or data[at + 1] == 0xBA
    if byte == 0xC3:
        return data[at + 1] != 0x97 and data[at + 1] != 0xB7
    return 0xC4 <= byte <= 0xD4 or byte == 0xE1


@_compiled
def _ends_word(out: Any, end: int) -> bool:
    if end == 0:
        return False
    at = end - 1
    while at > 0 and out[at] & 0xC0 == 0x80:
        at -= 1
    return out[at] != 95 and _is_word(out, at)


@_compiled
def _value(data: Any, at: int, end: int, name: Any) -> tuple[int, int]:
    """Return where the value of an attribute of the tag lies; (-1, -1) where it has none of this name."""
    while at < end:
        while at < end and (data[at] <= 32 or data[at] == 47):
            at += 1
        start = at
        while at < end and data[at] != 61 and data[at] > 32:
            at += 1
        same = _hash(data, start, at) == name
        while at < end and data[at] != 34 and data[at] != 39:
            at += 1
        if at >= end:
            break
        quote = data[at]
        start = at + 1
        at = start
        while data[at] != quote:
            at += 1
        if same:
            return start, at
        at += 1
    return -1, -1


@_compiled
def _tag_end(data: Any, at: int) -> int:
    """Return where the ``>`` of a tag stands; one in an attribute is not it."""
    while data[at] != 62:
        if data[at] == 34 or data[at] == 39:
            quote = data[at]
            at += 1
            while data[at] != quote:
                at += 1
        at += 1
    return at


@_compiled
def _after(data: Any, at: int, first: int, second: int, third: int) -> int:
    """Return what follows the next occurrence of three bytes."""
    while not (data[at] == first and data[at + 1] == second and data[at + 2] == third):
        at += 1
    return at + 3


@_compiled
def _after_markup(data: Any, at: int) -> int:
    """Return what follows an instruction, a comment or a CDATA section that begins at ``at``."""
    if data[at + 1] == 63:
        at += 2
        while not (data[at] == 63 and data[at + 1] == 62):
            at += 1
        return at + 2
    if data[at + 2] == 45:
        return _after(data, at + 4, 45, 45, 62)
    return _after(data, at + 9, 93, 93, 62)


@_compiled
def _after_element(data: Any, at: int, name: int, name_end: int) -> int:
    """Return what follows the element whose start tag ends before ``at``; others of its name may be in it."""
    depth = 1
    length = name_end - name
    while True:
        while data[at] != 60:
            at += 1
        if data[at + 1] == 63 or data[at + 1] == 33:
            at = _after_markup(data, at)
            continue
        ends = data[at + 1] == 47
        start = at + 2 if ends else at + 1
        same = True
        for offset in range(length):
            if data[start + offset] != data[name + offset]:
                same = False
                break
        follows = data[start + length] if same else 0
        at = _tag_end(data, start) + 1
        if same and (follows <= 32 or follows == 62 or follows == 47):
            if ends:
                depth -= 1
                if depth == 0:
                    return at
            elif data[at - 2] != 47:
                depth += 1


@_compiled
def _entity(data: Any, start: int, end: int) -> int:
    """Return the code point of the reference between ``&`` and ``;``."""
    first = data[start]
    if first != 35:
        if first == 108:
            return 60
        if first == 103:
            return 62
        if first == 113:
            return 34
        return 38 if data[start + 1] == 109 else 39
    code = 0
    if data[start + 1] == 120:
        for at in range(start + 2, end):
            byte = data[at]
            code = code * 16 + (byte - 48 if byte <= 57 else (byte & 0xDF) - 55)
    else:
        for at in range(start + 1, end):
            code = code * 10 + (data[at] - 48)
    return code


@_compiled
def _write_code(code: int, out: Any, state: Any) -> None:
    """Write one code point as UTF-8; as a space if it is white space of any kind, not at all if it is invisible."""
    if 0x7F <= code < 0xA0:
        code = _CONTROLS[code - 0x7F]
    if code <= 32 or code == 0x2028 or code == 0x2029:  # the last two would break lines in readers of the output
        if code:
            _space(state)
        return
    if code == 0xAD or code == 0x200B or code == 0xFEFF:  # soft hyphen, zero-width space, byte order mark
        return
    _write_waiting(out, state)
    at = state[BYTES]
    if code < 0x80:
        out[at] = code
        at += 1
    elif code < 0x800:
        out[at] = 0xC0 | (code >> 6)
        out[at + 1] = 0x80 | (code & 63)
        at += 2
    elif code < 0x10000:
        out[at] = 0xE0 | (code >> 12)
        out[at + 1] = 0x80 | ((code >> 6) & 63)
        out[at + 2] = 0x80 | (code & 63)
        at += 3
    else:
        out[at] = 0xF0 | (code >> 18)
        out[at + 1] = 0x80 | ((code >> 12) & 63)
        out[at + 2] = 0x80 | ((code >> 6) & 63)
        out[at + 3] = 0x80 | (code & 63)
        at += 4
    state[BYTES] = at
    state[CHARS] += 1


@_compiled
def _write_text(data: Any, at: int, out: Any, state: Any) -> int:
    """Write text from ``at`` on up to the next tag; return where that is (the file ends with one)."""
    while data[at] != 60:
        byte = data[at]
        if state[WAITING] == _IF_WORD or state[WAITING] == _IF_LETTER:
            follows = _is_word(data, at) and not (state[WAITING] == _IF_LETTER and byte < 65)
            state[WAITING] = _SPACE if follows else _NONE
        kind = _KINDS[byte]
        if kind == 1:
            if state[WAITING] != _NONE:
                _write_waiting(out, state)
            start = state[BYTES]
            offset = start - at
            chars = 0
            # without a branch that depends on where words end, which no processor can foresee
            while kind:
                out[at + offset] = byte
                chars += byte & 0xC0 != 0x80
                at += 1
                byte = data[at]
                following = _KINDS[byte]
                kind = following & 1 | (following >> 1 & _KINDS[data[at + 1]])
            state[BYTES] = at + offset
            state[CHARS] += chars
        elif byte <= 32:
            _space(state)
            at += 1
        elif byte == 38:
            end = at + 1
            while data[end] != 59:
                end += 1
            _write_code(_entity(data, at + 1, end), out, state)
            at = end + 1
        elif byte == 0x7F:
            at += 1
        else:  # among these are white space and invisible marks
            if byte == 0xC2:
                code = (byte & 31) << 6 | (data[at + 1] & 63)
                at += 2
            else:
                code = (byte & 15) << 12 | (data[at + 1] & 63) << 6 | (data[at + 2] & 63)
                at += 3
            _write_code(code, out, state)
    return at


@_compiled
def _instruction(data: Any, at: int, end: int, out: Any, state: Any, calls: Any, spans: Any) -> None:
    """Note an instruction that opens or closes text no longer in force; amendments part words in any case."""
    if end - at < 14 or data[at + 2] != 67 or data[at + 3] != 76 or data[at + 4] != 71 or data[at + 8] != 70:
        return  # not CLG.MDFO or CLG.MDFC
    open_spans = np.int64(spans[0])
    if data[at + 9] == 79:
        value, value_end = _value(data, at + 10, end, _ACTION)
        length = value_end - value
        if (length == 7 and data[value] == 68) or (length == 8 and data[value] == 82 and data[value + 3] == 69):
            if open_spans + 1 < spans.size:
                reference, reference_end = _value(data, at + 10, end, _IDREF)
                spans[open_spans + 1] = _hash(data, reference, reference_end) if reference >= 0 else _BASIS
                spans[0] = np.uint64(open_spans + 1)
            _call(INSTRUCTION_RULE, at, end, out, state, calls)
    elif data[at + 9] == 67 and open_spans:
        reference, reference_end = _value(data, at + 10, end, _ID)
        span = _hash(data, reference, reference_end) if reference >= 0 else _BASIS
        for place in range(1, open_spans + 1):
            if spans[place] == span:
                spans[place] = spans[open_spans]
                spans[0] = np.uint64(open_spans - 1)
                _call(INSTRUCTION_RULE, at, end, out, state, calls)
                break
    if state[WAITING] == _NONE and _ends_word(out, state[BYTES]):
        state[WAITING] = _IF_WORD


@_compiled
def flatten(
    data: Any,
    start: int,
    names: Any,
    elements: Any,
    does: Any,
    guards: Any,
    wanted: Any,
    known: Any,
    known_does: Any,
    strings: Any,
    offsets: Any,
    out: Any,
    calls: Any,
    unknown: Any,
    state: Any,
    lists: Any,
    pairs: Any,
    spans: Any,
    max_depth: int,
    max_tag: int,
) -> None:
    """Go through ``data`` from ``start`` (the root element) to its end.

    ``names`` (hashes) and ``elements`` are the table of elements, ``does[element, end]`` pairs of what a tag does and
    with what, ``guards`` which elements hold no paragraphs of the document's own; ``wanted[element]`` hashes of the
    attributes on which it depends, ``known`` and ``known_does`` the table of what it does with their values;
    ``strings`` and ``offsets`` the strings to print. The text goes to ``out``, the calls of rules to ``calls``, tags
    with attributes not known yet to ``unknown``, counts to ``state``.
    """
    room = out.size - 1024
    size = data.size
    at = start
    while at < size:
        if data[at] != 60:
            if state[DEPTH] == 0:
                at += 1  # white space after the root element
                continue
            at = _write_text(data, at, out, state)
            continue
        if state[BYTES] + size - at > room or state[CALLS] >= calls.shape[0] - 2:
            state[ERROR] = TOO_SMALL
            return
        byte = data[at + 1]
        if byte == 63:
            end = _after_markup(data, at)
            _instruction(data, at, end - 2, out, state, calls, spans)
            at = end
            continue
        if byte == 33:
            end = _after_markup(data, at)
            if data[at + 2] != 45:
                for inner in range(at + 9, end - 3):
                    if data[inner] <= 32:
                        _space(state)
                    else:
                        _write_waiting(out, state)
                        out[state[BYTES]] = data[inner]
                        state[BYTES] += 1
                        state[CHARS] += data[inner] & 0xC0 != 0x80
            at = end
            continue
        ends = byte == 47
        name = at + 2 if ends else at + 1
        name_end = name
        key = _BASIS
        while data[name_end] > 32 and data[name_end] != 62 and data[name_end] != 47:
            key = (key ^ np.uint64(data[name_end])) * _PRIME
            name_end += 1
        end = _tag_end(data, name_end) if data[name_end] != 62 else name_end
        if end - at > max_tag:
            state[ERROR] = TOO_LONG
            return
        slot = _find(names, key)
        element = elements[slot] if slot >= 0 else 0
        first = 1 if ends else 0
        last = 1 if ends or data[end - 1] == 47 else 0
        for side in range(first, last + 1):
            state[DEPTH] += 1 - 2 * side
            if state[DEPTH] > max_depth:
                state[ERROR] = TOO_DEEP
                return
            action = does[element, side, 0]
            value = does[element, side, 1]
            state[GUARDS] += guards[element] * (1 - 2 * side)
            if action == LOOK_UP:
                key = np.uint64(element + 1)
                for place in range(wanted.shape[1]):
                    if wanted[element, place] == 0:
                        break
                    value_start, value_end = _value(data, name_end, end, wanted[element, place])
                    part = _hash(data, value_start, value_end) if value_start >= 0 else np.uint64(place + 1)
                    key = (key ^ part) * _PRIME
                slot = _find(known, key)
                if slot >= 0:
                    action = known_does[slot, 0]
                    value = known_does[slot, 1]
                else:
                    if state[UNKNOWN] < unknown.shape[0]:
                        unknown[state[UNKNOWN], 0] = np.int64(key)
                        unknown[state[UNKNOWN], 1] = at
                        unknown[state[UNKNOWN], 2] = end + 1
                    state[UNKNOWN] += 1
                    # this pass is void, but ends must still find what they end
                    ending = does[element, 1, 0]
                    action = IDLE if ending == CALL_AGAIN else LIST if ending == LIST_END else NOTHING
                    value = 1
            if action == PRINT:
                if value == 0:
                    _break(state)
                else:
                    _print(out, state, strings, offsets[value], offsets[value + 1])
            elif action == CALL:
                _call(2 * element + side, at, end + 1, out, state, calls)
                if does[element, 1, 0] == CALL_AGAIN:
                    pairs[state[PAIRS]] = 1
                    state[PAIRS] += 1
            elif action == IDLE:
                pairs[state[PAIRS]] = 0
                state[PAIRS] += 1
            elif action == CALL_AGAIN:
                state[PAIRS] -= 1
                if pairs[state[PAIRS]]:
                    _call(2 * element + side, at, end + 1, out, state, calls)
                if value and state[WAITING] == _NONE:
                    state[WAITING] = _IF_LETTER
            elif action == LIST:
                lists[state[LISTS]] = value
                state[LISTS] += 1
                _break(state)
            elif action == LIST_END:
                state[LISTS] -= 1
                _break(state)
            elif action == ITEM:
                _break(state)
                if state[LISTS]:
                    marker = lists[state[LISTS] - 1]
                    _print(out, state, strings, offsets[marker], offsets[marker + 1])
            elif action == PARAGRAPH:
                if state[GUARDS] == 0:
                    state[PARAGRAPHS] -= side
                    if state[PARAGRAPHS] == 0:
                        state[WAITING] = _BREAK  # a label with nothing after it is joined to nothing
                        _print(out, state, strings, offsets[value], offsets[value + 1])
                    state[PARAGRAPHS] += 1 - side
                _break(state)
            elif action == DESCRIPTION:
                if last == 0:
                    state[DEPTH] -= 1
                    end = _after_element(data, end + 1, name, name_end) - 1
                _call(DESCRIPTION_RULE, at, end + 1, out, state, calls)
        at = end + 1
    state[OPEN_SPANS] = np.int64(spans[0])
