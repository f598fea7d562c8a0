"""What a report says, before anything is drawn: tiles, tables, charts, in sections."""

from __future__ import annotations

from dataclasses import dataclass, field

from smoothbit.report.charts import Chart


@dataclass(frozen=True)
class Tile:
    """One number at the top of the page.

    Args:
        label: What it is.
        value: The number with its unit, as text.
        note: Where it comes from or what it compares with.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of text; numbers are already written with their digits.

    Args:
        title: Heading.
        columns: Column heads, with units.
        rows: Cells, one for each column.
        note: Sentence below the table.
        name: Name of its own files and in markers, or "" for a table that is only part of the page.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    name: str = ""


@dataclass(frozen=True)
class Section:
    """One result file, or a group that belongs together.

    Args:
        title: Heading.
        lead: Sentence below the heading.
        tiles: Its most important numbers.
        tables: Its tables.
        charts: Its charts.
        notes: How to read the numbers.
        commands: Command lines that make the results again.
        environment: Machine and versions, as the result file has them.
    """

    title: str
    lead: str = ""
    tiles: tuple[Tile, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    environment: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """A whole page.

    Args:
        title: Heading.
        subtitle: Line below it.
        sections: At least one.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
