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
        return field.replace("_", " ") if value else ""
    return "" if value is None else value if isinstance(value, str) else f"{field.replace('_', ' ')} {value}"
