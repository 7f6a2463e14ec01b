"""The comparison table: what misses its target is marked and named, and low documents need a written reason."""

from __future__ import annotations

from typing import Any

from tools.bench.faithfulness.table import TARGETS, low_documents, shortfalls, table


def report(word_recall: float = 1.0, **documents: tuple[float, float]) -> dict[str, Any]:
    overall: dict[str, Any] = {measure: {"mean": 1.0} for measure in TARGETS}
    overall["word_recall"] = {"mean": word_recall}
    overall["missing"] = 0
    measures = {name: {"word_recall": r, "word_precision": p} for name, (r, p) in documents.items()}
    return {"overall": overall, "judge_errors": {}, "documents": measures}


def test_the_table_has_a_column_a_reader_and_marks_what_misses_its_target() -> None:
    lines = table({"ours": report(), "plain": report(word_recall=0.9)}).split("\n")
    assert lines[0] == "| Measure | Target | ours | plain |"
    assert "| word_recall | 0.9995 | 1.0000 | **0.9000** |" in lines
    assert lines[-1] == "| documents missing | 0 | 0 | 0 |"


def test_a_report_that_reaches_everything_falls_short_of_nothing() -> None:
    assert shortfalls(report(good=(0.99, 0.98)), reasons="") == []


def test_a_missed_target_is_named_with_its_value() -> None:
    assert shortfalls(report(word_recall=0.9), reasons="") == ["word_recall is 0.9, the target is 0.9995"]


def test_a_measure_that_applied_to_no_document_is_a_missed_target() -> None:
    partial = report()
    del partial["overall"]["celex"]
    assert shortfalls(partial, reasons="") == ["celex is None, the target is 0.997"]


def test_missing_documents_and_failures_of_the_judge_fall_short() -> None:
    failed = report()
    failed["overall"]["missing"] = 2
    failed["judge_errors"] = {"x": "broken"}
    assert shortfalls(failed, reasons="") == ["2 documents are missing", "the judge failed on 1 documents"]


def test_a_low_document_needs_a_reason() -> None:
    low = report(act_a=(0.96, 1.0), act_b=(1.0, 0.5), act_c=(0.98, 0.98))
    assert list(low_documents(low)) == ["act_b", "act_a"]
    assert len(shortfalls(low, reasons="act_b is only a header")) == 1
    assert shortfalls(low, reasons="act_a and act_b") == []


def test_a_reason_may_be_for_a_document_in_all_its_languages() -> None:
    low = report(**{"32099R0001/2099-01-01/en/act.xml": (0.5, 1.0)})
    assert shortfalls(low, reasons="- `32099R0001/2099-01-01`: repealed") == []
    assert len(shortfalls(low, reasons="- `32099R0001/2100-01-01`: repealed")) == 1
