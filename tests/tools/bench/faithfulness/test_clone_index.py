"""The index of a cloned repository names the documents that have a rendering and were not known before."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tools.bench.faithfulness import clone_index

ACT = """<CONS.ACT><FAM.COMP><BIB.DATA><BIB.INSTANCE.CONS><DATE ISO="20990105">5.1.2099</DATE></BIB.INSTANCE.CONS>
<DATE ISO="20990101">1</DATE></BIB.DATA></FAM.COMP><CONS.DOC><TITLE><TI><P>Regulation of <DATE ISO="20990102">2</DATE>
</P></TI></TITLE></CONS.DOC></CONS.ACT>"""
PARAGRAPH, NONE, PAGE = '<p class="norm">Rain is free.</p>', '<p class="norm"> </p>', "<p>A web site</p>"


def add(clone: Path, celex: str, rendering: str | None) -> None:
    version = clone / "works" / celex / "versions" / "2099-02-01--abcdef0123"
    (version / "en.fmx4").mkdir(parents=True)
    (version / "en.fmx4" / "CL2099.0001.xml").write_text(ACT, encoding="utf-8")
    (version / "en.fmx4" / "CL2099.0001.doc.xml").write_text("<DOC/>", encoding="utf-8")
    if rendering is not None:
        (version / "en.html").write_text(rendering, encoding="utf-8")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    add(tmp_path, "32099r0001", PARAGRAPH)
    add(tmp_path, "32099l0002", NONE)
    add(tmp_path, "32099r0003", PAGE)
    add(tmp_path, "32099r0004", None)
    add(tmp_path, "32099d0005", PARAGRAPH)
    return tmp_path


def test_a_row_says_what_the_document_is(clone: Path) -> None:
    row = next(clone_index.rows(clone, {"32099D0005", "32099L0002"}))
    assert (row["root"], row["language"], row["doc_type"]) == ("CONS.ACT", "en", "regulation")
    assert (row["celex"], row["date_cons"]) == ("02099R0001-20990201", "2099-02-01")
    assert (row["date_act"], row["date_title"], row["date_pub"]) == ("2099-01-01", "2099-01-02", "2099-01-05")
    assert (clone / row["formex"]).is_file()
    assert (clone / row["xhtml"]).is_file()


def test_only_renderings_count_and_those_without_text_are_named(clone: Path) -> None:
    found = {row["celex"][1:10]: row["xhtml_status"] for row in clone_index.rows(clone, {"32099D0005"})}
    assert found == {"2099R0001": "ok", "2099L0002": "header-only"}


def test_the_index_leaves_out_the_works_of_another(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = clone / "known.tsv"
    known.write_text("id\twork\nx\t32099R0001\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["clone_index", str(clone), "--known", str(known), "--every", "2"])
    assert clone_index.main() == 0
    assert capsys.readouterr().out.startswith("1 documents of 1 works")
    with (clone / "index.tsv").open(encoding="utf-8") as stream:
        assert [row["celex"] for row in csv.DictReader(stream, delimiter="\t")] == ["02099D0005-20990201"]
