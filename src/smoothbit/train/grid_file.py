"""A comparison in a YAML file: what all cells share, grids, single cells, the number of seeds.

    base: {epochs: 400, quantizer: qlr}
    grid:                                   # or a list of such grids
      dataset: [Cora, Photo]
      num_bits: [32, 2]
    cells:
      - {dataset: Cora, propagation: gcn, num_bits: 2}
    seeds: 10

Every field of `TrainConfig` may stand in `base`, in a grid (a list of values, or one value) and in a cell.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from smoothbit.errors import ArgumentError, MissingExtraError
from smoothbit.registry import nearest_name
from smoothbit.train.config import TrainConfig

try:
    import yaml
except ImportError as error:
    raise MissingExtraError("PyYAML", "train") from error

KEYS = ("base", "grid", "cells", "seeds")
Grid = dict[str, list[object]]


@dataclass(frozen=True)
class GridFile:
    """What a file of a comparison says.

    Args:
        base: Values that all cells share.
        grids: Values of fields, one entry for each grid and each single cell.
        seeds: Number of seeds, or None.
    """

    base: dict[str, object] = field(default_factory=dict)
    grids: tuple[Grid, ...] = ({},)
    seeds: int | None = None


def read_grid_file(path: str | Path) -> GridFile:
    """Read a comparison.

    Raises:
        ArgumentError: the file is not YAML, or a key, field or value breaks its rule.
        OSError: the file cannot be read.
    """
    source = Path(path).name
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ArgumentError(f"Expected {source} to be YAML (got {problem}). Correct that line.") from error
    known = _mapping(content, source, "the file")
    for key in known:
        if key not in KEYS:
            raise ArgumentError(
                f"Expected a key of {source} to be known (got '{key}'). {nearest_name(key, list(KEYS))}"
            )
    base = {
        name: parse_value(name, value, source) for name, value in _mapping(known.get("base"), source, "base").items()
    }
    grids = [_grid(grid, source) for grid in _list(known.get("grid"))]
    cells = _list(known.get("cells"))
    singles = [
        {name: [parse_value(name, value, source)] for name, value in _mapping(c, source, "cells").items()}
        for c in cells
    ]
    return GridFile(base, tuple(grids + singles) or ({},), _seeds(known.get("seeds"), source))


def parse_values(name: str, text: str, source: str) -> list[object]:
    """Return the values of a field from a comma list as YAML writes it, e.g. "2,4" or "{variant: public}".

    Raises:
        ArgumentError: unknown field, or a value of another type.
    """
    try:
        values = yaml.safe_load(f"[{text}]")
    except yaml.YAMLError as error:
        raise ArgumentError(
            f"Expected the values of `{name}` in {source} to be YAML (got {text!r}). Quote it."
        ) from error
    return [parse_value(name, value, source) for value in values]


def parse_value(name: str, value: object, source: str) -> object:
    """Check one value of a field of `TrainConfig`, and return it with the field's type.

    Raises:
        ArgumentError: unknown field, or a value of another type.
    """
    hints = get_type_hints(TrainConfig)
    if name not in hints:
        raise ArgumentError(
            f"Expected a field in {source} to be one of a recipe (got '{name}'). {nearest_name(str(name), list(hints))}"
        )
    kinds = get_args(hints[name]) if get_origin(hints[name]) in (Union, types.UnionType) else (hints[name],)
    for kind in (get_origin(kind) or kind for kind in kinds):
        if kind is float and isinstance(value, (int, str)) and not isinstance(value, bool):
            try:
                return float(value)  # YAML 1.1 reads 1e-3, without a point, as text
            except ValueError:
                continue
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
    wanted = " or ".join("null" if kind is types.NoneType else getattr(kind, "__name__", str(kind)) for kind in kinds)
    raise ArgumentError(f"Expected `{name}` in {source} to be {wanted} (got {value!r}). Write a value of that type.")


def _grid(content: object, source: str) -> Grid:
    return {
        name: [parse_value(name, value, source) for value in _list(values)]
        for name, values in _mapping(content, source, "grid").items()
    }


def _mapping(content: object, source: str, what: str) -> Mapping[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ArgumentError(
            f"Expected `{what}` of {source} to be a mapping (got {type(content).__name__}). "
            "Write for example dataset: Cora."
        )
    return content


def _list(content: object) -> list[Any]:
    return content if isinstance(content, list) else [] if content is None else [content]


def _seeds(value: object, source: str) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ArgumentError(f"Expected `seeds` in {source} to be a whole number >= 1 (got {value!r}). Use 10.")
    return value
