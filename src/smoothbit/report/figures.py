"""Charts as PNG files, drawn by matplotlib."""

from __future__ import annotations

import io
import textwrap
from itertools import pairwise
from typing import Any

from smoothbit.errors import MissingExtraError
from smoothbit.report.charts import Chart, Series, group_place, log_ticks

try:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
    from matplotlib.transforms import ScaledTranslation
except ImportError as error:
    raise MissingExtraError("matplotlib", "report") from error

DPI = 160
LEGEND_DISTANCE_POINTS = -42
"""From the axis down to the legend: tick labels and the axis title stand between."""
LEGEND_CHARACTERS, LEGEND_HANDLE_CHARACTERS = 84, 8
"""Width of a figure, and of a legend's line or patch with its gap, in characters of the usual width."""
_LINES: dict[str, dict[str, Any]] = {
    "line": {"linewidth": 1.8},
    "dashed": {"linewidth": 1.6, "linestyle": (0, (4, 2))},
    "marks": {"linewidth": 0, "marker": "o", "markersize": 9, "markeredgecolor": "white", "zorder": 3},
    "both": {"linewidth": 1.8, "marker": "o", "markersize": 5, "markeredgecolor": "white"},
}
INK, FAINT, GRID = "#1e293b", "#64748b", "#e2e8f0"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 14,
    "axes.edgecolor": "#94a3b8",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "legend.frameon": False,
}


def to_png(chart: Chart) -> bytes:
    """Return the chart as a PNG image."""
    with matplotlib.rc_context(STYLE):
        height = max(3.0, 1.5 + 0.42 * len(chart.categories)) if chart.kind == "bars" else 4.4
        height = 5.6 if chart.kind == "lines" and chart.marks else height
        figure = Figure(figsize=(8.0, height), dpi=DPI, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _DRAWERS[chart.kind](axes, chart)
        axes.set_title(textwrap.fill(chart.title, 78))
        if chart.caption:
            figure.supxlabel(textwrap.fill(chart.caption, 110), fontsize=8.5, color=FAINT, x=0.01, ha="left")
        image = io.BytesIO()
        figure.savefig(image, format="png", metadata={"Software": None})
    return image.getvalue()


def _draw_bars(axes: Any, chart: Chart) -> None:
    for series in chart.series:
        axes.barh(series.xs, series.ys, color=series.color, height=0.68)
        _error_bars(axes, series, is_horizontal=True)
        for x, y, label in zip(series.xs, series.ys, series.labels or (), strict=False):
            end = y if series.high is None else series.high[series.xs.index(x)]
            axes.annotate(label, (end, x), xytext=(7, 0), textcoords="offset points", va="center", fontsize=9.5)
    axes.set_yticks(range(len(chart.categories)), chart.categories, color=INK)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.18)
    axes.set_xlabel(chart.value_title)
    axes.set_ylabel(chart.base_label)
    _room_for_labels(axes, chart)
    _scale(axes.xaxis, chart.is_value_log)


def _draw_columns(axes: Any, chart: Chart) -> None:
    width = 0.8 / max(1, len(chart.series))
    for series in chart.series:
        xs = [group_place(x, chart, series) for x in series.xs]
        if chart.kind == "dots":
            axes.scatter(xs, series.ys, s=64, color=series.color, edgecolors="white", zorder=3, label=series.name)
        else:
            axes.bar(xs, series.ys, width=0.92 * width, color=series.color, label=series.name)
        placed = Series(series.name, tuple(xs), series.ys, series.low, series.high, series.color)
        _error_bars(axes, placed)
        for index, label in enumerate(series.labels or ()):
            top = series.ys[index] if series.high is None else series.high[index]
            axes.annotate(
                label, (xs[index], top), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=9,
                path_effects=_halo(),
            )  # fmt: skip
    axes.set_xticks(range(len(chart.categories)), chart.categories, color=INK)
    axes.grid(axis="x", visible=False)
    axes.margins(y=0.12)
    axes.set_xlim(-0.5, len(chart.categories) - 0.5)
    _finish(axes, chart)


def _draw_points(axes: Any, chart: Chart) -> None:
    for series in chart.series:
        _error_bars(axes, series)
        axes.scatter(series.xs, series.ys, s=90, color=series.color, edgecolors="white", zorder=3, label=series.name)
        _point_labels(axes, series)
    axes.margins(x=0.16, y=0.2)
    _finish(axes, chart)


def _draw_lines(axes: Any, chart: Chart) -> None:
    for series in chart.series:
        name = series.name if chart.is_in_legend(series) else "_named at its points"
        axes.plot(series.xs, series.ys, color=series.color, label=name, **_LINES[series.style])
        if series.low is not None and series.high is not None:
            axes.fill_between(series.xs, series.low, series.high, color=series.color, alpha=0.15, linewidth=0)
        _point_labels(axes, series, (9, -13))
    if any(series.labels for series in chart.series):
        axes.margins(x=0.06, y=0.1)
    for place, name in chart.marks:
        axes.axvline(place, color=GRID, linewidth=1.6, zorder=0)
        axes.annotate(
            name, (place, 1), xycoords=("data", "axes fraction"), xytext=(-4, -3), textcoords="offset points",
            ha="right", va="top", fontsize=8.5, color=FAINT,
        )  # fmt: skip
    _finish(axes, chart)


def _halo() -> list[Any]:
    """Return what keeps a label readable where it crosses a line."""
    return [withStroke(linewidth=3, foreground="white")]


def _point_labels(axes: Any, series: Series, offset: tuple[int, int] = (9, 6)) -> None:
    for index, label in enumerate(series.labels or ()):
        point = (series.xs[index], series.ys[index])
        axes.annotate(
            label, point, xytext=offset, textcoords="offset points", fontsize=9.5, color=INK, path_effects=_halo()
        )


def _finish(axes: Any, chart: Chart) -> None:
    _scale(axes.xaxis, chart.is_base_log)
    _scale(axes.yaxis, chart.is_value_log)
    if chart.base_ticks:
        axes.xaxis.set_major_locator(FixedLocator(chart.base_ticks))
    axes.set_xlabel(chart.base_title)
    axes.set_ylabel(chart.value_title)
    if chart.reference is not None:
        axes.axhline(chart.reference, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    names = [series.name for series in chart.series if chart.is_in_legend(series)]
    if len(chart.series) > 1 and names:
        below = ScaledTranslation(0, LEGEND_DISTANCE_POINTS / 72, axes.figure.dpi_scale_trans)
        axes.legend(
            loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=axes.transAxes + below,
            ncols=legend_columns(names), borderaxespad=0,
        )  # fmt: skip


def legend_columns(names: list[str]) -> int:
    """Return the most columns at which a legend is no wider than the figure.

    It is filled column by column, and the first columns take one name more when they do not divide evenly.
    """
    for columns in range(len(names), 1, -1):
        rows, longer = divmod(len(names), columns)
        starts = [column * rows + min(column, longer) for column in range(columns + 1)]
        widths = [max(map(len, names[start:end])) for start, end in pairwise(starts)]
        if sum(widths) + LEGEND_HANDLE_CHARACTERS * columns <= LEGEND_CHARACTERS:
            return columns
    return 1


def _scale(axis: Any, is_log: bool) -> None:
    if is_log:
        axis._set_axes_scale("log")
        low, high = axis.get_view_interval()
        axis.set_major_locator(FixedLocator(log_ticks(low, high)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _room_for_labels(axes: Any, chart: Chart) -> None:
    ends = [value for series in chart.series for value in (series.high or series.ys) if value > 0]
    starts = [value for series in chart.series for value in (series.low or series.ys) if value > 0]
    if not ends:
        return
    if chart.is_value_log:
        axes.set_xscale("log")
        axes.set_xlim(min(starts) / 2, max(ends) * (max(ends) / min(starts)) ** 0.22)
    else:
        axes.set_xlim(0, max(ends) * 1.2)


def _error_bars(axes: Any, series: Series, is_horizontal: bool = False) -> None:
    if series.low is None or series.high is None:
        return
    below = [max(0.0, y - low) for y, low in zip(series.ys, series.low, strict=True)]
    above = [max(0.0, high - y) for y, high in zip(series.ys, series.high, strict=True)]
    style = {"fmt": "none", "ecolor": INK, "elinewidth": 1.2, "capsize": 3, "alpha": 0.75}
    if is_horizontal:
        axes.errorbar(series.ys, series.xs, xerr=[below, above], **style)
    else:
        axes.errorbar(series.xs, series.ys, yerr=[below, above], **style)


_DRAWERS = {
    "bars": _draw_bars,
    "columns": _draw_columns,
    "dots": _draw_columns,
    "scatter": _draw_points,
    "lines": _draw_lines,
}
