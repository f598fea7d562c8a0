"""Numbers as text, each kind written one way."""

from __future__ import annotations

import math

MISSING = "n/a"
TIMES = "\N{MULTIPLICATION SIGN}"


def number(record: dict[str, object], name: str) -> float | None:
    """Return a finite number of a record, or None when it is absent or something else."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def percent(value: float | None, spread: float | None = None) -> str:
    """Write a share in [0, 1] as percent with one decimal, and its spread likewise."""
    if value is None:
        return MISSING
    return f"{100 * value:.1f} %" if spread is None else f"{100 * value:.1f} ± {100 * spread:.1f} %"


def points(value: float | None, spread: float | None = None) -> str:
    """Write a share in [0, 1] as percent without the sign, and its spread likewise, for columns that say so."""
    if value is None:
        return MISSING
    return f"{100 * value:.1f}" if spread is None else f"{100 * value:.1f} ± {100 * spread:.1f}"


def difference(value: float | None, spread: float | None = None) -> str:
    """Write a difference of shares in percentage points, always with its sign, and its spread likewise."""
    if value is None:
        return MISSING
    return f"{100 * value:+.2f}" if spread is None else f"{100 * value:+.2f} ± {100 * spread:.2f}"


def probability(value: float | None) -> str:
    """Write a p-value with three decimals."""
    return MISSING if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def milliseconds(value: float | None) -> str:
    """Write a time with three significant digits in ms, or in microseconds below 0.1 ms."""
    if value is None:
        return MISSING
    return f"{significant(1e3 * value)} µs" if value < 0.1 else f"{significant(value)} ms"


def quartiles(low: float | None, high: float | None) -> str:
    """Write first and third quartile of a time."""
    if low is None or high is None:
        return MISSING
    return f"{milliseconds(low)} to {milliseconds(high)}"


def size(num_bytes: float | None) -> str:
    """Write bytes in powers of 1000 with three significant digits."""
    if num_bytes is None:
        return MISSING
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 999.5 or unit == "GB":
            return f"{num_bytes:.0f} B" if unit == "B" else f"{significant(num_bytes)} {unit}"
        num_bytes /= 1000
    raise AssertionError


def ratio(value: float | None) -> str:
    """Write "12.3x"; below 1 it stays a number below 1."""
    return MISSING if value is None else f"{significant(value)}{TIMES}"


def speed(value: float | None) -> str:
    """Write a time ratio as "3.2x faster" or "1.4x slower"."""
    if value is None or value <= 0:
        return MISSING
    if value >= 1:
        return f"{significant(value)}{TIMES} faster"
    return f"{significant(1 / value)}{TIMES} slower"


def count(value: float | None) -> str:
    """Write a whole number with thousands separated."""
    return MISSING if value is None else f"{int(value):,}"


def significant(value: float, digits: int = 3) -> str:
    """Write a number with `digits` significant digits, never in scientific form."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def plain(value: object) -> str:
    """Write any scalar of a record: floats with six significant digits at most, None as "n/a"."""
    if value is None:
        return MISSING
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool) or not isinstance(value, int):
        return str(value)
    return f"{value:,}"
