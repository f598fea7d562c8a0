"""Names of methods: what varies between the cells of a comparison, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from smoothbit.report.charts import width_name


def label(row: dict[str, Any], fields: Sequence[str]) -> str:
    """Return the values of fields of a cell as words, the width last, e.g. "smp public INT2"."""
    shown = [field for field in fields if field not in row["unread"]]
    words = [_words(field, row["config"][field]) for field in sorted(shown, key=lambda field: field == "num_bits")]
    return " ".join(filter(None, words))


def without_common(rows: Sequence[dict[str, Any]], fields: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows whose labels say where they leave the recipe of the first, if each does in one field at most.

    That is how an ablation is laid out. Rows of any other grid are returned as they are.
    """
    recipe = [field for field in fields if field not in ("dataset", "num_bits")]
    reference = next((row["config"] for row in rows if not row["unread"]), None)
    if reference is None or len(recipe) < 2:
        return list(rows)
    common = [[field for field in recipe if row["config"][field] == reference[field]] for row in rows]
    left = [{*recipe} - {*same, *row["unread"]} for row, same in zip(rows, common, strict=True)]
    if max(map(len, left)) > 1:
        return list(rows)
    return [{**row, "unread": [*row["unread"], *same]} for row, same in zip(rows, common, strict=True)]


def order_of(field: str, value: Any) -> Any:
    """Return what values of a field are sorted by: wide before narrow, few steps before many."""
    return -value if field == "num_bits" else value


def unique(values: Iterable[str]) -> list[str]:
    """Return the values without repetition, in order."""
    return list(dict.fromkeys(values))


def _words(field: str, value: Any) -> str:
    if field == "num_bits":
        return width_name(value)
    if field == "num_steps":
        return f"K={value}"
    if isinstance(value, dict):
        return " ".join(str(item) if isinstance(item, str) else f"{key}={item}" for key, item in value.items())
    if isinstance(value, bool):
        name = field.removeprefix("is_").replace("_", " ")
        return name if value else f"not {name}"
    return "" if value is None else value if isinstance(value, str) else f"{field.replace('_', ' ')} {value}"
