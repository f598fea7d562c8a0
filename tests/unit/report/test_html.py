from __future__ import annotations

import importlib
import re
import sys

import pytest

from smoothbit.errors import MissingExtraError
from smoothbit.report import html
from smoothbit.report.charts import Chart, Series
from smoothbit.report.content import Report, Section, Table, Tile

CHART = Chart("c", "A chart", "bars", "Time (ms)", "", (Series("a", (0,), (1.0,), labels=("1 ms",)),), ("a",))
SECTION = Section(
    "A <section>", "Lead.", (Tile("Tile", "1 ms"),), (Table("T", ("x",), (("1",),)),) * 2, (CHART,), ("A note.",),
    ("smoothbit demo",), {"cpu": "X", "caches": {"L1d": "32K"}, "packages": {"numpy": "2"}, "cores": None, "l": [1, 2]},
)  # fmt: skip


def page() -> str:
    return html.to_page(Report("Title", "Sub", (SECTION, SECTION)), {"c": b"png"})


def test_page_is_whole_and_needs_no_other_file():
    text = page()
    assert not re.search(r'<(script|link|img)[^>]*(src|href)="(?!data:)', text)
    assert text.count("plotly.js v") <= 2
    for part in ("A &lt;section&gt;", "A note.", "smoothbit demo", "prefers-color-scheme: dark", "data:image/png"):
        assert part in text


def test_commands_are_listed_once():
    assert page().count("<pre>smoothbit demo</pre>") == 1


def test_environment_is_flat():
    assert dict(html.environment_rows((SECTION,))) == {"cpu": "X", "caches L1d": "32K", "numpy": "2", "l": "1, 2"}


def test_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"`jinja2`.*smoothbit\[report\]"):
        importlib.reload(html)
    monkeypatch.undo()
    importlib.reload(html)
