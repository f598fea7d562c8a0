from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.bench import run_suite
from smoothbit.bench.check import MismatchError
from smoothbit.bench.suites import kernels

CASES = ["pack", "unpack", "requantize", "spmm", "spmm weighted", "gather"]


@pytest.fixture
def request_of_kernels(tiny):
    return replace(tiny, suite="kernels")


def test_each_primitive_is_a_case_with_its_rates(request_of_kernels):
    record = run_suite(request_of_kernels)
    assert list(dict.fromkeys(row.case for row in record.rows)) == CASES
    for row in record.rows:
        assert row.bytes_moved is not None
        assert row.gb_per_s is not None
        assert (row.own_fp32_ms is None) == (row.case in ("pack", "unpack"))
        assert row.best_fp32_peer != "memcpy"
    assert [check.split(":")[0] for check in record.checks if "NumPy reference" in check] == CASES


def test_a_wrong_primitive_is_refused(request_of_kernels, monkeypatch):
    monkeypatch.setattr(kernels.operators, "pack", lambda codes, num_bits, num_threads: np.zeros((60, 1), np.uint8))
    with pytest.raises(MismatchError, match="Expected `pack` at 1 bits to equal the NumPy reference"):
        run_suite(request_of_kernels)
