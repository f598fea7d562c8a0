from pathlib import Path

import pytest

from smoothbit.errors import ArgumentError
from smoothbit.report.content import Table
from smoothbit.report.markers import fill_markers

TABLES = [Table("Accuracy", ("", "INT2"), (("Cora", "83.0"),), name="accuracy"), Table("Recipe", ("a",), (("b",),))]
PAGE = """before
<!-- table: cora/accuracy -->
old
<!-- /table -->
between
<!-- table: other/accuracy -->
stays
<!-- /table -->
after
"""


def fill(text: str, folder: str = "cora") -> str:
    return fill_markers(text, folder, TABLES, Path("README.md"))


def test_only_markers_of_the_folder_are_filled():
    filled = fill(PAGE)
    assert filled == PAGE.replace("old\n", "|  | INT2 |\n| --- | ---: |\n| Cora | 83.0 |\n")
    assert fill(filled) == filled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "nothing",
            r"Expected README.md to have a marker of 'cora' \(got none\). Write '<!-- table: cora/accuracy -->'",
        ),
        (PAGE.replace("cora/accuracy", "cora/acuracy"), r"table of 'cora' \(got 'acuracy'\). Did you mean 'accuracy'"),
        (PAGE.replace("<!-- /table -->", "", 1), r"marker of table 'accuracy' in README.md to be closed"),
    ],
    ids=["none", "name", "open"],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(ArgumentError, match=message):
        fill(text)
