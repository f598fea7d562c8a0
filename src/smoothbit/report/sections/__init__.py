"""Sections of a report: one file for each kind of result, one line here for each file."""

from __future__ import annotations

from smoothbit.report.sections import bench as bench
from smoothbit.report.sections import compare as compare
from smoothbit.report.sections import comparison as comparison
from smoothbit.report.sections import demo as demo
from smoothbit.report.sections import depth as depth
from smoothbit.report.sections import train as train
from smoothbit.report.sections.base import SECTIONS as SECTIONS

ORDER = ("demo", "train", "comparison", "depth", "compare", "bench")
"""Order on the page; kinds that are not named here follow by name."""


def ordered_sections() -> list[str]:
    """Return the registered kinds in their order on the page."""
    return sorted(SECTIONS.names(), key=lambda kind: (ORDER.index(kind) if kind in ORDER else len(ORDER), kind))
