from __future__ import annotations

from pathlib import Path

from preprocessing.corpus.registry import Registry
from tools.bench.registry_scale import ask, number, write


def test_it_measures_a_registry_of_so_many_acts(tmp_path: Path):
    path = tmp_path / "registry.parquet"
    figures = write(path, 200, ["en", "fr"]) | ask(path, 200)
    registry = Registry.load(path)
    assert len(registry) == 200 and {act.celex for act in registry} == {number(act, 200) for act in range(200)}
    assert all(set(act.titles) == {"en", "fr"} for act in registry)
    assert figures["file_mb"] > 0 and figures["has_article_microseconds"] > 0
