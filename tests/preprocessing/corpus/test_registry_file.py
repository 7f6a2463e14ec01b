"""From the rows of documents to ``registry.parquet``: whatever the order and the number, and in little memory."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from preprocessing.celex import base_celex
from preprocessing.corpus import registry_file
from preprocessing.corpus.registry import Registry
from preprocessing.corpus.registry_file import write_registry
from preprocessing.corpus.registry_names import Named
from preprocessing.corpus.registry_rows import load_rows, registry_row, registry_rows
from preprocessing.document import Reference, arrow_schema
from preprocessing.files import write_json_lines

FIRST, SECOND, THIRD = "32098R0001", "32099L0002", "32099R0003"


def test_rows_of_the_documents_table_are_those_of_the_documents(make_document):
    import pyarrow as pa

    documents = [
        make_document(FIRST, references=[Reference(SECOND, "5", "x"), Reference(None, None, "y")]),
        make_document(base_celex=None),
        make_document(SECOND, "fr", title="Directive (UE) 2099/2 (directive boues)", document_type="directive"),
        make_document(THIRD, "de", articles=0),
    ]
    table = pa.Table.from_pylist([item.to_dict() for item in documents], arrow_schema())
    rows = [registry_row(item, "a.parquet", number) for number, item in enumerate(documents, 7)]
    assert registry_rows(table, "a.parquet", 7) == [row for row in rows if row]
    assert registry_rows(table.slice(2), "a.parquet", 9) == rows[2:]
    assert registry_rows(table.slice(4), "a.parquet", 11) == []


def test_rows_may_wait_as_json_lines(make_document, tmp_path: Path):
    documents = [make_document(FIRST, references=[Reference(SECOND, "5", "x")]), make_document(SECOND)]
    rows = [registry_row(item, "a.parquet", number) for number, item in enumerate(documents)]
    for number, row in enumerate(rows):
        write_json_lines(tmp_path / f"{number}.jsonl", [row])
    write_registry(load_rows([tmp_path / "0.jsonl", tmp_path / "1.jsonl"]), tmp_path / "one.parquet")
    write_registry(rows, tmp_path / "other.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()


def test_many_rows_go_by_way_of_the_disk_and_give_the_same_bytes(make_document, tmp_path: Path, monkeypatch):
    documents = [
        make_document(f"3{year}R{number:04d}", language, references=[Reference(FIRST, None, "x")])
        for language in ("en", "fr")
        for year in (2097, 2098, 2099)
        for number in range(1, 30)
    ]
    rows = [registry_row(item) for item in documents]
    random.Random(1).shuffle(rows)
    assert write_registry(rows, tmp_path / "memory.parquet") == 87
    monkeypatch.setattr(registry_file, "ROWS_IN_MEMORY", 10)
    monkeypatch.setattr(registry_file, "ROW_GROUP", 16)
    assert write_registry(iter(rows), tmp_path / "disk.parquet") == 87
    registries = [Registry.load(tmp_path / name) for name in ("memory.parquet", "disk.parquet")]
    seen = [
        [(act.celex, act.titles, act.texts, act.references, act.referenced_by) for act in one] for one in registries
    ]
    assert seen[0] == seen[1] and len(seen[0]) == 87
    assert [act.celex for act in registries[1]] == sorted(act.celex for act in registries[1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk.parquet", "memory.parquet"]


def test_an_error_on_the_way_leaves_the_old_registry(make_document, tmp_path: Path):
    path = tmp_path / "registry.parquet"
    write_registry([registry_row(make_document())], path)
    before = path.read_bytes()

    def rows():
        yield registry_row(make_document(SECOND))
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_registry(rows(), path)
    assert path.read_bytes() == before and [item.name for item in tmp_path.iterdir()] == [path.name]


def test_a_registry_may_be_empty(tmp_path: Path):
    assert write_registry([], tmp_path / "registry.parquet") == 0
    registry = Registry.load(tmp_path)
    assert len(registry) == 0 and list(registry) == [] and not registry.has_act(FIRST)
    assert registry.by_name("Sludge Regulation") == Named(None)


def test_references_are_counted_by_act_and_say_whether_the_corpus_holds_it(make_document):
    citing = [Reference(FIRST, "5", "x"), Reference(FIRST, "4", "x"), Reference(f"0{FIRST[1:]}-20980101", None, "x")]
    registry = Registry.from_rows(
        registry_row(item)
        for item in (
            make_document(FIRST, references=[Reference(FIRST, "1", "itself"), Reference("31958R0001", None, "x")]),
            make_document(SECOND, references=citing),
            make_document(SECOND, "fr", references=citing),
            make_document(THIRD, references=citing[:1]),
        )
    )
    first, second = registry.act(FIRST), registry.act(SECOND)
    assert first is not None and second is not None
    assert first.referenced_by == 2 and second.referenced_by == 0
    assert first.references == [("31958R0001", None, False)]
    assert second.references == [(FIRST, None, True), (FIRST, "4", True), (FIRST, "5", True)]


def defining(make_document, celex: str, name: str, meant: str):
    """The row of a document, perhaps a consolidated one, that calls the act ``meant`` by a name."""
    number = f"Regulation (EU) {meant[1:5]}/{int(meant[6:])}"
    more = {"base_celex": base_celex(celex), "consolidated": celex.startswith("0")}
    return registry_row(make_document(celex, text=f"under {number} (the ‘{name}’)", **more))


def test_a_name_that_others_define_counts_once_an_act(make_document):
    rows = [registry_row(make_document(celex)) for celex in (FIRST, THIRD)]
    rows += [defining(make_document, f"32099R01{number:02d}", "Sludge Regulation", FIRST) for number in range(3)]
    rows += [defining(make_document, "32099R0200", "Sludge Regulation", THIRD)]
    assert Registry.from_rows(rows).by_name("the sludge regulation").celex == FIRST
    # a second version of the same act does not make it more sure, a second act does
    rows += [defining(make_document, "02099R0200-20990601", "Sludge Regulation", THIRD)]
    assert Registry.from_rows(rows).by_name("Sludge Regulation").celex == FIRST
    rows += [defining(make_document, "32099R0201", "Sludge Regulation", THIRD)]
    named = Registry.from_rows(rows).by_name("Sludge Regulation")
    assert named.celex is None and set(named.candidates) == {FIRST, THIRD}


def test_a_name_mostly_used_for_an_act_elsewhere_is_not_that_of_one_here(make_document):
    rows = [registry_row(make_document(FIRST)), defining(make_document, SECOND, "Sludge Regulation", FIRST)]
    assert Registry.from_rows(rows).by_name("Sludge Regulation").celex == FIRST
    rows += [defining(make_document, THIRD, "Sludge Regulation", "32090R0009")]
    assert Registry.from_rows(rows).by_name("Sludge Regulation") == Named(None, (FIRST,), frozenset({"en"}))


def test_the_title_is_surer_than_what_others_say_and_initials_come_last(make_document):
    title = "Regulation (EU) 2098/1 on sludge (General Sludge Disposal Regulation)"
    rows = [
        registry_row(make_document(FIRST, title=title)),
        registry_row(make_document(THIRD)),
        defining(make_document, SECOND, "General Sludge Disposal Regulation", THIRD),
        defining(make_document, SECOND, "GSDR", THIRD),
    ]
    registry = Registry.from_rows(rows)
    assert registry.by_name("General Sludge Disposal Regulation").celex == FIRST
    assert registry.by_name("GSDR").celex == THIRD
    assert Registry.from_rows(rows[:1]).by_name("gsdr").celex == FIRST
    assert registry.names.similar("General Sludge Disposal Regulations") == ["General Sludge Disposal Regulation"]


def test_names_of_the_table_are_known_without_the_act(make_document):
    registry = Registry.from_rows([registry_row(make_document())])
    named = registry.by_name("DS-GVO")
    assert (named.celex, named.languages) == ("32016R0679", frozenset({"de"}))


def test_rows_are_small(make_document):
    document = make_document(articles=200)
    assert len(json.dumps(registry_row(document, "shard-00001-of-00032.parquet", 1))) < 3_000 < len(document.text)
