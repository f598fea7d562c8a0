"""Where a command writes: tables for people, JSON for programs, progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from smoothbit.atomic_file import atomic_file

STDOUT = Path("-")
FILE_WIDTH = 160
"""Columns when the output is no terminal, so that no table cell is cut."""


class Output:
    """Output of one command.

    Args:
        json_path: Where the result goes as JSON; "-" is standard output, and everything else then
            goes to standard error.
    """

    def __init__(self, json_path: Path | None) -> None:
        self.json_path = json_path
        self.console = Console(stderr=json_path == STDOUT, highlight=False, soft_wrap=True, markup=False)
        if not self.console.is_terminal:
            self.console.width = FILE_WIDTH

    def print(self, *things: Any, style: str | None = None) -> None:
        """Print text or tables for people; what looks like markup, e.g. in the name of a folder, is text."""
        self.console.print(*things, style=style)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write the result where `--json` says."""
        if self.json_path is None:
            return
        text = json.dumps(result, indent=1, allow_nan=False) + "\n"
        if self.json_path == STDOUT:
            sys.stdout.write(text)
        else:
            with atomic_file(self.json_path) as file:
                file.write(text.encode())


def make_table(title: str, columns: Mapping[str, str]) -> Table:
    """Return an empty table; `columns` maps headings to "left" or "right"."""
    table = Table(title=title, title_justify="left")
    for heading, side in columns.items():
        table.add_column(heading, justify="right" if side == "right" else "left", no_wrap=True)
    return table


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Show a bar on standard error, if that is a terminal.

    Args:
        description: What is counted.
        total: Steps in all.

    Yields:
        Function of the steps done so far and a word on the present state.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=total, state="")

        def advance(completed: int, state: str = "") -> None:
            progress.update(task, completed=completed, state=state)

        yield advance


def human_bytes(count: int) -> str:
    """Return a number of bytes with its unit, e.g. "25.3 kB"."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
