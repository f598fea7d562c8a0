from __future__ import annotations

import os

import pytest

from smoothbit.errors import ArgumentError, RunError, WriteError
from smoothbit.report import write_report
from smoothbit.report.sources import read_results
from smoothbit.report.writer import build_report
from tests.unit.report.compare_rows import depth, one_dataset
from tests.unit.report.conftest import write_json


def test_demo_writes_page_tables_and_figures(demo_dir):
    paths = write_report(demo_dir)
    assert [path.relative_to(demo_dir).as_posix() for path in paths] == [
        "report.html", "tables.md", "figures/accuracy-size.png", "figures/latency.png",
    ]  # fmt: skip
    assert all(path.stat().st_size > 200 for path in paths)
    assert "INT2" in (demo_dir / "tables.md").read_text()


def test_other_folder(bench_dir, tmp_path):
    paths = write_report(bench_dir / "bench.json", tmp_path / "elsewhere")
    assert {path.parent for path in paths} == {tmp_path / "elsewhere", tmp_path / "elsewhere" / "figures"}
    assert sorted(path.name for path in bench_dir.iterdir()) == ["bench.json"]


def test_result_files_stay_as_they_are(demo_dir):
    before = (demo_dir / "demo.json").read_bytes()
    write_report(demo_dir)
    assert (demo_dir / "demo.json").read_bytes() == before


def test_files_appear_whole_or_not_at_all(demo_dir, monkeypatch):
    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(WriteError, match=r"report.html to be writable \(got disk full\)"):
        write_report(demo_dir)
    assert [path.name for path in demo_dir.iterdir()] == ["demo.json"]


def test_folder_with_several_kinds(demo_dir, bench_dir):
    (demo_dir / "bench.json").write_text((bench_dir / "bench.json").read_text())
    titles = [section.title for section in build_report(read_results(demo_dir)).sections]
    assert titles == ["Accuracy, size and speed on digits", "Benchmark: propagate"]


def test_results_that_no_section_knows(tmp_path):
    (tmp_path / "summary.json").write_text('{"rows": [{"a": 1}]}')
    with pytest.raises(RunError, match="to hold results of demo, train, compare or bench"):
        write_report(tmp_path)


def test_comparison_writes_tables_as_files_and_into_another(tmp_path):
    folder = tmp_path / "cora"
    write_json(folder / "compare.json", one_dataset())
    write_json(folder / "depth.json", depth())
    page = tmp_path / "README.md"
    page.write_text("<!-- table: cora/accuracy -->\n<!-- /table -->\n")
    paths = write_report(folder, into=[page])
    names = {path.relative_to(tmp_path).as_posix() for path in paths}
    assert {"cora/tables/accuracy.md", "cora/tables/cells.tex", "cora/figures/pareto-ms.png", "README.md"} <= names
    assert "| lsq | 83.5 ± 0.4 | 82.0 ± 0.4 | 79.0 ± 0.4 |\n<!-- /table -->" in page.read_text()


def test_wrong_marker_writes_nothing(demo_dir, tmp_path):
    page = tmp_path / "README.md"
    page.write_text("no marker")
    with pytest.raises(ArgumentError, match="to have a marker of 'demo'"):
        write_report(demo_dir, into=[page])
    assert [path.name for path in demo_dir.iterdir()] == ["demo.json"]
