"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from smoothbit.errors import ArgumentError

_state = {"is_debug": False}


def is_debug() -> bool:
    """Return whether the command line asked for tracebacks."""
    return _state["is_debug"]


def set_debug(value: bool) -> bool:
    """Remember whether tracebacks are wanted."""
    _state["is_debug"] = value
    return value


DebugOption: TypeAlias = Annotated[
    bool, typer.Option("--debug", callback=set_debug, is_eager=True, help="Show a traceback on failure.")
]
JsonOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write the result as JSON; '-' is standard output."),
]
DataRootOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--data-root", metavar="DIR", help="Folder of data sets (<family>/<name>/raw); only read."),
]
ThreadsOption: TypeAlias = Annotated[
    int | None, typer.Option("--threads", min=1, help="Threads of the engine [default: all cores].")
]


def parse_list(text: str, name: str) -> list[str]:
    """Split a comma list.

    Raises:
        ArgumentError: it is empty.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ArgumentError(f"Expected `{name}` to be a comma list (got {text!r}). Write for example a,b.")
    return parts


def parse_widths(text: str, name: str = "--bits") -> list[int]:
    """Split a comma list of integers.

    Raises:
        ArgumentError: a part is no whole number.
    """
    parts = parse_list(text, name)
    if not all(part.isdecimal() for part in parts):
        raise ArgumentError(f"Expected `{name}` to be whole numbers (got {text!r}). Write for example 2,4,8.")
    return [int(part) for part in parts]


def parse_pairs(items: list[str] | None, name: str) -> dict[str, object]:
    """Turn "key=value" items into a dictionary; values that read as numbers become numbers.

    Raises:
        ArgumentError: an item has no "=".
    """
    pairs: dict[str, object] = {}
    for item in items or []:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise ArgumentError(f"Expected `{name}` to be key=value (got {item!r}). Write for example epsilon=0.1.")
        pairs[key.strip()] = _number_or_text(value.strip())
    return pairs


def _number_or_text(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
