"""Grid of recipes for a comparison: each cell has a run folder of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from pathlib import Path

from smoothbit.errors import ArgumentError, RunError
from smoothbit.train.config import PLACE_FIELDS, TrainConfig
from smoothbit.train.run_folder import CONFIG_FILE, read_config

SHORT_NAMES = {"num_steps": "k", "hidden_channels": "h"}
"""What stands before the value of a field in a cell's name, where the field's own name is not wanted."""


def make_grid(base: Mapping[str, object], grids: Sequence[Mapping[str, Sequence[object]]]) -> dict[str, TrainConfig]:
    """Return the cells by name, in order; a cell that stands in several grids is one.

    A cell stands once for all values of the fields that it does not read: a float32 one for all quantizers.

    Args:
        base: Values that all cells share, by field of `TrainConfig`.
        grids: Values of fields, each grid all combinations of its own; they come before those of `base`.

    Raises:
        ArgumentError: a combination is no valid recipe; the message shows it.
    """
    cells: list[TrainConfig] = []
    for axes in grids:
        for values in product(*axes.values()):
            cell = _make_cell(base, dict(zip(axes, values, strict=True)))
            if cell not in cells:
                cells.append(cell)
    varying = varying_fields(cells)
    grid: dict[str, TrainConfig] = {}
    for cell in cells:
        grid[_unused(cell_name(cell, varying), grid)] = cell
    return grid


def varying_fields(cells: Sequence[TrainConfig]) -> list[str]:
    """Return the fields in which cells differ, each among the cells that read it."""

    def varies(name: str) -> bool:
        values = [getattr(cell, name) for cell in cells if name not in cell.unread_fields]
        return any(value != values[0] for value in values)

    return [field.name for field in fields(TrainConfig) if field.name not in PLACE_FIELDS and varies(field.name)]


def cell_name(cell: TrainConfig, varying: Sequence[str]) -> str:
    """Return the values of the varying fields as a folder name, e.g. "Cora-k10-smp-qlr-int2"."""
    shown = varying or ("dataset", "num_bits")
    parts = [_part(name, getattr(cell, name)) for name in shown if name not in cell.unread_fields]
    return re.sub(r"[^\w.+-]", "_", "-".join(filter(None, parts))) or "default"


def place_grid(grid: Mapping[str, TrainConfig], out: Path) -> dict[str, TrainConfig]:
    """Return the cells by run folder in `out`: a folder that already holds a cell's recipe keeps its name.

    So a grid that grows, and with it the names of its cells, finds what was trained before.
    """
    stored = _stored_configs(out)
    placed: dict[str, TrainConfig] = {}
    for name, cell in grid.items():
        found = next(
            (old for old, config in stored.items() if old not in placed and not cell.differences(config)), None
        )
        placed[found or _unused(name, {**placed, **stored})] = cell
    return placed


def _stored_configs(out: Path) -> dict[str, TrainConfig]:
    stored = {}
    for path in sorted(out.glob(f"*/{CONFIG_FILE}")):
        try:
            stored[path.parent.name] = read_config(path.parent)
        except RunError:  # of another version; `claim_folder` says so if the name is needed
            continue
    return stored


def _make_cell(base: Mapping[str, object], values: Mapping[str, object]) -> TrainConfig:
    recipe: dict[str, object] = {**base, **values}
    try:
        cell = TrainConfig(**recipe)  # type: ignore[arg-type]
    except ArgumentError as error:
        raise ArgumentError(f"{error} The cell is {recipe}.") from error
    defaults = TrainConfig()
    return replace(cell, **{name: getattr(defaults, name) for name in cell.unread_fields})


def _part(name: str, value: object) -> str:
    if name == "num_bits":
        return "fp32" if value == 32 else f"int{value}"
    if isinstance(value, bool):
        return name if value else ""
    if isinstance(value, Mapping):
        return "-".join(str(item) if isinstance(item, str) else f"{key}{item}" for key, item in value.items())
    if value is None or isinstance(value, str):
        return value or ""
    return f"{SHORT_NAMES.get(name, name)}{value}"


def _unused(name: str, taken: Mapping[str, object]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}-{number}"
    return candidate
