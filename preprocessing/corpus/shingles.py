"""What a text is recognised by: a hash for equal texts, a MinHash signature for similar ones.

    key, signature = Fingerprints().of(text)

Equal are texts that differ only in white space or in how accents are composed: the hash is the 64-bit xxh3 of the text
in NFC with every run of white space as one space.

Similar are texts that share their *shingles*: every five words in a row. Words are runs of letters and digits, ASCII
capitals taken as small letters; all else only separates them, so that punctuation, quotation marks and dashes make no
difference. A text of one to four words is a shingle by itself; a text without words has none, and its signature is
``NO_WORDS`` throughout. The share of equal numbers in two signatures estimates the Jaccard similarity of the two sets
of shingles (common ones over all), with a standard error of ``sqrt(J (1 - J) / PERMUTATIONS)``: 0.035 at J = 0.8.

The signature is a MinHash that looks at each shingle once instead of once a number: Dahlgaard, Knudsen and Thorup,
"Fast Similarity Sketching", FOCS 2017. (No library: rensa, the fastest, has no wheel for Python 3.10 on a Mac, and its
index takes no signatures back that were stored.) One compiled pass over the UTF-8 bytes does all the rest. Numba keeps
what it compiled as long as this file is unchanged, so that all compiled functions are in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np
import xxhash
from numba import njit

SHINGLE_WORDS = 5
# A power of two up to 128. Half as many have 1.4 times the error.
PERMUTATIONS = 128
#: The size of a signature in a file (``signature.tobytes()``).
SIGNATURE_BYTES = 4 * PERMUTATIONS
#: What a signature consists of where a text has no words.
NO_WORDS = np.iinfo(np.uint32).max

# Bytes of text for which there is room at first, and for which room is kept: what longer ones took is given back.
_USUAL_ROOM, _MOST_ROOM = 1 << 20, 1 << 23

# Without Numba's own memory management (_nrt, which its type hints leave out): it counts every use of an array.
_compiled: Any = njit(cache=True, _nrt=False)  # type: ignore[call-overload]

# Kinds of bytes: what separates words, what belongs to one, white space, and the first bytes of those characters among
# which there are marks, white space, or such as NFC changes. (The others of two bytes are Latin, Greek and Cyrillic.)
_MARK, _WORD, _SPACE, _LEAD = range(4)
_KINDS = np.array([_WORD if byte >= 0x80 or chr(byte).isalnum() else _MARK for byte in range(256)], np.uint8)
_KINDS[[*range(9, 14), *range(28, 33)]] = _SPACE
_KINDS[[0xC2, 0xCC, 0xCD, 0xCE, 0xD2, *range(0xD4, 256)]] = _LEAD
_FOLDED = np.array([byte + 32 if 65 <= byte <= 90 else byte for byte in range(256)], np.uint64)

_BASIS, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
_MIX_1, _MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_HIGHEST = np.uint64(pow(0x9E3779B97F4A7C15, SHINGLE_WORDS, 1 << 64))
_SHIFT = np.uint64(32)
# Places in arrays are counted without a sign: that they are not counted from the end need not be checked then.
_ZERO, _ONE = np.uintp(0), np.uintp(1)
_BINS, _VALUE_BITS = np.uint64(PERMUTATIONS - 1), np.uint64(24)
# Put after every text, so that its last word ends like all others.
_END = 10


class Fingerprints:
    """Takes the hash and the signature of one text after another.

    One object a process, used for all texts: to have new memory for each would cost more than the work itself.
    """

    def __init__(self) -> None:
        self._window = np.zeros(SHINGLE_WORDS, np.uint64)
        self._make_room(_USUAL_ROOM)

    def _make_room(self, size: int) -> None:
        self._data = np.empty(size + 1, np.uint8)
        self._folded = np.empty(size + 1, np.uint8)
        self._shingles = np.empty(size // 2 + 1, np.uint64)

    def of(self, text: str) -> tuple[int, np.ndarray]:
        """Return the text's hash and its signature (``PERMUTATIONS`` numbers, uint32).

        Raises:
            UnicodeEncodeError: the text holds half a surrogate pair, which is no character.
        """
        key, shingles = self.scan(text)
        signature = np.full(PERMUTATIONS, NO_WORDS, np.uint32)
        _sketch(shingles, signature)
        return key, signature

    def scan(self, text: str) -> tuple[int, np.ndarray]:
        """Return the text's hash and those of its shingles, in memory that the next call takes again.

        Raises:
            UnicodeEncodeError: the text holds half a surrogate pair.
        """
        data = text.encode()
        if not len(data) < self._data.size <= _MOST_ROOM:
            self._make_room(max(len(data), _USUAL_ROOM))
        self._data[: len(data)] = np.frombuffer(data, np.uint8)
        self._data[len(data)] = _END
        self._window[:] = 0
        size, count, maybe_changed = _fold_and_hash(
            self._data[: len(data) + 1], self._folded, self._shingles, self._window
        )
        if maybe_changed and not unicodedata.is_normalized("NFC", text):
            return self.scan("\n".join(_composed(line) for line in text.split("\n")))
        return xxhash.xxh3_64_intdigest(self._folded[:size].data), self._shingles[:count]


def fingerprints(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes (uint64) and the signatures (uint32, a row of ``PERMUTATIONS`` each) of some texts.

    Raises:
        UnicodeEncodeError: a text holds half a surrogate pair.
    """
    found = Fingerprints()
    both = [found.of(text) for text in texts]
    hashes = np.array([key for key, _ in both], np.uint64)
    return hashes, np.array([signature for _, signature in both], np.uint32).reshape(-1, PERMUTATIONS)


def _composed(line: str) -> str:
    """Return a line in NFC: to compose takes so long that it is done for those only that need it."""
    return line if unicodedata.is_normalized("NFC", line) else unicodedata.normalize("NFC", line)


@_compiled
def _mix(value: Any) -> Any:
    """Spread the bits of a 64-bit number (the last steps of MurmurHash3)."""
    value = (value ^ (value >> _SHIFT)) * _MIX_1
    value = (value ^ (value >> _SHIFT)) * _MIX_2
    return value ^ (value >> _SHIFT)


@_compiled
def _lead_kind(first: int, second: int, third: int) -> int:
    """Tell what a character is that begins with these bytes, the first one being of ``_LEAD``."""
    if first == 0xC2:
        if second == 0x85 or second == 0xA0:
            return _SPACE
        return _WORD if second == 0xAA or second == 0xB5 or second == 0xBA else _MARK
    if first == 0xE2:  # U+2000 to U+2FFF: punctuation, currencies, operators, and some rare scripts
        if second == 0x80 and (third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF):
            return _SPACE
        if second == 0x81 and third == 0x9F:
            return _SPACE
        return _WORD if 0xB0 <= second <= 0xB7 else _MARK
    if first == 0xE3 and second == 0x80:
        return _SPACE if third == 0x80 else _MARK
    return _SPACE if first == 0xE1 and second == 0x9A and third == 0x80 else _WORD


@_compiled
def _may_change(first: int, second: int) -> bool:
    """Whether NFC may change a character that begins with these bytes, the first one being of ``_LEAD``."""
    if first == 0xC2:
        return False
    if first == 0xCE:
        return second == 0x87  # another middle dot
    if first == 0xE2:  # marks above letters, letter-like symbols, angle brackets, a forked operator, rare scripts
        return second == 0x83 or second == 0x84 or second == 0x8C or second == 0xAB or second >= 0xB0
    return True


@_compiled
def _fold_and_hash(data: Any, folded: Any, shingles: Any, window: Any) -> tuple[int, int, bool]:
    """Write the text with its white space folded to ``folded`` and the hashes of its shingles to ``shingles``.

    ``data`` is the text and ``_END``; ``window`` has room for the last words' hashes, zeros at first.

    Returns:
        The bytes and the shingles written, and whether the text may hold characters that NFC would change.
    """
    size = np.uintp(data.size)
    at = _ZERO
    written = _ZERO
    words = 0
    slot = 0
    rolling = np.uint64(0)
    maybe_changed = False
    while at < size:
        byte = data[at]
        kind = _KINDS[byte]
        word = _BASIS
        start = at
        length = 1
        # a word ends at a space or a mark; of most words this loop takes all
        while True:
            offset = written - at
            while kind == _WORD:
                folded[at + offset] = byte
                word = (word ^ _FOLDED[byte]) * _PRIME
                at += _ONE
                byte = data[at]
                kind = _KINDS[byte]
            written = at + offset
            if kind != _LEAD:
                break
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            second = data[at + _ONE]
            kind = _lead_kind(byte, second, data[at + _ONE + _ONE] if length > 2 else 0)
            maybe_changed |= _may_change(byte, second)
            if kind != _WORD:
                break
            for _ in range(length):
                byte = data[at]
                folded[written] = byte
                word = (word ^ np.uint64(byte)) * _PRIME
                written += _ONE
                at += _ONE
            byte = data[at]
            kind = _KINDS[byte]
            length = 1
        if at > start:
            word = _mix(word)
            rolling = rolling * _BASE + word - window[slot] * _HIGHEST
            window[slot] = word
            slot = slot + 1 if slot + 1 < SHINGLE_WORDS else 0
            words += 1
            if words >= SHINGLE_WORDS:
                shingles[words - SHINGLE_WORDS] = _mix(rolling)
        if kind != _SPACE:
            for _ in range(length):
                folded[written] = data[at]
                written += _ONE
                at += _ONE
        else:
            # one for any number of them, none at the start
            if written > 0 and folded[written - _ONE] != 32:
                folded[written] = 32
                written += _ONE
            at += np.uintp(length)
    if written > 0 and folded[written - _ONE] == 32:
        written -= _ONE
    if 0 < words < SHINGLE_WORDS:
        shingles[0] = _mix(rolling)
        return int(written), 1, maybe_changed
    return int(written), max(words - SHINGLE_WORDS + 1, 0), maybe_changed


@_compiled
def _sketch(shingles: Any, signature: Any) -> None:
    """Fill a signature that is ``NO_WORDS`` throughout.

    Every shingle falls into one of the places by its hash, and each keeps the smallest. While places are empty (there
    are few shingles) all fall once more, by another hash; what falls in a later round is greater than all before. From
    round ``PERMUTATIONS`` on all fall into one place, so that none stays empty.
    """
    empty = signature.size if shingles.size else 0
    turn = 0
    while empty > 0 and turn < 2 * signature.size:
        for at in range(shingles.size):
            key = shingles[at]
            if turn > 0:
                key = _mix(key + np.uint64(turn) * _BASE)
            place = key & _BINS if turn < signature.size else np.uint64(turn - signature.size)
            value = np.uint32(np.uint64(turn) << _VALUE_BITS | key >> (np.uint64(64) - _VALUE_BITS))
            if value < signature[place]:
                empty -= signature[place] == NO_WORDS
                signature[place] = value
        turn += 1
