from __future__ import annotations

import importlib
import json
import sys

import pytest

from smoothbit.errors import MissingExtraError
from smoothbit.report import figures, interactive
from smoothbit.report.charts import Chart, Series

BAND = Series("a", (0.0, 1.0), (1.0, 90.0), (0.5, 80.0), (1.5, 95.0), labels=("x", "y"))
OTHER = Series("b", (0.0, 1.0), (2.0, 3.0), color="#112233")


def chart(kind: str, is_log: bool) -> Chart:
    return Chart(
        "slug", "Title", kind, "Value (ms)", "Base (kB)", (BAND, OTHER), ("first", "second"), is_log,
        is_log and kind == "scatter", 1.0, "Caption.",
    )  # fmt: skip


@pytest.mark.parametrize("is_log", [False, True], ids=["linear", "log"])
@pytest.mark.parametrize("kind", ["bars", "columns", "dots", "scatter", "lines"])
def test_every_kind_gives_a_png_and_a_plotly_figure(kind, is_log):
    drawn = chart(kind, is_log and kind != "lines")
    if kind == "scatter" and is_log:
        drawn = Chart("s", "S", kind, "V (%)", "B (kB)", (Series("a", (1.0,), (2.0,)),), is_base_log=True)
    assert figures.to_png(drawn).startswith(b"\x89PNG")
    assert '"data"' in interactive.to_plotly(drawn)


def test_all_zero_bars_are_drawn():
    zero = Chart("z", "Z", "bars", "Time (ms)", "", (Series("a", (0,), (0.0,)),), ("a",))
    assert figures.to_png(zero).startswith(b"\x89PNG")


def test_the_same_chart_gives_the_same_file():
    assert figures.to_png(chart("bars", False)) == figures.to_png(chart("bars", False))


@pytest.mark.parametrize(("module", "package"), [(figures, "matplotlib"), (interactive, "plotly")])
def test_missing_package_names_the_extra(monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"`{package}`.*smoothbit\[report\]"):
        importlib.reload(module)
    monkeypatch.undo()
    importlib.reload(module)


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["a"], 1),
        (["INT1", "INT2", "INT4", "INT8", "memcpy"], 5),
        (["x" * 30, "y" * 30, "z" * 30], 2),
        (["x" * 90] * 2, 1),
    ],
    ids=["one", "short", "long", "too long"],
)
def test_legends_are_no_wider_than_the_figure(names, columns):
    assert figures.legend_columns(names) == columns


def test_names_at_points_are_not_in_the_legend():
    dot = Series("INT2, 32 B", (1.0,), (2.0,), labels=("INT2",), style="marks")
    line = Series("ceiling", (1.0, 2.0), (2.0, 3.0), style="dashed")
    drawn = Chart("s", "S", "lines", "V (GB/s)", "B (MB)", (line, dot), is_base_log=True, marks=((1.5, "L1"),))
    assert [drawn.is_in_legend(series) for series in drawn.series] == [True, False]
    assert figures.to_png(drawn).startswith(b"\x89PNG")
    layout = json.loads(interactive.to_plotly(drawn))["layout"]
    assert layout["annotations"][0]["x"] == pytest.approx(0.176, abs=1e-3)
    assert layout["shapes"][0]["x0"] == 1.5
