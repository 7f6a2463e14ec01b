"""Archives of the data dump: checked and put in place."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from preprocessing.errors import RecipeError, UsageError
from preprocessing.formex.parse import parse_to_file
from tests.preprocessing.formex.archives import patched, zipped
from tests.preprocessing.formex.invented import act, article
from tests.tools.fetch.conftest import RULES
from tools.fetch.import_dump import import_dump

WORKS = ("0aaaaaaa-1111-11e9-9999-01aa75ed71a1", "0bbbbbbb-1111-11e9-9999-01aa75ed71a1")
NOTICE = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:cdm="http://publications.europa.eu/ontology/cdm#">
<rdf:Description rdf:about="http://publications.europa.eu/resource/cellar/{work}">
<cdm:resource_legal_id_celex>32099R0{number}</cdm:resource_legal_id_celex></rdf:Description></rdf:RDF>"""


def texts(*works: str) -> bytes:
    """An archive of texts."""
    xml = {f"{work}/fmx4/act.xml": act(article("1", f"{work} {RULES['EN'] * 3}"), bib="") for work in works}
    return zipped({**xml, f"{works[0]}/fmx4/page.tif": bytes(5000)})


def notices(*works: str) -> bytes:
    """An archive of metadata."""
    return zipped(
        {
            f"{work}/tree_non_inferred.rdf": NOTICE.format(work=work, number=100 + at).encode()
            for at, work in enumerate(works)
        }
    )


@pytest.fixture
def dump(tmp_path: Path) -> tuple[Path, Path]:
    """Texts of two works and the metadata of both."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    english, metadata = folder / "LEG_EN_FMX_20990101_01_00.zip", folder / "LEG_MTD_20990101_01_00.zip"
    english.write_bytes(texts(*WORKS))
    metadata.write_bytes(notices(*WORKS))
    return english, metadata


def test_the_archives_are_linked_and_read_from_there(dump: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = import_dump(dump, out)
    assert (summary.works, summary.with_notice) == (2, 2)
    assert [archive.how for archive in summary.archives] == ["linked", "linked"]
    assert all((out / path.name).samefile(path) for path in dump)
    outputs = json.loads((out / "manifest.json").read_text())["outputs"]
    assert outputs[dump[0].name]["bytes"] == dump[0].stat().st_size
    parse_to_file([out], tmp_path / "parsed.jsonl", 1)
    documents = [json.loads(line) for line in (tmp_path / "parsed.jsonl").read_text().splitlines()]
    assert [document["celex"] for document in documents] == ["32099R0100", "32099R0101"]


def test_on_another_file_system_they_are_copied(
    dump: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", elsewhere)
    summary = import_dump(dump, tmp_path / "out")
    assert [archive.how for archive in summary.archives] == ["copied", "copied"]
    assert all((tmp_path / "out" / path.name).read_bytes() == path.read_bytes() for path in dump)


def test_a_copy_that_came_out_wrong_is_not_left_there(
    dump: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(source: object, target: object, *_: object) -> None:
        target.write(b"PK")  # type: ignore[attr-defined]

    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links")))
    monkeypatch.setattr(shutil, "copyfileobj", wrong)
    with pytest.raises(RecipeError, match="came out different"):
        import_dump(dump, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.zip"))


def test_a_dry_run_checks_and_puts_nothing_in_place(dump: tuple[Path, Path], tmp_path: Path) -> None:
    summary = import_dump(dump, tmp_path / "out", dry_run=True)
    assert [archive.how for archive in summary.archives] == ["checked", "checked"]
    assert not (tmp_path / "out").exists()


def test_importing_again_changes_nothing(dump: tuple[Path, Path], tmp_path: Path) -> None:
    import_dump(dump, tmp_path / "out")
    before = (tmp_path / "out/manifest.json").read_bytes()
    again = import_dump([tmp_path / "out" / path.name for path in dump], tmp_path / "out")
    assert [archive.how for archive in again.archives] == ["was there", "was there"]
    assert (tmp_path / "out/manifest.json").read_bytes() == before


def test_another_archive_of_the_same_name_is_not_replaced(dump: tuple[Path, Path], tmp_path: Path) -> None:
    import_dump(dump, tmp_path / "out")
    other = tmp_path / "other" / dump[0].name
    other.parent.mkdir()
    other.write_bytes(texts(WORKS[0]))
    with pytest.raises(UsageError, match="another LEG_EN_FMX"):
        import_dump([other], tmp_path / "out")


def test_texts_alone_are_taken_and_what_lacks_is_said(dump: tuple[Path, Path], tmp_path: Path) -> None:
    assert "without notice 2" in import_dump(dump[:1], tmp_path / "out").text()


def test_metadata_of_other_works_is_refused(dump: tuple[Path, Path], tmp_path: Path) -> None:
    dump[1].write_bytes(notices("0ccccccc-1111-11e9-9999-01aa75ed71a1"))
    with pytest.raises(RecipeError, match="different works"):
        import_dump(dump, tmp_path / "out")


def test_a_damaged_member_is_named_and_nothing_put_in_place(dump: tuple[Path, Path], tmp_path: Path) -> None:
    dump[0].write_bytes(patched(dump[0].read_bytes(), f"{WORKS[1]}/fmx4/act.xml", crc=1))
    with pytest.raises(RecipeError, match=rf"1 members are damaged, as {WORKS[1]}/fmx4/act.xml.*download it again"):
        import_dump(dump, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_download_that_was_cut_off_is_told(dump: tuple[Path, Path], tmp_path: Path) -> None:
    dump[0].write_bytes(dump[0].read_bytes()[:-200])
    with pytest.raises(RecipeError, match=r"LEG_EN_FMX.*not a readable zip archive.*download it again"):
        import_dump(dump, tmp_path / "out")


def test_other_archives_and_paths_are_refused(dump: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "JOx_FMX_EN_2099.zip"
    other.write_bytes(zipped({"act.xml": act()}))
    with pytest.raises(UsageError, match="no archive of the data dump"):
        import_dump([other], tmp_path / "out")
    with pytest.raises(UsageError, match="no file"):
        import_dump([tmp_path / "nowhere.zip"], tmp_path / "out")
    with pytest.raises(UsageError, match="given 2 times"):
        import_dump([dump[0], dump[0]], tmp_path / "out")
