"""Reading many files: what is tied together, what is refused and why, and that the run goes on."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from preprocessing.document import LegalDocument
from preprocessing.errors import RecipeError, UsageError
from preprocessing.formex.inputs import Rejected
from preprocessing.formex.parse import Nobody, parse_to_file, read_documents
from tests.preprocessing.formex.invented import DECLARATION, NUMBER, act, annex, article, description, write

GOOD = act(article("1", "Good text."))
LINKED = f'<DOCUMENT.REF FILE="issue.doc.xml"/>{NUMBER}'


def read(*paths: Path, workers: int = 1) -> tuple[list[LegalDocument], dict[str, str]]:
    """Documents, and reasons by file name."""
    outcomes = list(read_documents(paths, workers))
    reasons = {Path(outcome.source).name: outcome.reason for outcome in outcomes if isinstance(outcome, Rejected)}
    return [outcome for outcome in outcomes if isinstance(outcome, LegalDocument)], reasons


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


def test_a_description_ties_annexes_to_their_act_in_its_order(tmp_path: Path) -> None:
    write(tmp_path, a__xml=GOOD, c__xml=annex("First."), b__xml=annex("Second."))
    write(tmp_path, x__doc__xml=description("a.xml", "c.xml", "b.xml", "gone.xml"), x__toc__xml=b"<PUBLICATION/>")
    (document,), reasons = read(tmp_path)
    assert [part.text for part in document.annexes] == ["First.", "Second."]
    assert document.source == str(tmp_path / "a.xml")
    assert document.warnings == ["missing annex: gone.xml is named but not there"]
    assert not reasons


def test_numbered_downloads_are_tied_by_their_position(tmp_path: Path) -> None:
    files = {f"DOC_{number}__xml": annex(f"Annex {number}.") for number in range(3, 12)}
    names = [f"L_2099.{number:02d}.xml" for number in range(2, 12)]
    write(tmp_path, DOC_1__xml=description(*names), DOC_2__xml=GOOD, **files)
    (document,), _ = read(tmp_path)
    assert document.celex == "32099R0123"
    assert [part.text for part in document.annexes] == [f"Annex {number}." for number in range(3, 12)]


def test_without_a_description_files_that_refer_to_the_same_one_belong_together(tmp_path: Path) -> None:
    write(tmp_path, a__xml=act(article("1", "Text."), bib=LINKED), b__xml=annex("Linked.", "issue.doc.xml"))
    write(tmp_path, c__xml=annex("Alone.", "other.doc.xml"))
    first, second = read(tmp_path)[0]
    assert [part.text for part in first.annexes] == ["Linked."]
    assert (second.document_type, second.text) == ("annex", "ANNEX\nAlone.")


@pytest.mark.parametrize("name", ["a.xml", "x.doc.xml"])
def test_one_file_of_a_document_is_enough_to_read_it(tmp_path: Path, name: str) -> None:
    write(tmp_path, a__xml=GOOD, a__1__xml=annex("More."), x__doc__xml=description("a.xml", "a.1.xml"))
    (tmp_path / "a.doc.xml").write_bytes((tmp_path / "x.doc.xml").read_bytes())
    if name == "x.doc.xml":
        (tmp_path / "a.doc.xml").unlink()
    (document,), _ = read(tmp_path / name)
    assert document.celex == "32099R0123"
    assert name != "a.xml" or len(document.annexes) == 1


class Watching(Nobody):
    size = read = documents = 0

    def start(self, size: int, done: int) -> None:
        self.size, self.read = size, done

    def step(self, size: int, documents: int) -> None:
        self.read += size
        self.documents = documents


# what each kind of bad file is refused for stands in test_bad_files.py
BAD = {
    "empty.xml": (b"", "empty file"),
    "x.doc.xml": (description("missing.xml"), "described file missing: missing.xml"),
    "list.xml": (b"<PUBLICATION/>", "describes documents"),
}


def test_every_bad_file_is_refused_with_its_reason_and_the_others_are_read(tmp_path: Path) -> None:
    for name, (data, _) in BAD.items():
        (tmp_path / name).write_bytes(data)
    write(tmp_path, good__xml=GOOD, image__tif=b"II*", notes__txt=b"no XML")
    documents, reasons = read(tmp_path)
    assert [Path(document.source).name for document in documents] == ["good.xml"]
    assert reasons.keys() == BAD.keys()
    for name, (_, reason) in BAD.items():
        assert reasons[name].startswith(reason), (name, reasons[name])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = GOOD.decode().replace("Good", "Größe").replace("UTF-8", "UTF-16" if "16" in encoding else "UTF-8")
    bom = b"\xff\xfe" if encoding == "utf-16-le" else b""
    (tmp_path / "a.xml").write_bytes(bom + text.encode(encoding))
    assert "Größe text." in read(tmp_path)[0][0].text


def test_a_folder_named_like_a_file_a_link_in_a_circle_and_a_pipe_do_no_harm(tmp_path: Path) -> None:
    write(tmp_path / "folder.xml", good__xml=GOOD)
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "self.xml").symlink_to(tmp_path / "self.xml")
    os.mkfifo(tmp_path / "pipe.xml")
    documents, reasons = read(tmp_path)
    assert len(documents) == 1
    assert reasons["pipe.xml"] == "not a regular file"
    assert reasons["self.xml"].startswith("cannot be read")


def test_an_unreadable_annex_leaves_the_act_and_an_unreadable_act_takes_its_annexes_along(tmp_path: Path) -> None:
    write(tmp_path / "a", act__xml=GOOD, annex__xml=b"<ANNEX>", x__doc__xml=description("act.xml", "annex.xml"))
    write(tmp_path / "b", act__xml=b"<ACT>", more__xml=annex("Lost."), x__doc__xml=description("act.xml", "more.xml"))
    (document,), reasons = read(tmp_path)
    assert document.warnings[0].startswith("unreadable annex: ")
    assert reasons["annex.xml"].startswith("not well-formed")
    assert reasons["act.xml"].startswith("not well-formed")
    assert reasons["more.xml"].startswith("its act is unreadable: ")


def test_archives_and_archives_in_them_are_read_in_memory(tmp_path: Path) -> None:
    inner = zipped(a__xml=act(article("1", "Inner text.")), a__doc__xml=description("a.xml"))
    data = zipped(**{"uuid/fmx4/b.xml": GOOD, "issues/i.zip": inner, "uuid/fmx4/x.tif": b"II*", "bad.zip": b"PK"})
    (tmp_path / "LEG_EN_FMX.zip").write_bytes(data)
    documents, reasons = read(tmp_path)
    path = tmp_path / "LEG_EN_FMX.zip"
    assert [document.source for document in documents] == [f"{path}!/uuid/fmx4/b.xml", f"{path}!/issues/i.zip!/a.xml"]
    assert documents[1].celex == "32099R0123"
    assert reasons["bad.zip"].startswith("not a readable zip archive")
    assert len(list(tmp_path.iterdir())) == 1


def test_dangerous_and_damaged_members_are_refused_by_name(tmp_path: Path) -> None:
    data = bytearray(zipped(**{"../out.xml": GOOD, "damaged.xml": GOOD, "good.xml": GOOD}))
    at = data.index(b"damaged.xml") + len(b"damaged.xml") + 10
    data[at : at + 20] = b"\x00" * 20
    (tmp_path / "a.zip").write_bytes(data)
    (tmp_path / "cut.zip").write_bytes(zipped(a__xml=GOOD)[:-30])
    documents, reasons = read(tmp_path)
    assert [Path(document.source).name for document in documents] == ["good.xml"]
    assert reasons["out.xml"] == "unsafe name: it leads out of the archive"
    assert reasons["damaged.xml"].startswith("damaged archive member")
    assert reasons["cut.zip"].startswith("not a readable zip archive")


def test_encrypted_members_are_refused_by_name(tmp_path: Path) -> None:
    data = bytearray(zipped(secret__xml=GOOD))
    data[6] |= 1  # the flag in the member's own header and in the archive's directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(RecipeError, match="encrypted archive member"):
        list(read_documents([tmp_path]))


def test_paths_that_overlap_give_each_document_once(tmp_path: Path) -> None:
    write(tmp_path / "in", good__xml=GOOD)
    documents, _ = read(tmp_path, tmp_path / "in", tmp_path / "in" / "good.xml")
    assert len(documents) == 1


def test_the_output_is_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    for number in range(150):
        text = f"Text {number}." if number % 10 else "<P>"
        write(tmp_path / "in" / f"{number % 7}", **{f"{number}__xml": act(article("1", text))})
    one = parse_to_file([tmp_path / "in"], tmp_path / "one.jsonl", workers=1)
    three = parse_to_file([tmp_path / "in"], tmp_path / "three.jsonl", workers=3)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "three.jsonl").read_bytes()
    assert (tmp_path / "one.rejected.jsonl").read_bytes() == (tmp_path / "three.rejected.jsonl").read_bytes()
    assert (one.documents, one.rejected) == (three.documents, three.rejected) == (135, 15)


def test_json_lines_hold_whole_documents_and_the_summary_counts_them(tmp_path: Path) -> None:
    write(tmp_path / "in", good__xml=GOOD, bad__xml=b"<ACT>", judged__xml=f"{DECLARATION}<ORDER/>".encode())
    watcher = Watching()
    summary = parse_to_file([tmp_path / "in"], tmp_path / "out.jsonl", watcher=watcher)
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [LegalDocument.from_dict(json.loads(line)) for line in lines]
    assert documents == read(tmp_path / "in")[0]
    assert json.loads((tmp_path / "out.rejected.jsonl").read_text())["source"] == str(tmp_path / "in" / "bad.xml")
    assert summary.to_dict()["by_type"] == {"regulation": 1, "order": 1}
    assert summary.to_dict()["warnings"] == {"no text": 1, "no CELEX number": 1}
    assert watcher.size == watcher.read == summary.bytes_read
    assert summary.bytes_read == sum(path.stat().st_size for path in (tmp_path / "in").iterdir())
    assert "2 documents" in summary.text() and "with CELEX   50.0%" in summary.text()


def test_where_nothing_is_readable_the_reasons_stay_and_no_output_appears(tmp_path: Path) -> None:
    write(tmp_path / "in", bad__xml=b"<ACT>")
    with pytest.raises(RecipeError, match=r"no FORMEX document could be read.*bad\.xml: not well-formed"):
        parse_to_file([tmp_path / "in"], tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    assert "bad.xml" in (tmp_path / "out.rejected.jsonl").read_text()


def test_an_empty_folder_and_a_missing_path_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match=r"empty.*no \.xml or \.zip file"):
        list(read_documents([tmp_path / "empty"]))
    with pytest.raises(UsageError, match="missing"):
        read_documents([tmp_path / "missing"])
    with pytest.raises(UsageError):
        read_documents([tmp_path], workers=0)
