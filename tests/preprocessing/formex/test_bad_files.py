"""Bad files: each is refused with its reason, alone on disk, in an archive and in an archive inside one."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

import pytest

from preprocessing.document import LegalDocument
from preprocessing.errors import RecipeError
from preprocessing.formex.inputs import Rejected, list_inputs
from preprocessing.formex.parse import read_documents
from preprocessing.formex.workers import FolderReader, Found
from tests.preprocessing.formex.archives import zipped
from tests.preprocessing.formex.invented import DECLARATION, act, article, description, write

GOOD = act(article("1", "Good text."))
ACCENTED = act(article("1", "Größe — “déjà”."), bib="<LG.DOC>DE</LG.DOC>").decode()


def declared(encoding: str, written: str, bom: bytes = b"") -> bytes:
    """The act, declared as one encoding and written in another."""
    return bom + ACCENTED.replace("UTF-8", encoding).encode(written, "replace")


LAUGHS = "".join(f'<!ENTITY e{n} "{"&e" + str(n - 1) + ";" if n else "ha"}{"ha" * 50}">' for n in range(50))
LEVELS = 20_000
# What the file is: its bytes, and how the reason begins.
BAD = {
    "empty": (b"", "empty file"),
    "blank": (b" \r\n\t", "nothing but blanks or NUL bytes"),
    "NUL bytes alone": (b"\x00" * 100, "nothing but blanks or NUL bytes"),
    "NUL byte in the text": (GOOD.replace(b"Good", b"Go\x00d"), "not well-formed XML"),
    "NUL bytes at the end": (GOOD + b"\x00\x00", "not well-formed XML"),
    "binary": (bytes(range(256)) * 4, "not valid UTF-8"),
    "image": (b"II*\x00" + b"\x10\x20" * 50, "not well-formed XML"),
    "cut in a tag": (GOOD[:-20], "not well-formed XML"),
    "cut in the text": (GOOD[: GOOD.index(b"text.")], "not well-formed XML"),
    "cut in a character": (declared("UTF-8", "utf-8")[: ACCENTED.encode().index("ß".encode()) + 1], "not valid UTF-8"),
    "cut UTF-16": (ACCENTED.replace("UTF-8", "UTF-16").encode("utf-16")[:-5], "not valid UTF-16"),
    "UTF-8 that is Latin-1": (declared("UTF-8", "latin-1"), "not valid UTF-8"),
    "UTF-8 that is UTF-16": (declared("UTF-8", "utf-16-le", b"\xff\xfe"), "mis-declared encoding"),
    "Latin-1 that is UTF-8": (declared("ISO-8859-1", "utf-8"), "mis-declared encoding"),
    "Latin-1 that is Windows-1252": (declared("ISO-8859-1", "cp1252"), "mis-declared encoding"),
    "Windows-1252 that is UTF-8": (declared("windows-1252", "utf-8"), "mis-declared encoding"),
    "UTF-16 that is UTF-8": (declared("UTF-16", "utf-8"), "mis-declared encoding"),
    "UTF-16 that is Latin-1": (declared("UTF-16", "latin-1"), "mis-declared encoding"),
    "ASCII that is UTF-8": (declared("US-ASCII", "utf-8"), "mis-declared encoding"),
    "encoding of no name": (declared("klingon", "utf-8"), "unknown encoding"),
    "encoding that is a program's": (declared("unicode_escape", "utf-8"), "unknown encoding"),
    "encoding that is never valid": (declared("undefined", "utf-8"), "unknown encoding"),
    "UTF-32": (ACCENTED.encode("utf-32"), "unknown encoding"),
    "error page": (b"<!DOCTYPE html><html><body>Not found<br></body></html>", "HTML, not FORMEX"),
    "error page without a type": (b"<html><body>Not found<br></body></html>", "HTML, not FORMEX"),
    "error page that is XHTML": (b'<html xmlns="http://www.w3.org/1999/xhtml"><body/></html>', "HTML, not FORMEX"),
    "error page with a byte order mark": (b"\xef\xbb\xbf\r\n<!doctype HTML><html>", "HTML, not FORMEX"),
    "plain words": (b"503 Service Unavailable", "not well-formed XML"),
    "another format": (b"<rss/>", "not FORMEX: root element rss"),
    "list of documents": (b"<PUBLICATION/>", "describes documents"),
    "two roots": (b"<ACT/><ACT/>", "not well-formed XML"),
    "nesting": (f"<ACT>{'<P>' * LEVELS}x{'</P>' * LEVELS}</ACT>".encode(), "nested more than"),
    "nesting that never ends": (b"<ACT>" + b"<P>" * LEVELS, "not well-formed XML"),
    "attribute that never ends": (
        f'<ACT A="{random.Random(1).randbytes(10_000_000).hex()}'.encode(),
        "not well-formed XML",
    ),
    "laughs": (f"<!DOCTYPE ACT [{LAUGHS}]><ACT>&e49;</ACT>".encode(), "has a DOCTYPE"),
    "one long entity": (b'<!DOCTYPE ACT [<!ENTITY a "' + b"a" * 100_000 + b'">]><ACT>' + b"&a;" * 9, "has a DOCTYPE"),
    "laughs in UTF-16": ("<!DOCTYPE ACT [<!ENTITY a 'b'>]><ACT>&a;</ACT>".encode("utf-16"), "has a DOCTYPE"),
    "entity of a file": (b'<!DOCTYPE A [<!ENTITY x SYSTEM "file:///etc/hostname">]><ACT>&x;</ACT>', "has a DOCTYPE"),
    "entity of the network": (b'<!DOCTYPE A [<!ENTITY x SYSTEM "http://h.invalid/">]><ACT>&x;</ACT>', "has a DOCTYPE"),
    "parameter entity": (b'<!DOCTYPE A [<!ENTITY % x SYSTEM "http://h.invalid/"> %x;]><ACT/>', "has a DOCTYPE"),
    "type definition of the network": (b'<!DOCTYPE ACT SYSTEM "http://h.invalid/a.dtd"><ACT/>', "has a DOCTYPE"),
    "entity that no one defined": (b"<ACT>&x;</ACT>", "not well-formed XML"),
    "forbidden character": (b"<ACT>&#2;</ACT>", "not well-formed XML"),
    "half a character": (b"<ACT>&#xD800;</ACT>", "not well-formed XML"),
}


def read(*paths: Path) -> tuple[list[LegalDocument], dict[str, str]]:
    """Documents, and reasons by the name of what was rejected (without its folders)."""
    outcomes = list(read_documents(paths))
    reasons = {Path(outcome.source).name: outcome.reason for outcome in outcomes if isinstance(outcome, Rejected)}
    return [outcome for outcome in outcomes if isinstance(outcome, LegalDocument)], reasons


@pytest.fixture(scope="module", params=["folder", "zip", "zip in a zip"])
def reasons(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every bad file and a good one, read in one run."""
    folder = tmp_path_factory.mktemp("bad")
    files = {f"{name}.xml": data for name, (data, _) in BAD.items()} | {"good.xml": GOOD}
    if request.param == "folder":
        write(folder, **{name.replace(".", "__"): data for name, data in files.items()})
    else:
        inner = zipped(files)
        (folder / "a.zip").write_bytes(inner if request.param == "zip" else zipped({"inner/b.zip": inner}))
    documents, reasons = read(folder)
    assert [Path(document.source).name for document in documents] == ["good.xml"]
    assert len(list(folder.iterdir())) == (1 if request.param != "folder" else len(files))
    return reasons


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_its_reason(reasons: dict[str, str], name: str) -> None:
    assert reasons[f"{name}.xml"].startswith(BAD[name][1]), reasons[f"{name}.xml"]


@pytest.mark.parametrize(
    "data",
    [
        declared("UTF-8", "utf-8-sig"),
        declared("utf8", "utf-8"),
        declared("UTF-16", "utf-16"),
        declared("UTF-16", "utf-16-le", b"\xff\xfe"),
        declared("UTF-16", "utf-16-be", b"\xfe\xff"),
        declared("UTF-16", "utf-16-le"),
        declared("UTF-16", "utf-16-be"),
        declared("windows-1252", "cp1252"),
        ACCENTED.removeprefix(DECLARATION).encode(),
    ],
    ids=["UTF-8 with BOM", "utf8", "UTF-16", "UTF-16LE", "UTF-16BE", "UTF-16LE bare", "UTF-16BE bare", "1252", "none"],
)
def test_an_encoding_that_is_what_it_says_is_read(tmp_path: Path, data: bytes) -> None:
    (document,), _ = read(write(tmp_path, a__xml=data))
    assert "Größe — “déjà”." in document.text


def test_latin_letters_declared_as_such_are_read(tmp_path: Path) -> None:
    text = ACCENTED.replace("UTF-8", "ISO-8859-1").replace("—", "-").replace("“", '"').replace("”", '"')
    (document,), _ = read(write(tmp_path, a__xml=text.encode("latin-1")))
    assert 'Größe - "déjà".' in document.text


def test_attributes_of_twenty_megabytes_are_refused(tmp_path: Path) -> None:
    body = act(f'<P A="{"x" * 20_000_000}">Kept.</P>' + article("1", "Good text."))
    many = act("<P " + " ".join(f'A{n}="{n}"' for n in range(200_000)) + ">Kept.</P>" + article("1", "Other text."))
    documents, reasons = read(write(tmp_path, huge__xml=body, many__xml=many, good__xml=GOOD))
    assert len(documents) == 1
    assert reasons == dict.fromkeys(["huge.xml", "many.xml"], "a tag of more than 1,000,000 characters")


def test_what_points_elsewhere_is_never_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    (tmp_path / "secret.txt").write_text("SECRET")
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" parse="text" href="secret.txt"/>'
    sheet = '<?xml-stylesheet href="http://h.invalid/x.xsl"?><ACT xmlns:s="http://h.invalid/" s:schemaLocation="a b">'
    data = act(f"<P>{include}</P>{article('1', 'Good text.')}").replace(b"<ACT>", sheet.encode())
    (document,), _ = read(write(tmp_path, a__xml=data))
    assert "Good text." in document.text and "SECRET" not in document.text


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    write(tmp_path, good__xml=GOOD)
    with (tmp_path / "huge.xml").open("wb") as stream:
        stream.truncate(100 << 30)
    assert read(tmp_path)[1] == {"huge.xml": "larger than 64 MiB"}


def test_what_is_no_file_is_refused_and_nothing_hangs(tmp_path: Path) -> None:
    write(tmp_path / "folder.xml", good__xml=GOOD)
    write(tmp_path / "folder.zip", other__xml=act(article("1", "Other text.")))
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "self.xml").symlink_to(tmp_path / "self.xml")
    (tmp_path / "nowhere.xml").symlink_to(tmp_path / "gone")
    (tmp_path / "device.xml").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.xml")
    os.mkfifo(tmp_path / "pipe.zip")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.xml"))
        documents, reasons = read(tmp_path)
    assert len(documents) == 2
    assert reasons.pop("circle").startswith("given twice: the same as ")
    assert reasons.pop("self.xml").startswith("cannot be read: ")
    assert reasons.pop("nowhere.xml") == "cannot be read: No such file or directory"
    assert set(reasons) == {"device.xml", "pipe.xml", "pipe.zip", "socket.xml"}
    assert set(reasons.values()) == {"not a regular file"}


def test_a_pipe_given_by_name_is_refused(tmp_path: Path) -> None:
    for name in ("pipe.xml", "pipe.zip", "pipe"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(RecipeError, match="not a regular file"):
            list(read_documents([tmp_path / name]))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_files_and_folders_without_permission_are_refused(tmp_path: Path) -> None:
    write(tmp_path, secret__xml=GOOD, good__xml=GOOD)
    write(tmp_path / "closed", a__xml=GOOD)
    (tmp_path / "secret.xml").chmod(0)
    (tmp_path / "closed").chmod(0)
    try:
        reasons = read(tmp_path)[1]
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert reasons == dict.fromkeys(["secret.xml", "closed"], "cannot be read: Permission denied")


def test_a_file_that_goes_away_after_it_was_listed_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a", gone__xml=GOOD)
    write(tmp_path / "b", good__xml=GOOD)
    (tmp_path / "a.zip").write_bytes(zipped({"gone too.xml": GOOD}))
    listing = list_inputs([tmp_path])
    (tmp_path / "a" / "gone.xml").unlink()
    (tmp_path / "a.zip").unlink()
    found = [item for folder in listing.items for item in FolderReader().read(folder)]
    assert sum(isinstance(item, Rejected) and "No such file" in item.reason for item in found) == 2
    assert sum(isinstance(item, Found) for item in found) == 1


def test_odd_file_names_are_read_and_can_be_written_down(tmp_path: Path) -> None:
    names = [b"new\nline", b"b\xe9yte", "ünïcode ß 条".encode(), b"sp ace", b"a!", b"'\"", b"-x", b"%s{}", b"x" * 240]
    for number, name in enumerate(names):
        path = os.fsencode(tmp_path) + b"/" + name + b".xml"
        Path(os.fsdecode(path)).write_bytes(act(article("1", f"Text {number}.")))
    documents, reasons = read(tmp_path)
    assert len(documents) == len(names) and not reasons
    sources = [document.source for document in documents]
    assert "\\xe9" in "".join(sources)
    assert all(source.encode("utf-8") for source in sources)


def test_an_odd_name_given_by_itself_is_read(tmp_path: Path) -> None:
    for name in ("a!b.xml", "[x]*.xml", "no suffix", "ACT.XML", os.fsdecode(b"\xff.xml")):
        (tmp_path / name).write_bytes(GOOD)
        (document,), _ = read(tmp_path / name)
        assert "Good text." in document.text
        (tmp_path / name).unlink()


def test_a_description_cannot_name_a_file_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, secret__xml=GOOD)
    folder = write(tmp_path / "in", other__xml=act(article("1", "Other text.")))
    for number, name in enumerate(("../secret.xml", str(tmp_path / "secret.xml"), "x" * 5000, "a\nb", "")):
        write(folder, **{f"{number}__doc__xml": description(name or "?")})
    documents, reasons = read(folder)
    assert ["Other text." in document.text for document in documents] == [True]
    assert len(reasons) == 5 and all("described file missing" in reason for reason in reasons.values())
    with pytest.raises(RecipeError):
        read(folder / "0.doc.xml")


def test_the_same_document_twice_is_refused_and_another_text_of_it_is_marked(tmp_path: Path) -> None:
    write(tmp_path / "a", one__xml=GOOD)
    write(tmp_path / "b", two__xml=GOOD, three__xml=act(article("1", "Corrected text.")))
    (tmp_path / "c.zip").write_bytes(zipped({"x/four.xml": GOOD}))
    documents, reasons = read(tmp_path, tmp_path / "b", tmp_path / "a" / "one.xml", tmp_path / "c.zip")
    assert [Path(document.source).name for document in documents] == ["four.xml", "three.xml"]
    twice = f"same document twice: its files are those of {tmp_path / 'c.zip'}!/x/four.xml"
    assert reasons["one.xml"] == reasons["two.xml"] == twice
    assert reasons["b"].startswith("given twice") and reasons["c.zip"].startswith("given twice")
    assert documents[0].id == documents[1].id
    assert documents[0].warnings == []
    assert documents[1].warnings == [f"same id twice: another text of {documents[0].id} stands earlier in the output"]
