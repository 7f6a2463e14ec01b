from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.corpus.registry import Registry
from preprocessing.corpus.registry_file import write_registry
from preprocessing.corpus.registry_rows import registry_row
from preprocessing.document import Article
from preprocessing.errors import UsageError


@pytest.fixture
def registry(tmp_path: Path, make_document) -> Registry:
    version = {"base_celex": "32099R0001", "consolidated": True, "title": "Consolidated"}
    later = make_document("02099R0001-20990701", consolidation_date="2099-07-01", **version)
    later.articles = [Article(number, "", [], "x", []) for number in ("1", "2a", "12 bis")]
    documents = [
        make_document("02099R0001-20990601", consolidation_date="2099-06-01", **version),
        make_document("32099R0001R(01)", base_celex="32099R0001", document_type="corrigendum", articles=9),
        make_document(),
        make_document(language="fr", title="Règlement", articles=0),
        later,
        make_document("32099L0002", document_type="directive", date=None, articles=0),
        make_document(base_celex=None),
    ]
    write_registry(map(registry_row, documents), tmp_path / "registry.parquet")
    return Registry.load(tmp_path)


def test_the_act_itself_describes_it_whatever_came_first(registry: Registry):
    act = registry.act("32099R0001")
    assert act is not None
    assert (act.document_type, act.date) == ("regulation", "2099-05-01")
    assert act.titles == {"en": "Regulation 32099R0001", "fr": "Règlement"}


def test_articles_are_those_of_the_newest_version_beside_those_of_others_not_of_corrigenda(registry: Registry):
    act = registry.act("32099R0001")
    assert act is not None and act.articles == ["1", "2a", "12bis"] and act.other_articles == ["2", "3"]
    assert registry.has_article("32099R0001", "3") and not registry.has_article("32099R0001", "9")


def test_versions_and_corrigenda_are_looked_up_as_their_act(registry: Registry):
    assert len(registry) == 2
    for celex in ("32099R0001", "02099R0001-20990601", "32099R0001R(01)", "32099L0002"):
        assert registry.has_act(celex), celex
    for celex in ("32099R0009", "not a number", ""):
        assert not registry.has_act(celex), celex


def test_article_numbers_compare_without_case_or_spaces(registry: Registry):
    assert registry.has_article("32099R0001", "2A") and registry.has_article("02099R0001-20990601", "12bis")
    assert not registry.has_article("32099R0001", "4") and not registry.has_article("32099R0009", "1")


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="does not exist"):
        Registry.load(tmp_path)
    (tmp_path / "registry.parquet").write_bytes(b"something else")
    with pytest.raises(UsageError, match="not a registry"):
        Registry.load(tmp_path / "registry.parquet")


@pytest.mark.parametrize("cut", [8, 40, 400])
def test_a_cut_off_registry_is_refused(registry: Registry, tmp_path: Path, cut: int):
    whole = (tmp_path / "registry.parquet").read_bytes()
    (tmp_path / "registry.parquet").write_bytes(whole[:-cut])
    with pytest.raises(UsageError, match="not a registry"):
        Registry.load(tmp_path)


def test_a_damaged_registry_is_refused(registry: Registry, tmp_path: Path):
    damaged = bytearray((tmp_path / "registry.parquet").read_bytes())
    damaged[4:200] = bytes(196)
    (tmp_path / "registry.parquet").write_bytes(damaged)
    with pytest.raises(UsageError, match="not a registry"):
        Registry.load(tmp_path)


def test_a_registry_of_other_columns_is_refused_by_name(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"celex": ["32099R0001"]}), tmp_path / "registry.parquet")
    with pytest.raises(UsageError, match="no column document_type"):
        Registry.load(tmp_path)
