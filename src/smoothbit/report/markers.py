"""Tables inside another file, between markers that name them.

<!-- table: runs-cora/accuracy -->
anything; replaced by the table `accuracy` of the results in the folder `runs-cora`
<!-- /table -->
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from smoothbit.errors import ArgumentError
from smoothbit.registry import nearest_name
from smoothbit.report.content import Table
from smoothbit.report.tables import to_markdown_rows

OPEN = re.compile(r"^<!-- table: (?P<folder>[^\n/]+)/(?P<name>[^\n/]+) -->\n", re.MULTILINE)
CLOSE = "<!-- /table -->"


def fill_markers(text: str, folder: str, tables: Sequence[Table], source: Path) -> str:
    """Return a text with the tables of one folder of results between its markers; other markers stay as they are.

    Args:
        text: Content of the file.
        folder: Name of the folder of results.
        tables: Its tables; those with a name can be asked for.
        source: The file, for messages.

    Raises:
        ArgumentError: no marker names this folder, one asks for an unknown table, or one is never closed.
    """
    named = {table.name: table for table in tables if table.name}
    parts, end, is_found = [], 0, False
    for opened in OPEN.finditer(text):
        if opened["folder"] != folder:
            continue
        if opened["name"] not in named:
            raise ArgumentError(
                f"Expected a marker of {source.name} to name a table of '{folder}' (got '{opened['name']}'). "
                f"{nearest_name(opened['name'], list(named)) if named else 'It has none.'}"
            )
        closed = text.find(CLOSE, opened.end())
        following = OPEN.search(text, opened.end())
        if closed < 0 or (following is not None and following.start() < closed):
            raise ArgumentError(
                f"Expected the marker of table '{opened['name']}' in {source.name} to be closed (got no {CLOSE} "
                "before the next one or the end). Write it below the table."
            )
        parts += [text[end : opened.end()], to_markdown_rows(named[opened["name"]])]
        end, is_found = closed, True
    if not is_found:
        raise ArgumentError(
            f"Expected {source.name} to have a marker of '{folder}' (got none). "
            f"Write '<!-- table: {folder}/{next(iter(named), 'NAME')} -->' and '{CLOSE}' on lines of their own."
        )
    return "".join([*parts, text[end:]])
