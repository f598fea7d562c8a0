from __future__ import annotations

import pytest

from smoothbit.errors import RunError
from smoothbit.report import write_report, writer
from smoothbit.report.sources import read_results
from smoothbit.report.writer import build_report


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

    monkeypatch.setattr(writer.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
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
