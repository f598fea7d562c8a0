from __future__ import annotations

from smoothbit.report.figures import to_png
from smoothbit.report.sections.bench_memory import memory_chart, memory_table, memory_tiles
from smoothbit.report.wording import TIMES
from tests.unit.report.sections.bench_rows import bench_row


def row(bits: int, peak: float, other: float = 800.0):
    memory = {
        "engine": {"peak_mb": peak, "imports_mb": 30.0}, "own FP32": {"peak_mb": 90.0, "imports_mb": 30.0},
        "pyg-appnp": {"peak_mb": other, "imports_mb": 300.0},
    }  # fmt: skip
    ratios = {"own FP32": 90.0 / peak, "pyg-appnp": other / peak}
    return bench_row(bits, suite="memory", engine_ms=None, memory=memory, ratio_peak_rss=ratios)


def test_each_side_stands_once_smallest_first():
    table = memory_table([row(2, 50.0), row(8, 80.0)])
    assert [cells[0] for cells in table.rows] == ["INT2, engine", "INT8, engine", "own FP32", "pyg-appnp"]
    assert table.rows[0] == ("INT2, engine", "50.0 MB", "30.0 MB", "20.0 MB", f"1.80{TIMES}", f"16.0{TIMES}")
    assert table.rows[3][4:] == ("n/a", "n/a")


def test_tiles_compare_with_the_largest_side():
    tile, _ = memory_tiles([row(2, 50.0), bench_row(8)])
    assert (tile.label, tile.value, tile.note) == ("INT2", f"16.0{TIMES} smaller", "than pyg-appnp")
    assert memory_tiles([bench_row(8)])[0].note == "no other side ran"


def test_bars_show_the_share_of_the_imports():
    chart = memory_chart("x", [row(2, 50.0)])
    assert chart.series[-1].name == "imports"
    assert not chart.is_value_log
    assert to_png(chart).startswith(b"\x89PNG")


def test_wide_spans_are_logarithmic_and_whole():
    chart = memory_chart("x", [row(2, 50.0, 5000.0)])
    assert chart.is_value_log
    assert "imports" not in {series.name for series in chart.series}
