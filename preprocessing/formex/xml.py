"""Safe XML: every file is vetted by a real parser before anything else looks at it.

Expat, which stops at the first fault, vets a file in half the time that it takes lxml to build a tree, as long as it
calls nothing back. What has passed is read by a pass of our own (:mod:`preprocessing.formex.kernel`).
"""

from __future__ import annotations

import codecs
import re
from xml.etree.ElementTree import Element, fromstring
from xml.parsers import expat

#: Bytes of one XML file beyond which it is refused (the largest genuine one seen has 12 MB; reading takes eleven
#: times as much memory).
MAX_XML_BYTES = 64 * 1024 * 1024
#: Levels of nesting beyond which a file is refused (genuine ones stay below 60).
MAX_NESTING = 1_000
#: Bytes of one tag, attributes included, beyond which a file is refused (genuine ones stay below 2,000).
MAX_TAG_BYTES = 1_000_000

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
_CONTROLS_OR_DELETE = re.compile("[\x7f-\x9f]")
#: What is meant by control characters that XML allows: Windows-1252 read as Latin-1 (quotes, dashes, the euro sign),
#: one of them a line break; nothing by the others.
CONTROLS_AS_MEANT = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
CONTROLS_AS_MEANT |= {0x85: "\n", 0x7F: ""}
_BEFORE_ROOT = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_CHARACTER = re.compile(r"&#(?:x([0-9A-Fa-f]+)|([0-9]+));")
_ATTRIBUTE = re.compile(r"""\s([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_PREDEFINED = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))


class UnreadableError(Exception):
    """An input that cannot be read, with the reason as a person should see it."""


def vetted(data: bytes) -> bytes:
    """Vet the bytes of an XML file and return it in UTF-8, without a declaration of another encoding.

    Document type declarations are refused, and with them every entity of the file's own.

    Raises:
        UnreadableError: it is empty, too large, not well-formed, or HTML.
    """
    if not data.strip(b"\x00\r\n\t "):
        raise UnreadableError("empty file" if not data else "nothing but blanks or NUL bytes")
    if len(data) > MAX_XML_BYTES:
        raise UnreadableError(f"larger than {MAX_XML_BYTES >> 20} MiB")
    data = _as_utf8(data)
    _vet(data)
    return data


def root_start(data: bytes) -> int:
    """Return where the root element begins, after the declaration, instructions and comments."""
    match = _BEFORE_ROOT.match(data)
    return match.end() if match else 0


def attributes_of(tag: str) -> dict[str, str]:
    """Return the attributes of a start tag."""
    if "=" not in tag:
        return {}
    return {name: _unescape(double or single) for name, double, single in _ATTRIBUTE.findall(tag)}


def as_meant(text: str) -> str:
    """Replace control characters by what is meant by them."""
    return text.translate(CONTROLS_AS_MEANT) if _CONTROLS_OR_DELETE.search(text) else text


def _unescape(text: str) -> str:
    if "&" in text:
        text = _CHARACTER.sub(lambda match: chr(int(match[1], 16) if match[1] else int(match[2])), text)
        for entity, char in _PREDEFINED:
            text = text.replace(entity, char)
    return as_meant(text)


def read_tree(data: bytes) -> Element:
    """Read a small descriptive file (``.doc.xml``) into a tree.

    Raises:
        UnreadableError: as in :func:`vetted`.
    """
    return fromstring(as_meant(vetted(data).decode()))


def _as_utf8(data: bytes) -> bytes:
    """Return the file in UTF-8 without a declaration of another encoding.

    A declaration that is not true is refused: guessing would pass off wrong letters as law.
    """
    if data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise UnreadableError("unknown encoding: UTF-32")
    wide = next((encoding for mark, encoding in _WIDE if data.startswith(mark)), None)
    marked = data.startswith(b"\xef\xbb\xbf")
    encoding = wide or _declared(data[3:_DECLARATION_BYTES] if marked else data[:_DECLARATION_BYTES]) or "utf-8"
    if not wide and (encoding.startswith("utf-16") or (marked and encoding != "utf-8")):
        raise UnreadableError(f"mis-declared encoding: says {encoding.upper()}, but is not")
    if encoding == "utf-8" and not _DECLARED_OTHERWISE.match(data):
        return data  # expat will say whether it is
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
    if encoding != "utf-8" and not wide and not data.isascii():
        if _is_utf8(data):
            raise UnreadableError(f"mis-declared encoding: says {encoding.upper()}, but is UTF-8")
        if encoding.startswith("iso8859") and _CONTROLS.search(text):
            raise UnreadableError(f"mis-declared encoding: says {encoding.upper()}, but has letters beyond it")
    text = re.sub(r"^\s*<\?xml\s.*?\?>", "", text, count=1, flags=re.DOTALL)
    return text.encode("utf-8", "surrogatepass")


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
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as fault:
            raise UnreadableError(f"not valid UTF-8: {fault.reason} at byte {fault.start}") from error
        raise UnreadableError(f"not well-formed XML: {error}") from error


def _refuse_doctype(name: str, *_: object) -> None:
    if name.lower() == "html":
        raise UnreadableError("HTML, not FORMEX")
    raise UnreadableError("has a DOCTYPE, which no genuine FORMEX file has")
