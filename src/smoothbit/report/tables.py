"""Tables as Markdown and HTML."""

from __future__ import annotations

from html import escape

from smoothbit.report.content import Table


def to_markdown(table: Table) -> str:
    """Return a Markdown table with its heading and note; cells of numbers are right-aligned."""
    rules = ("---:" if _is_numeric(table, column) else "---" for column in range(len(table.columns)))
    lines = [f"### {table.title}", "", _line(table.columns), _line(tuple(rules))]
    lines += [_line(row) for row in table.rows]
    if table.note:
        lines += ["", table.note]
    return "\n".join(lines) + "\n"


def to_html(table: Table) -> str:
    """Return an HTML table; every text is escaped."""
    kinds = ["num" if _is_numeric(table, column) else "txt" for column in range(len(table.columns))]
    heads = "".join(
        f'<th scope="col" class="{kind}">{escape(head)}</th>' for kind, head in zip(kinds, table.columns, strict=True)
    )
    rows = "".join(f"<tr>{_cells(row, kinds)}</tr>" for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    body = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="table-box">{body}</div>{note}'


def _cells(row: tuple[str, ...], kinds: list[str]) -> str:
    return "".join(f'<td class="{kind}">{escape(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))


def _is_numeric(table: Table, column: int) -> bool:
    cells = [row[column] for row in table.rows if row[column] not in ("n/a", "")]
    return bool(cells) and all(cell[0].isdigit() or cell[0] in "-+" for cell in cells)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
