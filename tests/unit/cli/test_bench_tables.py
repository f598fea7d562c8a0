from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from smoothbit.bench import BenchRecord, BenchRequest, BenchRow, Timing
from smoothbit.bench.record import MemoryFigure
from smoothbit.cli.bench_tables import memory_table, place_line, side_table, width_table

ROW = BenchRow(
    "propagate", "powerlaw", 1000, 2000, 8, 2, 1, "avx2", 1.0, 0.9, 1.1, 4.0, 3.9, 4.2,
    {"scipy-csr": 8.0}, {"scipy-csr": (7.5, 8.5)}, "scipy-csr", 8.0, 4.0, None, 40.0,
)  # fmt: skip
EMPTY = replace(
    ROW, suite="memory", engine_ms=None, engine_q1_ms=None, engine_q3_ms=None, best_fp32_peer=None,
    ratio_best_fp32_peer=None, ratio_own_fp32=None,
)  # fmt: skip


def text(table) -> str:
    file = io.StringIO()
    Console(file=file, width=200).print(table)
    return file.getvalue()


def record(row: BenchRow, **timings: Timing) -> BenchRecord:
    return BenchRecord(BenchRequest(), [row], {"cpu": "Test CPU"}, timings)


@pytest.mark.parametrize(
    ("suite", "size"),
    [
        ("propagate", "1,000 nodes, 2,000 directed edges"),
        ("features", "1,000 nodes, 2,000 stored entries"),
        ("gemm", "1,000 x 512 by 512 x 8"),
        ("scaling", "up to 169,343 nodes and 2,315,598 directed edges"),
    ],
)
def test_place_says_what_the_numbers_count(suite, size):
    assert place_line(record(replace(ROW, suite=suite))) == (
        f"{suite} on powerlaw: {size}, 8 channels, 1 thread(s), avx2, Test CPU"
    )


def test_empty_columns_are_left_out():
    plain = text(width_table([ROW]))
    assert "paper" not in plain
    assert "case" not in plain
    full = text(width_table([replace(ROW, ratio_paper=5.11, case="pack", gb_per_s=1234.5)]))
    assert all(word in full for word in ("paper", "5.11", "pack", "1234"))
    assert "engine ms" not in text(width_table([EMPTY]))


def test_sides_stand_case_by_case():
    timings = {"b: INT2": Timing(1.0, 1, 1, 3, 1), "a: slow": Timing(9.0, 9, 9, 3, 1), "a: INT2": Timing(2, 2, 2, 3, 1)}
    shown = text(side_table(record(ROW, **timings)))
    assert shown.index("a: INT2, engine") < shown.index("a: slow") < shown.index("b: INT2, engine")
    assert side_table(record(ROW)) is None


def test_memory_of_each_side_stands_once():
    sides = {"engine": MemoryFigure(50.0, 30.0), "pyg-appnp": MemoryFigure(400.0, 300.0)}
    shown = text(memory_table([replace(EMPTY, memory=sides), replace(EMPTY, bits=8, memory=sides)]))
    assert shown.count("pyg-appnp") == 1
    assert shown.index("INT2, engine") < shown.index("INT8, engine") < shown.index("pyg-appnp")
    assert memory_table([ROW]) is None
