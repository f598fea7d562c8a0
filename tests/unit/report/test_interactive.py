from __future__ import annotations

import json

from smoothbit.report.charts import Chart, Series
from smoothbit.report.interactive import plotly_script, to_plotly


def test_text_cannot_leave_the_script_element():
    chart = Chart("x", "X", "bars", "V", "B", (Series("</script>", (0,), (1,), labels=("</b>",)),), ("</script>",))
    text = to_plotly(chart)
    assert "</" not in text
    assert json.loads(text)["layout"]["yaxis"]["ticktext"] == ["</script>"]


def test_error_bars_are_distances():
    chart = Chart("x", "X", "bars", "V", "B", (Series("a", (0,), (5.0,), (4.0,), (7.0,)),), ("a",))
    errors = json.loads(to_plotly(chart))["data"][0]["error_x"]
    assert (errors["array"], errors["arrayminus"]) == ([2.0], [1.0])


def test_theme_is_left_to_the_page():
    chart = Chart("x", "X", "lines", "V", "B", (Series("a", (0, 1), (1, 2)),))
    assert "template" not in json.loads(to_plotly(chart))["layout"]


def test_script_is_plotly():
    assert "Plotly" in plotly_script()
