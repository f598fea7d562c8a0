"""Write the tables of docs/performance.md from the records in benchmarks/results.

    python benchmarks/make_tables.py

Replaces what stands between the two markers of the page.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- tables: benchmarks/make_tables.py -->", "<!-- end of tables -->"
HEAD = (
    "| {} | ISA | bits | ms | quartiles | times our own FP32 | times the best FP32 peer | which "
    "| times the best low-bit peer |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
TITLES = {
    "propagate": "one step",
    "model": "whole network, K = 10",
    "features": "sparse input layer",
    "gemm": "dense layer",
}


def main() -> None:
    records = [(path.stem, json.loads(path.read_text())) for path in sorted((HERE / "results").glob("*.json"))]
    parts = []
    for suite, title in TITLES.items():
        rows = [_row(name, row) for name, record in records for row in record["rows"] if row["suite"] == suite]
        if rows:
            parts.append("\n".join([HEAD.format(title), *rows]))
    memory = [row for _, record in records for row in record["rows"] if row["suite"] == "memory"]
    if memory:
        parts.append(_memory(memory))
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n\n".join(parts) + f"\n{END}{after}", encoding="utf-8")


def _row(name: str, row: dict[str, Any]) -> str:
    setting = name.removesuffix(f"-{row['isa']}-{row['threads']}t").removeprefix(f"{row['suite']}-")
    ratios = [row["ratio_own_fp32"], row["ratio_best_fp32_peer"]]
    own, best = ("-" if ratio is None else f"{ratio:.1f}" for ratio in ratios)
    low = "-" if row["ratio_best_lowbit_peer"] is None else f"{row['ratio_best_lowbit_peer']:.1f}"
    quartiles = f"{row['engine_q1_ms']:.4g} .. {row['engine_q3_ms']:.4g}"
    return (
        f"| {setting} | {row['isa']} | {row['bits']} | {row['engine_ms']:.4g} | {quartiles} | {own} | {best} "
        f"| {row['best_fp32_peer'] or '-'} | {low} |"
    )


def _memory(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| whole network, peak resident memory | ISA | bits | engine MB | PyG MB | times |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        pyg, engine = row["memory"]["pyg-appnp"]["peak_mb"], row["peak_rss_mb"]
        setting = f"{row['graph']}, {row['channels']} channels"
        lines.append(f"| {setting} | {row['isa']} | {row['bits']} | {engine:.0f} | {pyg:.0f} | {pyg / engine:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
