"""The readers ours is compared with: which files make a document, and that a failure is counted, not fatal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tools.bench.faithfulness import itertext_baseline
from tools.bench.faithfulness.records import Record, documents, run

ACT = (
    "<ACT><BIB.INSTANCE><LG.DOC>EN</LG.DOC></BIB.INSTANCE><TITLE><TI><P>Regulation on lamps</P></TI></TITLE>"
    "<ENACTING.TERMS><ARTICLE><TI.ART>Article 1</TI.ART><ALINEA>Lamps<?PAGE 1?> are <HT>lit</HT>.</ALINEA></ARTICLE>"
    "</ENACTING.TERMS></ACT>"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    act = tmp_path / "act"
    act.mkdir()
    (act / "a_10.xml").write_text("<ANNEX><TITLE>Annex II</TITLE><P>two</P></ANNEX>")
    (act / "a_2.xml").write_text("<ANNEX><TITLE>Annex I</TITLE><P>one</P></ANNEX>")
    (act / "b.xml").write_text(ACT)
    (act / "b.doc.xml").write_text("<DOC></DOC>")
    return tmp_path


def test_a_folder_is_one_document_its_act_first_its_annexes_in_natural_order(folder: Path) -> None:
    assert [[path.name for path in files] for files in documents(folder)] == [["b.xml", "a_2.xml", "a_10.xml"]]


def test_the_plain_reader_breaks_lines_at_blocks_and_leaves_descriptions_out(folder: Path) -> None:
    (files,) = documents(folder)
    record = itertext_baseline.read(files)
    assert record["text"].split("\n")[:3] == ["Regulation on lamps", "Article 1", "Lamps are lit."]
    assert record["articles"][0]["number"] == "Article 1"
    assert [annex["heading"] for annex in record["annexes"]] == ["Annex I", "Annex II"]
    assert record["language"] == "en"


def test_a_document_on_which_a_reader_fails_is_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad").mkdir()
    (folder / "bad" / "c.xml").write_text("<ACT>")

    def reader(files: list[Path]) -> Record:
        if files[0].name == "c.xml":
            raise ValueError("broken")
        return {"text": " "}

    out = folder / "out.jsonl"
    monkeypatch.setattr(sys, "argv", ["baseline", str(folder), "--output", str(out)])
    assert run(reader, "some reader") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["documents"], summary["without_text"], summary["failed"]) == (1, 1, 1)
    assert [Path(json.loads(line)["source"]).name for line in out.read_text().splitlines()] == ["b.xml"]
