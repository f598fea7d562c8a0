from __future__ import annotations

import pytest

from smoothbit.report.figures import to_png
from smoothbit.report.interactive import to_plotly
from smoothbit.report.sections.bench_cases import case_ratio_chart, case_table, rate_chart, scaling_charts
from tests.unit.report.sections.bench_rows import bench_row

PRIMITIVES = [
    bench_row(bits, suite="kernels", case=case, peers={"memcpy": 0.1}, ratio_own_fp32=ratio)
    for case, ratio in (("pack", None), ("spmm", 4.0))
    for bits in (2, 8)
]
SIZES = [
    bench_row(bits, suite="scaling", case=f"{sweep} {size}", nodes=size, edges=10 * size)
    for sweep in ("nodes", "edges")
    for size in (10, 100, 1000)
    for bits in (2, 8)
]


def test_table_has_a_line_for_each_width_of_each_case():
    table = case_table(PRIMITIVES)
    assert [cells[:2] for cells in table.rows] == [
        ("pack", "INT2"), ("pack", "INT8"), ("spmm", "INT2"), ("spmm", "INT8"),
    ]  # fmt: skip
    assert table.rows[0][3:5] == ("200 ns", "1.00 GB/s")


def test_rates_stand_beside_a_copy():
    chart = rate_chart("x", PRIMITIVES)
    assert chart.categories == ("pack", "spmm")
    assert [series.name for series in chart.series] == ["INT2", "INT8", "memcpy"]
    # 1,000 rows of 128 elements, read and written in 0.1 ms: 1 byte each beside pack, 4 beside spmm.
    assert chart.series[2].ys == pytest.approx((2.56, 10.24))
    assert to_png(chart).startswith(b"\x89PNG")


def test_rates_without_a_copy():
    assert [series.name for series in rate_chart("x", [bench_row(2, case="pack")]).series] == ["INT2"]


def test_ratios_leave_out_what_has_no_float_side():
    chart = case_ratio_chart("x", PRIMITIVES)
    assert chart.categories == ("spmm",)
    assert case_ratio_chart("x", PRIMITIVES[:2]) is None


def test_scaling_has_a_line_for_each_side():
    nodes, edges = scaling_charts("x", SIZES)
    assert [series.name for series in nodes.series] == ["INT2", "INT8", "FP32, our own"]
    assert nodes.series[0].xs == (10.0, 100.0, 1000.0)
    assert edges.series[0].xs == (100.0, 1000.0, 10_000.0)
    assert nodes.is_base_log
    assert nodes.is_value_log
    assert to_png(nodes).startswith(b"\x89PNG")


def test_peers_of_a_sweep_are_dashed_where_they_have_quartiles():
    rows = [{**row, "peer_quartiles": {"scipy-csr": [8.0, 10.0]}} for row in SIZES]
    (nodes, _) = scaling_charts("x", rows)
    assert (nodes.series[-1].name, nodes.series[-1].style) == ("scipy-csr", "dashed")
    assert '"dash":"dash"' in to_plotly(nodes).replace(" ", "")


def test_one_sweep_gives_one_chart():
    assert len(scaling_charts("x", SIZES[:6])) == 1
