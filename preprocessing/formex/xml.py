"""Safe XML: one streaming parser for untrusted files, with no network, no DTD and no entities of the file's own.

Expat calls back for every tag instead of building a tree, so memory stays at the size of the text, nesting of any
depth is harmless, and reading keeps well above the third of lxml's parse-only rate that the data stage needs.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

#: Bytes of one XML file beyond which it is refused (the largest genuine one seen has 12 MB).
MAX_XML_BYTES = 256 * 1024 * 1024
# Expat collects text up to this many bytes before it calls back: one call for nearly every run of text.
_TEXT_BUFFER = 1 << 16


class UnreadableError(Exception):
    """An input that cannot be read, with the reason as a person should see it."""


def as_utf8(data: bytes) -> bytes:
    """Return UTF-16 data (by its byte order mark) as UTF-8, everything else unchanged.

    Raises:
        UnreadableError: it is not the UTF-16 that it says it is.
    """
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data
    try:
        text = data.decode("utf-16")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not valid UTF-16: {error.reason} at byte {error.start}") from error
    return re.sub(r"^<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL).encode("utf-8", "surrogatepass")


def new_parser() -> expat.XMLParserType:
    """Return a parser that refuses document type declarations, and with them every entity trick."""
    parser = expat.ParserCreate()
    parser.buffer_size = _TEXT_BUFFER
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def run_parser(parser: expat.XMLParserType, data: bytes) -> None:
    """Feed the whole file through ``parser``.

    Raises:
        UnreadableError: it is empty, too large, not XML, or not FORMEX-like XML.
    """
    if not data.strip(b"\x00\r\n\t "):
        raise UnreadableError("empty file" if not data else "nothing but blanks or NUL bytes")
    if len(data) > MAX_XML_BYTES:
        raise UnreadableError(f"larger than {MAX_XML_BYTES >> 20} MiB")
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        if b"<html" in data[:1000].lower():
            raise UnreadableError("HTML, not FORMEX") from error
        raise UnreadableError(f"not well-formed XML: {error}") from error


def read_tree(data: bytes) -> Element:
    """Read a small descriptive file (``.doc.xml``) into a tree.

    Raises:
        UnreadableError: as in :func:`run_parser`.
    """
    parser = new_parser()
    builder = TreeBuilder()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    run_parser(parser, as_utf8(data))
    return builder.close()


def _refuse_doctype(name: str, *_: object) -> None:
    if name.lower() == "html":
        raise UnreadableError("HTML, not FORMEX")
    raise UnreadableError("has a DOCTYPE, which no genuine FORMEX file has")
