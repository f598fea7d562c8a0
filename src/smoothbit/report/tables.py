"""Tables as Markdown and HTML."""

from __future__ import annotations

from html import escape

from smoothbit.report.content import Table
from smoothbit.report.wording import MISSING


def to_markdown(table: Table) -> str:
    """Return a Markdown table with its heading and note."""
    note = f"\n{table.note}\n" if table.note else ""
    return f"### {table.title}\n\n{to_markdown_rows(table)}{note}"


def to_markdown_rows(table: Table) -> str:
    """Return the Markdown table alone; cells of numbers are right-aligned."""
    rules = ("---:" if is_numeric(table, column) else "---" for column in range(len(table.columns)))
    lines = (table.columns, tuple(rules), *table.rows)
    return "".join(f"{_line(line)}\n" for line in lines)


def to_html(table: Table) -> str:
    """Return an HTML table; every text is escaped."""
    kinds = ["num" if is_numeric(table, column) else "txt" for column in range(len(table.columns))]
    heads = "".join(
        f'<th scope="col" class="{kind}">{escape(head)}</th>' for kind, head in zip(kinds, table.columns, strict=True)
    )
    rows = "".join(f"<tr>{_cells(row, kinds)}</tr>" for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    body = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="table-box">{body}</div>{note}'


def _cells(row: tuple[str, ...], kinds: list[str]) -> str:
    return "".join(f'<td class="{kind}">{escape(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))


def is_numeric(table: Table, column: int) -> bool:
    """Return whether a column holds numbers, some of them perhaps missing."""
    cells = [row[column] for row in table.rows if row[column] not in (MISSING, "")]
    return bool(cells) and all(cell[0].isdigit() or cell[0] in "-+<±" for cell in cells)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
