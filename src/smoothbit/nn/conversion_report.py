"""What `quantize_` did to each module."""

from __future__ import annotations

from dataclasses import asdict, dataclass

STAGES_SHOWN = ("inputs", "weights", "messages", "aggregates")


@dataclass(frozen=True)
class ModuleRow:
    """One module.

    Args:
        name: Name in the network, "" for the network itself.
        kind: Its class before the conversion.
        action: "quantized", "kept float", "folded at export" or "no arithmetic".
        bits: Width of each stage that it has; 32 is float32.
        reason: Why it is not quantized, or "".
    """

    name: str
    kind: str
    action: str
    bits: dict[str, int]
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """Every module of a converted network; prints as a table.

    Args:
        rows: Modules in the order of the network. What a layer returns is float32 until the next one quantizes it.
    """

    rows: tuple[ModuleRow, ...]

    def to_json(self) -> dict[str, object]:
        """Return the rows as JSON-able values."""
        return asdict(self)

    def __str__(self) -> str:
        stages = [stage for stage in STAGES_SHOWN if any(stage in row.bits for row in self.rows)]
        table = [("module", "class", "action", *stages, "reason")]
        for row in self.rows:
            widths = (_width(row.bits.get(stage)) for stage in stages)
            table.append((row.name or "(model)", row.kind, row.action, *widths, row.reason))
        sizes = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        lines = ["  ".join(text.ljust(size) for text, size in zip(line, sizes, strict=True)).rstrip() for line in table]
        lines.insert(1, "  ".join("-" * size for size in sizes))
        return "\n".join(lines)


def _width(bits: int | None) -> str:
    if bits is None:
        return "-"
    return "float" if bits == 32 else str(bits)
