from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from smoothbit.bench import BenchRecord, BenchRequest, BenchRow, Timing
from smoothbit.bench.record import MemoryFigure

ROW = BenchRow(
    "propagate", "powerlaw", 10, 20, 8, 2, 1, "avx2", 1.0, 0.9, 1.1, 4.0, 3.9, 4.2,
    {"scipy-csr": 8.0}, {"scipy-csr": (7.5, 8.5)}, "scipy-csr", 8.0, 4.0, None, 40.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "INT2: 8.00 times faster than the best FP32 peer (scipy-csr), 4.00 times faster than our own FP32."),
        (
            {"ratio_best_fp32_peer": 0.5, "ratio_own_fp32": 0.8},
            "INT2: 2.00 times SLOWER than the best FP32 peer (scipy-csr), 1.25 times SLOWER than our own FP32.",
        ),
        (
            {"best_fp32_peer": None, "ratio_best_fp32_peer": None},
            "INT2: no FP32 peer ran, 4.00 times faster than our own FP32.",
        ),
        (
            {"case": "pack", "best_fp32_peer": None, "ratio_best_fp32_peer": None, "ratio_own_fp32": None},
            "pack, INT2: no FP32 peer ran.",
        ),
        (
            {
                "best_fp32_peer": None,
                "ratio_best_fp32_peer": None,
                "ratio_own_fp32": None,
                "ratio_best_lowbit_peer": 2.0,
            },
            "INT2: 2.00 times faster than the best low-bit peer.",
        ),
        (
            {"ratio_peak_rss": {"pyg-appnp": 9.5, "other": 0.5}},
            "INT2: peak memory 40.0 MB, 1/9.50 of pyg-appnp, 2.00 times that of other.",
        ),
        ({"ratio_peak_rss": {}, "peak_rss_mb": None}, "INT2: peak memory unknown."),
    ],
    ids=["faster", "slower", "no peer", "nothing to compare", "low-bit peers only", "memory", "memory unknown"],
)
def test_verdict_is_plain(change, sentence):
    assert replace(ROW, **change).verdict() == sentence


def test_memory_above_the_imports():
    assert MemoryFigure(100.0, 40.5).above_imports_mb == 59.5


def test_record_is_json_without_paths():
    request = BenchRequest(data_root=Path("/somewhere/data"))
    record = BenchRecord(request, [ROW], {"cpu": "x"}, {"INT2": Timing(1.0, 0.9, 1.1, 30, 1)})
    text = json.dumps(record.to_json())
    assert "/somewhere" not in text
    assert json.loads(text)["verdicts"] == [ROW.verdict()]
    assert json.loads(text)["timings"]["INT2"]["samples"] == 30
