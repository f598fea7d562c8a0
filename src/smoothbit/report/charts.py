"""Charts as data: matplotlib and plotly both draw from here, so a file and a page show the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

WIDTH_COLORS = {
    "FP32": "#64748b",
    "INT8": "#2563eb",
    "INT4": "#0d9488",
    "INT2": "#ea580c",
    "INT1": "#be185d",
}
"""Colour of each width, the same in every figure; distinguishable with the common colour blindnesses."""
PEER_COLOR = "#94a3b8"
FRONT_COLOR = "#94a3b8"
LOW_BIT_PEER_COLOR = "#c4b5a0"
SEQUENCE = ("#2563eb", "#ea580c", "#0d9488", "#be185d", "#7c3aed", "#ca8a04", "#0891b2", "#64748b")
"""Colours of series that are not widths, in order."""
LOG_SPAN = 40.0
"""From this ratio of largest to smallest value an axis is logarithmic: shorter bars would be invisible."""


@dataclass(frozen=True)
class Series:
    """Points of one colour.

    Args:
        name: Name in the legend.
        xs: Horizontal values; for bars the categories' positions 0, 1, ...
        ys: Values.
        low: Lower ends of the error bars or of the band, or None.
        high: Upper ends.
        color: Hex colour.
        labels: Text at each point, or None.
        style: Of a "lines" chart: a line, a dashed line, marks alone, or a line with marks.
    """

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    color: str = SEQUENCE[0]
    labels: tuple[str, ...] | None = None
    style: Literal["line", "dashed", "marks", "both"] = "line"


@dataclass(frozen=True)
class Chart:
    """One figure.

    Args:
        slug: File name without ending.
        title: What it shows.
        kind: "bars" (horizontal, one for each category), "columns" (grouped, upright, from 0), "dots"
            (grouped, for values whose differences matter more than their size), "scatter", "lines".
        value_label: Name and unit of the value axis: horizontal for bars, vertical for all else.
        base_label: Name and unit of the other axis.
        series: At least one.
        categories: Names of positions 0, 1, ... on the base axis of bars, columns and dots.
        is_value_log: Whether the value axis is logarithmic.
        is_base_log: Whether the base axis is logarithmic.
        reference: Value to mark with a line, or None.
        caption: Sentence below the figure, e.g. what the error bars are.
        marks: Values of the base axis to mark, each with its name; for "lines".
        base_ticks: Values that the base axis of "lines" and "scatter" shows, or () for round ones.
        has_point_names: Whether labels at points of "scatter" and "lines" name the series, not the point.
    """

    slug: str
    title: str
    kind: Literal["bars", "columns", "dots", "scatter", "lines"]
    value_label: str
    base_label: str
    series: tuple[Series, ...]
    categories: tuple[str, ...] = ()
    is_value_log: bool = False
    is_base_log: bool = False
    reference: float | None = None
    caption: str = ""
    marks: tuple[tuple[float, str], ...] = ()
    base_ticks: tuple[float, ...] = ()
    has_point_names: bool = True

    def is_in_legend(self, series: Series) -> bool:
        """Return whether the legend names a series: not where its name stands at its points."""
        return not (series.labels and self.has_point_names and self.kind in ("scatter", "lines"))

    @property
    def value_title(self) -> str:
        """Label of the value axis; says when the axis is logarithmic."""
        return _axis_title(self.value_label, self.is_value_log)

    @property
    def base_title(self) -> str:
        """Label of the base axis; says when the axis is logarithmic."""
        return _axis_title(self.base_label, self.is_base_log)


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten within [low, high]; of many only the powers."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
    return [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]


def width_name(num_bits: object) -> str:
    """Return "INT2" for 2, "FP32" for 32; texts such as "INT2" or "fp32" are accepted, too."""
    text = str(num_bits).upper()
    if text.startswith(("INT", "FP")):
        return text
    return "FP32" if text == "32" else f"INT{text}"


def width_color(num_bits: object, position: int = 0) -> str:
    """Return the colour of a width; unknown ones take the next colour of `SEQUENCE`."""
    return WIDTH_COLORS.get(width_name(num_bits), SEQUENCE[position % len(SEQUENCE)])


def group_place(x: float, chart: Chart, series: Series) -> float:
    """Return where a series of a grouped chart stands at category `x`: side by side, dots closer."""
    spread = 0.4 if chart.kind == "dots" else 0.8
    width = spread / len(chart.series)
    return x - spread / 2 + width * (chart.series.index(series) + 0.5)


def _axis_title(label: str, is_log: bool) -> str:
    return f"{label.removesuffix(')')}, logarithmic)" if is_log and label.endswith(")") else label


def needs_log(values: list[float]) -> bool:
    """Return whether positive values span more than a linear axis can show."""
    positive = [value for value in values if value > 0]
    return len(positive) > 1 and max(positive) / min(positive) > LOG_SPAN
