"""Peak memory: each side in a process of its own."""

from __future__ import annotations

from typing import Any

from smoothbit.report.charts import LOW_BIT_PEER_COLOR, PEER_COLOR, Chart, Series, needs_log, width_color, width_name
from smoothbit.report.content import Table, Tile
from smoothbit.report.wording import MISSING, number, ratio, significant

Row = dict[str, Any]


def memory_tiles(rows: list[Row]) -> tuple[Tile, ...]:
    """Return how many times smaller each width is than the largest side."""
    tiles = []
    for row in rows[:4]:
        ratios = row.get("ratio_peak_rss") or {}
        largest = max(ratios, key=lambda side: float(ratios[side]), default=None)
        value = MISSING if largest is None else f"{ratio(ratios[largest])} smaller"
        tiles.append(
            Tile(width_name(row["bits"]), value, "no other side ran" if largest is None else f"than {largest}")
        )
    return tuple(tiles)


def memory_table(rows: list[Row]) -> Table:
    """Return peak, peak of the imports and ratios of each side."""
    cells = []
    for name, side, row in _sides(rows):
        peak, imports = float(side["peak_mb"]), float(side["imports_mb"])
        cells.append(
            (
                name,
                f"{significant(peak)} MB",
                f"{significant(imports)} MB",
                f"{significant(peak - imports)} MB",
                *(ratio(number(row.get("ratio_peak_rss") or {}, other)) for other in _others(rows)),
            )
        )
    columns = ("Side", "Peak", "Of it imports", "Above imports", *(f"{other} over it" for other in _others(rows)))
    note = (
        "Peak resident memory of a whole process, interpreter and libraries included; ratios are those of whole ones."
    )
    return Table("Peak memory", columns, tuple(cells), note)


def memory_chart(name: str, rows: list[Row]) -> Chart:
    """Return the peaks as bars, the share of the imports inside each."""
    sides = _sides(rows)
    peaks = tuple(
        Series(
            side, (float(position),), (float(figure["peak_mb"]),), color=_color(side),
            labels=(f"{significant(float(figure['peak_mb']))} MB",),
        )
        for position, (side, figure, _) in enumerate(sides)
    )  # fmt: skip
    positions = tuple(float(position) for position in range(len(sides)))
    imports = Series(
        "imports", positions, tuple(float(figure["imports_mb"]) for _, figure, _ in sides), color="#e2e8f0"
    )
    log = needs_log([float(figure["peak_mb"]) for _, figure, _ in sides])
    return Chart(
        f"{name}-memory", "Peak resident memory of the whole network", "bars", "Peak resident memory (MB)", "",
        peaks if log else (*peaks, imports), tuple(side for side, *_ in sides), is_value_log=log,
        caption="Each side in a process of its own."
        + ("" if log else " Light part: what interpreter and imports take before any work."),
    )  # fmt: skip


def _sides(rows: list[Row]) -> list[tuple[str, Row, Row]]:
    """Return name, figures and row of each side, smallest first; other sides stand in every row."""
    sides: dict[str, tuple[Row, Row]] = {}
    for row in rows:
        for name, figure in (row.get("memory") or {}).items():
            if name == "engine":
                sides[f"{width_name(row['bits'])}, engine"] = (figure, row)
            else:
                sides.setdefault(name, (figure, {}))
    ordered = sorted(sides.items(), key=lambda item: float(item[1][0]["peak_mb"]))
    return [(name, figure, row) for name, (figure, row) in ordered]


def _others(rows: list[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(side for row in rows for side in row.get("ratio_peak_rss") or {}))


def _color(side: str) -> str:
    if side.endswith(", engine"):
        return width_color(side.removesuffix(", engine"))
    return width_color(32) if side == "own FP32" else LOW_BIT_PEER_COLOR if "int" in side else PEER_COLOR
