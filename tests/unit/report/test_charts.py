from __future__ import annotations

import pytest

from smoothbit.report.charts import (
    WIDTH_COLORS,
    Chart,
    Series,
    group_place,
    log_ticks,
    needs_log,
    width_color,
    width_name,
)


@pytest.mark.parametrize(("bits", "name"), [(2, "INT2"), (32, "FP32"), ("int4", "INT4"), ("fp32", "FP32")])
def test_width_names(bits, name):
    assert width_name(bits) == name
    assert width_color(bits) == WIDTH_COLORS[name]


def test_unknown_widths_have_colours():
    assert width_color(16, 1) != width_color(16, 2)


def test_log_only_for_wide_spans():
    assert needs_log([1.0, 100.0])
    assert not needs_log([1.0, 10.0])
    assert not needs_log([0.0, 10.0])


@pytest.mark.parametrize(
    ("span", "ticks"), [((1, 30), [1, 2, 5, 10, 20]), ((1, 1e5), [1, 10, 100, 1e3, 1e4, 1e5])], ids=["few", "many"]
)
def test_log_ticks(span, ticks):
    assert log_ticks(*span) == pytest.approx(ticks)


def test_axis_title_says_logarithmic():
    series = (Series("a", (0,), (1,)), Series("b", (0,), (2,)))
    chart = Chart("x", "X", "columns", "Time (ms)", "Width", series, is_value_log=True, is_base_log=True)
    assert chart.value_title == "Time (ms, logarithmic)"
    assert chart.base_title == "Width"
    assert [group_place(0, chart, s) for s in series] == pytest.approx([-0.2, 0.2])
