"""Records of `smoothbit bench` with several cases, ceilings or memory figures."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def bench_row(bits: int, **changes: Any) -> Row:
    """Return a row with every field of the schema."""
    row = {
        "suite": "propagate", "graph": "powerlaw", "nodes": 1000, "edges": 4000, "channels": 128, "bits": bits,
        "threads": 1, "isa": "avx2", "engine_ms": 1.0, "engine_q1_ms": 0.9, "engine_q3_ms": 1.2, "own_fp32_ms": 4.0,
        "own_fp32_q1_ms": 3.8, "own_fp32_q3_ms": 4.4, "peers": {"scipy-csr": 9.0}, "peer_quartiles": {},
        "best_fp32_peer": "scipy-csr", "ratio_best_fp32_peer": 9.0, "ratio_own_fp32": 4.0,
        "ratio_best_lowbit_peer": None, "peak_rss_mb": 41.0, "case": "", "ns_per_row": 200.0, "bytes_moved": 1000,
        "gb_per_s": 1.0, "ratio_paper": None, "memory": None, "ratio_peak_rss": None,
    }  # fmt: skip
    return {**row, **changes}


def record(*rows: Row, **parts: Any) -> Row:
    """Return a record of rows."""
    return {"rows": list(rows), "environment": {"caches": {"L1d": "32K", "L1i": "32K", "L2": "1M"}}, **parts}


def ceiling(kind: str, table_bytes: int, row_bytes: int, ns_per_row: float) -> Row:
    """Return a measured point."""
    rate = row_bytes / ns_per_row
    return {
        "kind": kind, "table_bytes": table_bytes, "row_bytes": row_bytes, "ns_per_row": ns_per_row,
        "gb_per_s": rate, "routine": "our FP32 row sums",
    }  # fmt: skip


CEILINGS = [
    ceiling("sequential", 1 << 14, 512, 5.0),
    ceiling("sequential", 1 << 20, 512, 10.0),
    *(ceiling("random", size, row, row / 32) for row in (32, 512) for size in (1 << 14, 1 << 20)),
]
