from __future__ import annotations

from smoothbit.report.content import Table
from smoothbit.report.tables import to_html, to_markdown

TABLE = Table("Sizes", ("Name", "Bytes"), (("a|b", "12"), ("<c>", "n/a")), "A note.")


def test_markdown():
    assert to_markdown(TABLE) == (
        "### Sizes\n\n| Name | Bytes |\n| --- | ---: |\n| a\\|b | 12 |\n| <c> | n/a |\n\nA note.\n"
    )


def test_html_is_escaped_and_numbers_are_marked():
    html = to_html(TABLE)
    assert "&lt;c&gt;" in html
    assert '<td class="num">12</td>' in html
    assert '<td class="txt">a|b</td>' in html
    assert "A note." in html
