from __future__ import annotations

from smoothbit.report.sections import SECTIONS
from smoothbit.report.sources import Results, read_results


def sections(kind: str, folder):
    return SECTIONS.resolve(kind)(read_results(folder))


def test_compare_of_run_folders(grid_dir):
    (section,) = sections("compare", grid_dir)
    assert section.charts[0].categories == ("FP32", "INT2")
    assert section.environment == {"versions": {"torch": "2.0"}}


def test_compare_takes_rows_of_any_columns():
    rows = [{"dataset": name, "bits": 2, "mean": 0.8, "std": 0.01, "list": [1]} for name in ("Cora", "Photo")]
    (section,) = SECTIONS.resolve("compare")(Results("x", {"grid.json": {"rows": rows}}))
    assert section.tables[0].columns == ("dataset", "bits", "mean", "std")
    assert section.tables[0].rows[0] == ("Cora", "2", "80.0 %", "1.0 %")
    assert [series.name for series in section.charts[0].series] == ["Cora", "Photo"]


def test_rows_without_accuracies_have_no_chart():
    (section,) = SECTIONS.resolve("compare")(Results("x", {"other.json": {"rows": [{"a": 1}]}}))
    assert section.charts == section.tiles == ()
