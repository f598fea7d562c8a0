"""Charts as plotly figures in JSON; the page's own script draws them in light and dark."""

from __future__ import annotations

import json
import math
from typing import Any

from smoothbit.errors import MissingExtraError
from smoothbit.report.charts import Chart, Series, group_place, log_ticks

try:
    from plotly import graph_objects, offline
except ImportError as error:
    raise MissingExtraError("plotly", "report") from error


def plotly_script() -> str:
    """Return plotly's JavaScript, to be put into the page once."""
    return str(offline.get_plotlyjs())


def to_plotly(chart: Chart) -> str:
    """Return the chart as plotly JSON that is safe inside a script element."""
    figure = graph_objects.Figure()
    for series in chart.series:
        figure.add_traces(_TRACES[chart.kind](series, chart))
    figure.update_layout(**_layout(chart))
    described: Any = json.loads(figure.to_json())
    described["layout"].pop("template", None)
    return json.dumps(described).replace("</", "<\\/")


def _layout(chart: Chart) -> dict[str, Any]:
    is_bars = chart.kind == "bars"
    base = _axis(chart.base_title, chart.is_base_log, [x for s in chart.series for x in s.xs])
    value = _axis(chart.value_title, chart.is_value_log, [y for s in chart.series for y in s.ys])
    if chart.categories:
        base |= {"tickvals": list(range(len(chart.categories))), "ticktext": list(chart.categories)}
    if chart.base_ticks:
        base |= {"tickvals": list(chart.base_ticks), "ticktext": [f"{tick:g}" for tick in chart.base_ticks]}
    if is_bars:
        base["autorange"] = "reversed"
    layout: dict[str, Any] = {
        "barmode": "overlay" if is_bars else "group",
        "showlegend": not is_bars and len(chart.series) > 1 and any(map(chart.is_in_legend, chart.series)),
        "legend": {"orientation": "h", "y": -0.22},
        "height": max(260, 130 + 36 * len(chart.categories)) if is_bars else 420,
        "margin": {"l": 20, "r": 90 if is_bars else 40, "t": 20, "b": 50},
        "xaxis": value if is_bars else base,
        "yaxis": base if is_bars else value,
    }
    if chart.reference is not None:
        line = {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": chart.reference,
            "y1": chart.reference,
        }
        layout["shapes"] = [{**line, "line": {"dash": "dash", "width": 1, "color": "#94a3b8"}}]
    return layout | _marks(chart)


def _marks(chart: Chart) -> dict[str, Any]:
    """Return lines and names for the marked values of the base axis."""
    if not chart.marks:
        return {}
    line = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": {"color": "#cbd5e1"}}
    name = {"yref": "paper", "y": 1, "showarrow": False, "xanchor": "right", "yanchor": "top"}
    # Shapes lie at values, annotations at powers of ten on a logarithmic axis.
    places = [math.log10(place) if chart.is_base_log else place for place, _ in chart.marks]
    return {
        "shapes": [{**line, "x0": place, "x1": place} for place, _ in chart.marks],
        "annotations": [{**name, "x": x, "text": text} for x, (_, text) in zip(places, chart.marks, strict=True)],
    }


def _axis(title: str, is_log: bool, values: list[float]) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": title, "font": {"size": 14}}, "automargin": True}
    if is_log:
        ticks = log_ticks(min(values) / 3, max(values) * 2)
        texts = [f"{tick:,.10g}" for tick in ticks]
        axis |= {"type": "log", "tickvals": ticks, "ticktext": texts, "tickmode": "array"}
    return axis


def _bars(series: Series, chart: Chart) -> list[Any]:
    bar = graph_objects.Bar(
        x=series.ys, y=series.xs, orientation="h", name=series.name, marker_color=series.color, width=0.68,
        error_x=_errors(series), customdata=series.labels, hovertemplate="%{y}: %{customdata}<extra></extra>",
    )  # fmt: skip
    text = graph_objects.Scatter(
        x=series.high or series.ys, y=series.xs, mode="text",
        text=[f"  {label}" for label in series.labels or ()],
        textposition="middle right", cliponaxis=False, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    return [bar, text]


def _columns(series: Series, chart: Chart) -> list[Any]:
    trace = graph_objects.Bar(
        x=series.xs, y=series.ys, name=series.name, marker_color=series.color, text=series.labels,
        textposition="outside", cliponaxis=False, error_y=_errors(series),
    )  # fmt: skip
    return [trace]


def _dots(series: Series, chart: Chart) -> list[Any]:
    places = [group_place(x, chart, series) for x in series.xs]
    trace = graph_objects.Scatter(
        x=places, y=series.ys, name=series.name, mode="markers", error_y=_errors(series),
        marker={"size": 11, "color": series.color, "line": {"width": 1, "color": "white"}},
    )  # fmt: skip
    return [trace]


def _points(series: Series, chart: Chart) -> list[Any]:
    trace = graph_objects.Scatter(
        x=series.xs, y=series.ys, name=series.name, mode="markers+text" if series.labels else "markers",
        text=series.labels, textposition="top right", cliponaxis=False, error_y=_errors(series),
        marker={"size": 13, "color": series.color, "line": {"width": 1, "color": "white"}},
    )  # fmt: skip
    return [trace]


def _lines(series: Series, chart: Chart) -> list[Any]:
    line = {"color": series.color, "width": 2, "dash": "dash" if series.style == "dashed" else "solid"}
    mode = {"marks": "markers", "both": "lines+markers"}.get(series.style, "lines")
    marker = {"size": 11 if series.style == "marks" else 7, "color": series.color}
    traces = [
        graph_objects.Scatter(
            x=series.xs, y=series.ys, name=series.name, mode=f"{mode}+text" if series.labels else mode, line=line,
            marker=marker, showlegend=chart.is_in_legend(series), text=series.labels,
            textposition="bottom right", cliponaxis=False,
        )
    ]  # fmt: skip
    if series.low is not None and series.high is not None:
        red, green, blue = (int(series.color[start : start + 2], 16) for start in (1, 3, 5))
        band = graph_objects.Scatter(
            x=series.xs + series.xs[::-1], y=series.high + series.low[::-1], fill="toself", mode="lines",
            line={"width": 0}, fillcolor=f"rgba({red},{green},{blue},0.15)",
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        traces.insert(0, band)
    return traces


def _errors(series: Series) -> dict[str, Any] | None:
    if series.low is None or series.high is None:
        return None
    above = [max(0.0, high - y) for y, high in zip(series.ys, series.high, strict=True)]
    below = [max(0.0, y - low) for y, low in zip(series.ys, series.low, strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "thickness": 1.4,
        "width": 4,
    }


_TRACES = {"bars": _bars, "columns": _columns, "dots": _dots, "scatter": _points, "lines": _lines}
