"""Archives: the layouts FORMEX comes in, and archives that are damaged or made to do harm."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from preprocessing.formex import workers, zips
from preprocessing.formex.inputs import Folder, list_inputs
from preprocessing.formex.parse import read_documents
from preprocessing.formex.xml import UnreadableError
from preprocessing.formex.zips import Archive
from tests.preprocessing.formex.archives import offset_of, patched, raw_names, zip64, zipped
from tests.preprocessing.formex.invented import act, annex, article, description, write
from tests.preprocessing.formex.test_bad_files import read

GOOD = act(article("1", "Good text."))
OTHER = act(article("1", "Other text."))
WORK = "0a1b2c3d-1111-2222-3333-44445555666{}"
TIFF = b"II*\x00" + os.urandom(1000)


def notice(work: str, celex: str) -> bytes:
    """What the metadata archive says of a work."""
    cdm = "http://publications.europa.eu/ontology/cdm#"
    return (
        f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:c="{cdm}">'
        f'<rdf:Description rdf:about="http://publications.europa.eu/resource/cellar/{work}">'
        f"<c:resource_legal_id_celex>{celex}</c:resource_legal_id_celex></rdf:Description></rdf:RDF>"
    ).encode()


def unnumbered(text: str) -> bytes:
    """An act that does not say its number."""
    return act(article("1", text), title="<TITLE><TI><P>On clouds</P></TI></TITLE>", bib="<LG.DOC>EN</LG.DOC>")


DUMP = {f"{WORK.format(n)}/fmx4/L_2099{n}EN.xml": unnumbered(f"Work {n}.") for n in range(3)}
METADATA = {f"{WORK.format(n)}/tree_non_inferred.rdf": notice(WORK.format(n), f"32099R000{n + 1}") for n in range(2)}


def unpack(folder: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("layout", ["given", "beside", "folder", "unpacked", "one folder", "beside unpacked"])
def test_documents_of_the_data_dump_get_the_number_that_its_metadata_archive_gives(tmp_path: Path, layout: str) -> None:
    dump, metadata = tmp_path / "LEG_EN_FMX_20990101_01_00.zip", tmp_path / "LEG_MTD_20990101_01_00.zip"
    if layout in ("given", "beside", "folder"):
        dump.write_bytes(zipped(DUMP))
        metadata.write_bytes(zipped(METADATA))
        paths = {"given": [metadata, dump], "beside": [dump], "folder": [tmp_path]}[layout]
    else:
        unpack(dump.with_suffix(""), DUMP)
        unpack(dump.with_suffix("") if layout == "one folder" else metadata.with_suffix(""), METADATA)
        paths = [dump.with_suffix("")] if layout != "unpacked" else [dump.with_suffix(""), metadata.with_suffix("")]
    documents, reasons = read(*paths)
    assert [document.celex for document in documents] == ["32099R0001", "32099R0002", None]
    assert not reasons


def test_a_notice_gives_its_number_to_one_document_only(tmp_path: Path) -> None:
    work = WORK.format(0)
    files = {f"{work}/fmx4/L_2099{n}EN.xml": unnumbered(f"Work {n}.") for n in range(2)}
    unpack(tmp_path, {**files, f"{work}/tree_non_inferred.rdf": notice(work, "32099R0001")})
    first, second = read(tmp_path)[0]
    assert (first.celex, second.celex) == ("32099R0001", None)
    assert any("notice speaks of another document" in warning for warning in second.warnings)


def test_a_damaged_notice_leaves_the_document_with_a_warning(tmp_path: Path) -> None:
    bombs = b"<!DOCTYPE a [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>"
    bad = {f"{WORK.format(0)}/tree_non_inferred.rdf": b"<rdf", f"{WORK.format(1)}/tree_non_inferred.rdf": bombs}
    (tmp_path / "LEG_EN_FMX_20990101_01_00.zip").write_bytes(zipped(DUMP))
    (tmp_path / "LEG_MTD_20990101_01_00.zip").write_bytes(zipped(bad))
    documents, _ = read(tmp_path)
    assert len(documents) == 3
    assert [any("unreadable notice" in warning for warning in document.warnings) for document in documents] == [
        True,
        True,
        False,
    ]


def test_a_dump_is_listed_once_and_its_members_are_found_by_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(DUMP))
    listing = list_inputs([tmp_path / "a.zip"])
    folder = listing.items[0]
    assert isinstance(folder, Folder)
    with (tmp_path / "a.zip").open("r+b") as stream:  # without its directory no one can list it any more
        stream.seek(-22, os.SEEK_END)
        stream.write(b"\x00" * 22)
    (found,) = workers.FolderReader().read(folder)
    assert isinstance(found, workers.Found) and "Work 0." in found.document.text


def test_a_year_of_the_official_journal_is_archives_in_an_archive(tmp_path: Path) -> None:
    issue = {
        "L_2099119EN.01000101.doc.xml": description("L_2099119EN.01000101.xml", "L_2099119EN.01000901.xml"),
        "L_2099119EN.01000101.xml": GOOD,
        "L_2099119EN.01000901.xml": annex("Annexed."),
        "L_2099119EN.toc.xml": b"<PUBLICATION/>",
        "L_2099119EN.01000901.tif": TIFF,
    }
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        year = {"JOLFMX_2099_119_1_EN.zip": zipped(issue), "JOLFMX_2099_120_1_EN.ZIP": zipped({"x.xml": OTHER})}
        path = tmp_path / "JOx_FMX_EN_2099.ZIP"
        path.write_bytes(zipped(year, method))
        documents, reasons = read(path)
        assert [document.source for document in documents] == [
            f"{path}!/JOLFMX_2099_119_1_EN.zip!/L_2099119EN.01000101.xml",
            f"{path}!/JOLFMX_2099_120_1_EN.ZIP!/x.xml",
        ]
        assert documents[0].annexes[0].text == "Annexed." and not reasons


def test_a_download_of_one_act_is_read_whatever_its_name(tmp_path: Path) -> None:
    names = ["L_2099001EN.01000101.xml", "L_2099001EN.01000201.xml"]
    members = {"DOC_1.xml": description(*names), "DOC_2.xml": GOOD, "DOC_3.xml": annex("Annexed."), "DOC_4.tif": TIFF}
    for name in ("32099R0123", "download.zip"):
        (tmp_path / name).write_bytes(zipped(members))
        (document,), _ = read(tmp_path / name)
        assert document.celex == "32099R0123" and len(document.annexes) == 1


def test_images_are_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"a.tif": TIFF * 50, "b.xml": GOOD}, zipfile.ZIP_STORED))
    read_at: list[tuple[int, int]] = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, at: (read_at.append((at, size)), pread(fd, size, at))[1])
    documents, reasons = read(tmp_path)
    assert len(documents) == 1 and not reasons
    assert min(at for at, size in read_at if size < 50_000) > len(TIFF) * 50  # of the archive's end, more is read


def test_a_large_flat_folder_is_read_by_issue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preprocessing.formex.inputs._MAX_TOGETHER", 5)
    for issue in ("L_2099001EN", "L_2099002EN"):
        for page in (1, 2):
            stem = f"{issue}.0100{page:02d}01"
            write(tmp_path, **{f"{stem}__xml": act(article("1", f"{stem}."))})
        (tmp_path / f"{issue}.01000101.doc.xml").write_bytes(description(f"{issue}.01000101.xml"))
    assert len(list_inputs([tmp_path]).items) == 2
    assert [document.celex for document in read(tmp_path)[0]].count("32099R0123") == 4


def test_zip64_archives_and_members_with_descriptors_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip64({"a.xml": GOOD}))
    (tmp_path / "b.zip").write_bytes(raw_names({b"b.xml": OTHER}))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, archive.open("c.xml", "w", force_zip64=True) as member:
        member.write(act(article("1", "Third text.")))
    (tmp_path / "c.zip").write_bytes(b"#!/bin/sh\nunpacks itself\n" + stream.getvalue() + b"")
    documents, reasons = read(tmp_path)
    assert len(documents) == 3 and not reasons


DAMAGED = {
    "bit.xml": "damaged archive member",
    "bzip2.xml": "packed by bzip2: not supported",
    "crc.xml": "damaged archive member: its checksum or size is wrong",
    "cut.xml": "damaged archive member",
    "deflate64.xml": "packed by deflate64: not supported",
    "far.xml": "damaged archive member: its header is not where the directory says",
    "grows.xml": "damaged archive member: its checksum or size is wrong",
    "huge.xml": "larger than 64 MiB",
    "secret.xml": "encrypted archive member",
    "shrinks.xml": "damaged archive member: its checksum or size is wrong",
}


@pytest.mark.parametrize("nested", [False, True], ids=["zip", "zip in a zip"])
def test_damaged_and_strange_members_are_refused_by_name_and_the_others_are_read(tmp_path: Path, nested: bool) -> None:
    archive = zipped({name: act(article("1", f"{name} {os.urandom(500).hex()}")) for name in [*DAMAGED, "good.xml"]})
    size = zipfile.ZipFile(io.BytesIO(archive)).getinfo("grows.xml").file_size
    archive = patched(archive, "bzip2.xml", method=12)
    archive = patched(archive, "crc.xml", crc=1)
    archive = patched(archive, "cut.xml", packed=100)
    archive = patched(archive, "deflate64.xml", method=9)
    archive = patched(archive, "far.xml", offset=1 << 30)
    archive = patched(archive, "grows.xml", size=size - 10)
    archive = patched(archive, "huge.xml", size=(64 << 20) + 1)
    archive = patched(archive, "secret.xml", flags=1)
    archive = patched(archive, "shrinks.xml", size=size + 1000)
    at = offset_of(archive, "bit.xml") + 60
    archive = archive[:at] + b"\xff\xff\xff\xff" + archive[at + 4 :]
    (tmp_path / "a.zip").write_bytes(zipped({"inner.zip": archive}) if nested else archive)
    documents, reasons = read(tmp_path)
    assert [Path(document.source).name for document in documents] == ["good.xml"]
    assert reasons.keys() == DAMAGED.keys()
    for name, reason in DAMAGED.items():
        assert reasons[name].startswith(reason), (name, reasons[name])


def test_names_that_lead_out_of_the_archive_are_refused(tmp_path: Path) -> None:
    unsafe = ["../x.xml", "a/../../x.xml", "/etc/x.xml", "..\\x.xml", "\\\\host\\x.xml", "C:\\x.xml", "C:x.xml"]
    archive = zipped(dict.fromkeys([*unsafe, "../y.zip", "a..b/..x.xml"], GOOD))
    (tmp_path / "a.zip").write_bytes(archive)
    outcomes = list(read_documents([tmp_path]))
    assert len(outcomes) == len(unsafe) + 2
    refused = [outcome for outcome in outcomes if getattr(outcome, "reason", "").startswith("unsafe name")]
    assert {outcome.source.partition("!/")[2] for outcome in refused} == {*unsafe, "../y.zip"}


def test_odd_member_names_are_read_and_a_name_used_twice_is_not(tmp_path: Path) -> None:
    names = [
        b"b\xe9.xml",
        b"new\nline.xml",
        "ünï.xml".encode(),
        b"x" * 4000 + b".xml",
        b"a!/b.xml",
        b"9" * 5000 + b".xml",
    ]
    texts = {name: act(article("1", f"Text {number}.")) for number, name in enumerate(names)}
    (tmp_path / "a.zip").write_bytes(raw_names(texts))
    twice = raw_names({b"same.xml": GOOD, b"sane.xml": OTHER}).replace(b"sane.xml", b"same.xml")
    (tmp_path / "b.zip").write_bytes(twice)
    documents, reasons = read(tmp_path)
    assert len(documents) == len(names) + 1
    assert reasons == {"same.xml": "name used twice: the archive has another member of this name"}
    assert all(document.source.encode() for document in documents)


BROKEN = {
    "empty.zip": b"",
    "text.zip": b"<html>503</html>",
    "cut.zip": zipped({"a.xml": GOOD})[:-30],
    "start.zip": zipped({"a.xml": GOOD})[200:],
    "directory.zip": zipped({"a.xml": GOOD}).replace(b"PK\x01\x02", b"PK\x01\x03"),
    "end64.zip": zip64({"a.xml": GOOD}).replace(b"PK\x06\x06", b"PK\x06\x00"),
    "parts.zip": zipped({"a.xml": GOOD})[:-18] + b"\x01" + zipped({"a.xml": GOOD})[-17:],
}


def test_broken_archives_are_refused_by_name(tmp_path: Path) -> None:
    for name, data in BROKEN.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "all.zip").write_bytes(zipped({f"in/{name}": data for name, data in BROKEN.items()}))
    write(tmp_path, good__xml=GOOD)
    outcomes = list(read_documents([tmp_path]))
    refused = {outcome.source.removeprefix(f"{tmp_path}/") for outcome in outcomes if hasattr(outcome, "reason")}
    assert refused == set(BROKEN) | {f"all.zip!/in/{name}" for name in BROKEN}
    assert len(outcomes) == len(refused) + 1


def test_what_holds_nothing_to_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "images.zip").write_bytes(zipped({"a.tif": TIFF, "inner.zip": zipped({"readme.txt": b"Read me."})}))
    (tmp_path / "none.zip").write_bytes(zipped({"a.tif": TIFF}))
    (tmp_path / "empty").mkdir()
    write(tmp_path / "in", good__xml=GOOD)
    documents, reasons = read(*sorted(tmp_path.iterdir()))
    assert len(documents) == 1
    assert reasons == dict.fromkeys(["empty", "inner.zip", "none.zip"], "nothing to read: no .xml or .zip file in it")


def test_bombs_are_refused_before_they_go_off(tmp_path: Path) -> None:
    zeros = zipped({"zeros.xml": b"<ACT>" + b" " * 20_000_000})
    shared = zipped({"one.xml": OTHER, "two.xml": GOOD})
    shared = patched(shared, "one.xml", offset=offset_of(shared, "two.xml"))
    inner = b"x" * 30_000_000
    for name, data in {"zeros": zeros, "shared": shared, "nested": zipped({"inner.zip": inner})}.items():
        (tmp_path / f"{name}.zip").write_bytes(data)
    write(tmp_path, good__xml=act(article("1", "Third text.")))
    documents, reasons = read(tmp_path)
    assert len(documents) == 1
    assert reasons == {
        "zeros.xml": "zip bomb: unpacks to more than 200 times its packed size",
        "one.xml": "zip bomb: its bytes are also another member's",
        "two.xml": "zip bomb: its bytes are also another member's",
        "inner.zip": "zip bomb: unpacks to more than 200 times its packed size",
    }


def test_archives_in_archives_have_a_limit_on_depth_size_and_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = zipped({"a.xml": OTHER})
    for depth in range(4):
        deep = zipped({f"{depth}.zip": deep})
    (tmp_path / "deep.zip").write_bytes(deep)
    many = zipped({f"{number}.xml": b"<ACT/>" for number in range(50)})
    (tmp_path / "many.zip").write_bytes(zipped({"inner.zip": many}))
    large = zipped({f"{n}.zip": zipped({f"{n}.xml": os.urandom(30_000).hex().encode()}) for n in range(4)})
    (tmp_path / "large.zip").write_bytes(zipped({"first.zip": large, "second.zip": zipped({"good.xml": GOOD})}))
    monkeypatch.setattr(workers, "MAX_NESTED_MEMBERS", 40)
    monkeypatch.setattr(workers, "MAX_NESTED_TOTAL_BYTES", 250_000)
    documents, reasons = read(tmp_path)
    assert [Path(document.source).name for document in documents] == ["good.xml"]
    assert reasons["0.zip"] == "nested too deep: more than 3 archives deep"
    assert reasons["inner.zip"] == "too many members: 50, the limit is 40"
    assert any(reason.startswith("zip bomb: unpacks to more than") for reason in reasons.values())


def test_an_archive_of_too_many_members_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({f"{number}.xml": b"" for number in range(11)}))
    with pytest.raises(UnreadableError, match="too many members: 11, the limit is 10"):
        Archive.open(str(tmp_path / "a.zip")).members(10)
    assert zips.MAX_MEMBERS > zips.MAX_NESTED_MEMBERS > 10_000
