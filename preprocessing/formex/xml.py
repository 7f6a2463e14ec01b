"""Safe XML: every file is vetted by a real parser, then cut into texts and runs of tags.

Expat, which stops at the first fault, vets a file in a third of the time that it takes lxml to build a tree, as long
as it calls nothing back. What has passed is cut by one regular expression into pieces that alternate between a run
of tags (``/P></NP><NP``) and the text after it. Runs repeat by the thousand, so that what a run does is worked out
once and looked up afterwards: that, not a faster way to call back for every tag, is what makes the reader fast.
"""

from __future__ import annotations

import codecs
import re
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.parsers import expat

import numpy as np

#: Bytes of one XML file beyond which it is refused (the largest genuine one seen has 12 MB).
MAX_XML_BYTES = 256 * 1024 * 1024
#: Levels of nesting beyond which a file is refused (genuine ones stay below 60).
MAX_NESTING = 1_000

_DECLARATION = re.compile(rb"<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"""\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
# Python knows many more, among them some that are no encodings of text
_ENCODINGS = re.compile(r"utf-8|ascii|utf-16(-[lb]e)?|iso8859-\d+|cp125\d")
_WIDE = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))
# expat knows UTF-8 by this name alone
_DECLARED_OTHERWISE = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\sencoding\s*=\s*["'](?!utf-8["'])""", re.IGNORECASE
)
_DECLARATION_BYTES = 1024
_CONTROLS = re.compile("[\x80-\x9f]")
# Control characters that XML allows are Windows-1252 read as Latin-1: quotes, dashes, the euro sign
_CONTROLS_AS_MEANT = {code: bytes([code]).decode("cp1252", "ignore") for code in (*range(0x80, 0xA0), 0x7F)}
_CONTROLS_AS_MEANT |= {0x85: "\x85", 0x7F: ""}  # the first is also a line break
_BEFORE_TEXT = re.compile(r">([^<]+)<")
_CHARACTER = re.compile(r"&#(?:x([0-9A-Fa-f]+)|([0-9]+));")
_ATTRIBUTE = re.compile(r"""\s([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_INSTRUCTION = re.compile(r"<\?(.*?)\?>", re.DOTALL)
_PREDEFINED = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))


class UnreadableError(Exception):
    """An input that cannot be read, with the reason as a person should see it."""


def read_text(data: bytes) -> str:
    """Vet the bytes of an XML file and return it as text from its root element on.

    Nothing is left in it but tags, processing instructions, text and the five predefined entities: comments, CDATA
    sections, character references and what comes before the root element are resolved. Document type declarations
    are refused, and with them every entity of the file's own.

    Raises:
        UnreadableError: it is empty, too large, nested too deeply, not well-formed, or HTML.
    """
    if not data.strip(b"\x00\r\n\t "):
        raise UnreadableError("empty file" if not data else "nothing but blanks or NUL bytes")
    if len(data) > MAX_XML_BYTES:
        raise UnreadableError(f"larger than {MAX_XML_BYTES >> 20} MiB")
    data, text = _decode(data)
    _vet(data)
    # one character is looked for many times faster than two, and both of these are rare in law
    if "!" in text and "<!" in text:
        text = _canonical(data)
    if "&" in text and "&#" in text:
        text = _CHARACTER.sub(_character, text)
    if _has_controls(data):
        text = text.translate(_CONTROLS_AS_MEANT)
    start = _root_start(text)
    return text[start:] if start else text


def cut(text: str) -> list[str]:
    """Cut the text of a file into runs of tags (even positions) and the texts after them (odd ones).

    The outermost angle brackets of a run are left off: ``/P></NP><NP``.
    """
    pieces = _BEFORE_TEXT.split(text[text.index("<") + 1 : text.rindex(">")])
    if "&" in text:
        pieces[1::2] = [unescape(piece) for piece in pieces[1::2]]
    return pieces


def attributes_of(tag: str) -> dict[str, str] | None:
    """Return the attributes of a start tag (without its brackets); None where one of them was cut at a ``>``."""
    if "=" not in tag:
        return {}
    left = _ATTRIBUTE.sub("", tag)
    if '"' in left or "'" in left:
        return None
    return {name: unescape(double or single) for name, double, single in _ATTRIBUTE.findall(tag)}


def unescape(text: str) -> str:
    """Replace the predefined entities."""
    if "&" in text:
        for entity, char in _PREDEFINED:
            text = text.replace(entity, char)
    return text


def read_tree(data: bytes) -> Element:
    """Read a small descriptive file (``.doc.xml``) into a tree.

    Raises:
        UnreadableError: as in :func:`read_text`.
    """
    try:
        return fromstring(read_text(data))
    except ParseError as error:
        raise UnreadableError(f"not well-formed XML: {error}") from error


def _decode(data: bytes) -> tuple[bytes, str]:
    """Return the file as UTF-8 bytes without a declaration of another encoding, and as text.

    A declaration that is not true is refused: guessing would pass off wrong letters as law.
    """
    if data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise UnreadableError("unknown encoding: UTF-32")
    wide = next((encoding for mark, encoding in _WIDE if data.startswith(mark)), None)
    marked = data.startswith(b"\xef\xbb\xbf")
    encoding = wide or _declared(data[3:_DECLARATION_BYTES] if marked else data[:_DECLARATION_BYTES]) or "utf-8"
    if not wide and (encoding.startswith("utf-16") or (marked and encoding != "utf-8")):
        raise UnreadableError(f"mis-declared encoding: says {encoding.upper()}, but is not")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        why = f"{error.reason} at byte {error.start}"
        if encoding in ("utf-8", wide):
            raise UnreadableError(f"not valid {encoding.upper()}: {why}") from error
        raise UnreadableError(f"mis-declared encoding: says {encoding.upper()}, but is not ({why})") from error
    text = text.removeprefix("\ufeff")
    if wide and not (_declared(text[:_DECLARATION_BYTES].encode()) or wide).startswith("utf-16"):
        raise UnreadableError(f"mis-declared encoding: is {wide.upper()}, but says otherwise")
    if encoding == "utf-8" and not _DECLARED_OTHERWISE.match(data):
        return data, text
    if encoding != "utf-8" and not wide and not data.isascii():
        if _is_utf8(data):
            raise UnreadableError(f"mis-declared encoding: says {encoding.upper()}, but is UTF-8")
        if encoding.startswith("iso8859") and _CONTROLS.search(text):
            raise UnreadableError(f"mis-declared encoding: says {encoding.upper()}, but has letters beyond it")
    text = re.sub(r"^\s*<\?xml\s.*?\?>", "", text, count=1, flags=re.DOTALL)
    return text.encode("utf-8", "surrogatepass"), text


def _declared(start: bytes) -> str | None:
    """Return Python's name of the encoding that a file declares, if it does.

    Raises:
        UnreadableError: it is none that XML files are written in.
    """
    declaration = _DECLARATION.match(start)
    declared = _ENCODING.search(declaration[0]) if declaration else None
    if not declared:
        return None
    name = declared[1].decode("ascii")
    try:
        encoding = codecs.lookup(name).name
    except LookupError:
        encoding = ""
    if not _ENCODINGS.fullmatch(encoding):
        raise UnreadableError(f"unknown encoding: {name}")
    return encoding


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _vet(data: bytes) -> None:
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        if b"<html" in data[:1000].lower():
            raise UnreadableError("HTML, not FORMEX") from error
        raise UnreadableError(f"not well-formed XML: {error}") from error
    if _nesting(data) > MAX_NESTING:
        raise UnreadableError(f"nested more than {MAX_NESTING:,} levels deep")


def _nesting(data: bytes) -> int:
    """Return how deep elements are nested, from where their tags begin and empty ones end."""
    chars = np.frombuffer(data, np.uint8)
    opening = np.flatnonzero(chars == ord("<"))
    after = chars[opening + 1]
    ends = after == ord("/")
    starts = ~(ends | (after == ord("?")) | (after == ord("!")))
    slashes = np.flatnonzero(chars[:-1] == ord("/"))
    empty = slashes[chars[slashes + 1] == ord(">")]
    depth = np.cumsum(starts.astype(np.int32) - ends) - np.searchsorted(empty, opening)
    return int(depth.max())


def _has_controls(data: bytes) -> bool:
    if b"\x7f" in data or data.isascii():
        return b"\x7f" in data
    chars = np.frombuffer(data, np.uint8)
    return bool((chars[np.flatnonzero(chars[:-1] == 0xC2) + 1] < 0xA0).any())


def _refuse_doctype(name: str, *_: object) -> None:
    if name.lower() == "html":
        raise UnreadableError("HTML, not FORMEX")
    raise UnreadableError("has a DOCTYPE, which no genuine FORMEX file has")


def _canonical(data: bytes) -> str:
    """Write a vetted file again: no comments, CDATA sections or tags in instructions, every attribute escaped."""
    from lxml import etree

    parser = etree.XMLParser(
        remove_comments=True, strip_cdata=True, resolve_entities=False, no_network=True, huge_tree=True
    )
    tree = etree.fromstring(data, parser)
    for instruction in tree.iter(etree.ProcessingInstruction):
        instruction.text = (instruction.text or "").replace("<", "").replace(">", "")
    return str(etree.tostring(tree, encoding="unicode"))


def canonical(text: str) -> str:
    """Write vetted XML again so that angle brackets stand nowhere but around tags."""
    escaped = _INSTRUCTION.sub(lambda match: f"<?{match[1].replace('<', '&lt;').replace('>', '&gt;')}?>", text)
    return _canonical(escaped.encode("utf-8"))


def _character(match: re.Match[str]) -> str:
    char = chr(int(match[1], 16) if match[1] else int(match[2])).translate(_CONTROLS_AS_MEANT)
    # left as entities until the text is cut
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(char, char)


def _root_start(text: str) -> int:
    """Return where the root element begins, after the declaration and instructions."""
    match = re.match(r"(?:\s+|<\?.*?\?>)*", text, re.DOTALL)
    return match.end() if match else 0
