from __future__ import annotations

import pytest

from smoothbit.report.charts import WIDTH_COLORS
from smoothbit.report.figures import to_png
from smoothbit.report.interactive import to_plotly
from smoothbit.report.sections.bench_roofline import ceiling_ns, roofline
from tests.unit.report.sections.bench_rows import CEILINGS, bench_row, ceiling, record


def test_dots_are_rates_beside_the_ceilings():
    (table,), (chart,) = roofline("x", record(bench_row(2), bench_row(8), ceilings=CEILINGS))
    assert [series.name for series in chart.series] == [
        "read in order", "random rows, 32 B", "random rows, 512 B", "INT2, 32 B", "INT8, 128 B", "own FP32, 512 B",
        "scipy-csr, 512 B",
    ]  # fmt: skip
    int2 = chart.series[3]
    # 5,000 rows of 32 B, self-loops included, in 1 ms, from a table of 1,000 rows.
    assert (int2.xs, int2.ys) == (pytest.approx((0.032,)), pytest.approx((0.16,)))
    assert chart.marks == ((0.032768, "L1"), (1.048576, "L2"))
    assert table.rows[0][:5] == ("INT2", "32 B", "32.0 kB", "200 ns", "0.160 GB/s")
    assert table.rows[0][5:] == ("1.00 ns", "0.5 %")


def test_a_ceiling_has_the_colour_of_the_side_with_its_rows():
    _, (chart,) = roofline("x", record(bench_row(2), ceilings=CEILINGS))
    assert chart.series[1].color == WIDTH_COLORS["INT2"]
    assert chart.series[2].color == WIDTH_COLORS["FP32"]


def test_it_can_be_drawn():
    _, (chart,) = roofline("x", record(bench_row(2), bench_row(8), ceilings=CEILINGS))
    assert to_png(chart).startswith(b"\x89PNG")
    assert '"annotations"' in to_plotly(chart)


@pytest.mark.parametrize("parts", [{}, {"ceilings": []}], ids=["old record", "not asked for"])
def test_without_ceilings_there_is_none(parts):
    assert roofline("x", record(bench_row(2), **parts)) == ((), ())


def test_without_times_there_is_none():
    row = bench_row(2, engine_ms=None, own_fp32_ms=None, best_fp32_peer=None)
    assert roofline("x", record(row, ceilings=CEILINGS)) == ((), ())


@pytest.mark.parametrize(
    ("row_bytes", "table_bytes", "wanted"),
    [
        (32, 1 << 14, 1.0), (32, 1 << 30, 4.0), (32, 1 << 17, 2.0), (16, 1 << 14, 1.0), (128, 1 << 14, 4.0),
        (1024, 1 << 14, 32.0),
    ],
    ids=["measured", "larger table", "between tables", "shorter rows", "between rows", "longer rows"],
)  # fmt: skip
def test_ceilings_between_measured_points(row_bytes, table_bytes, wanted):
    points = [
        ceiling("random", size, row, time)
        for size, row, time in ((1 << 14, 32, 1), (1 << 20, 32, 4), (1 << 14, 512, 16), (1 << 20, 512, 64))
    ]
    assert ceiling_ns(points, row_bytes, table_bytes) == pytest.approx(wanted)


def test_without_random_rows_there_is_no_ceiling():
    assert ceiling_ns(CEILINGS[:2], 32, 1000) is None
    (table,), _ = roofline("x", record(bench_row(2), ceilings=CEILINGS[:2]))
    assert table.rows[0][5:] == ("n/a", "n/a")
