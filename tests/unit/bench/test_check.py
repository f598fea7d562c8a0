from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.bench.check import CheckedBackend, MismatchError, check_product, sample_rows, take_rows
from smoothbit.bench.step import packed_step, random_states
from smoothbit.engine import KernelBackend
from smoothbit.kernels import Epilogue, Term
from smoothbit.numerics.csr import csr_from_coo


@pytest.fixture
def step(graph):
    return packed_step(graph, *random_states(60, 8, seed=1), 2)


def test_right_results_pass_and_are_counted(step):
    backend = CheckedBackend(1)
    step.bind(backend, step.epilogue())()
    assert backend.checked_rows == len(sample_rows(step.graph.csr))


def test_results_in_another_order_are_checked(step):
    backend = CheckedBackend(1)
    num_rows = step.graph.csr.num_rows
    scattered = replace(step.epilogue(), output=None, out_rows=np.arange(num_rows, dtype=np.int32)[::-1].copy())
    backend.spmm(step.graph.csr, step.state.data, 2, None, scattered)
    assert backend.checked_rows > 0


def test_a_wrong_bit_is_found(step, monkeypatch):
    right = KernelBackend.spmm

    def wrong(*arguments):
        return right(*arguments) ^ np.uint8(1)

    monkeypatch.setattr(KernelBackend, "spmm", wrong)
    with pytest.raises(MismatchError, match="Expected `spmm` to equal the NumPy reference"):
        step.bind(CheckedBackend(1), step.epilogue())()


def test_weighted_sums_are_checked(step):
    backend = CheckedBackend(1)
    weights = np.arange(step.graph.csr.num_entries, dtype=np.int16) % 5 - 2
    backend.spmm(step.graph.csr, step.state.data, 2, weights, step.epilogue())
    assert backend.checked_rows > 0


def test_products_and_combinations_are_checked(step):
    backend = CheckedBackend(1)
    ones = np.ones(8, np.float32)
    backend.gemm(step.state.data, 2, 8, step.source.data[:8], 2, Epilogue(8, col_scale=ones))
    backend.combine(60, Epilogue(8, terms=(Term(step.state.data, 2, ones, ones),)))
    assert backend.checked_rows > 0


def test_sampled_rows_hold_the_extremes():
    graph = csr_from_coo(np.array([2, 2, 2, 1]), np.array([0, 1, 3, 0]), 500, 500)
    rows = sample_rows(graph)
    assert {0, 2, 499} <= set(rows.tolist())
    assert np.array_equal(rows, np.unique(rows))


def test_no_rows_to_sample():
    empty = np.empty(0, dtype=np.int64)
    assert len(sample_rows(csr_from_coo(empty, empty, 0, 0))) == 0


def test_taken_rows_are_the_rows(product):
    rows = np.array([0, 5, 59])
    part = take_rows(product.matrix, rows)
    for position, row in enumerate(rows):
        mine = slice(part.indptr[position], part.indptr[position + 1])
        theirs = slice(product.matrix.indptr[row], product.matrix.indptr[row + 1])
        assert np.array_equal(part.indices[mine], product.matrix.indices[theirs])
        assert np.array_equal(part.values[mine], product.matrix.values[theirs])


def test_float_product_within_rounding_passes(product, dense_mean):
    rows = np.arange(60)
    check_product("ours", dense_mean.astype(np.float32), product.matrix, product.source, rows)


def test_float_product_beyond_rounding_fails(product, dense_mean):
    with pytest.raises(MismatchError, match="Expected `theirs` to give row 0 of the product within"):
        check_product("theirs", dense_mean + 1e-3, product.matrix, product.source, np.arange(60))


def test_cancellation_inside_the_terms_is_allowed_for(product, dense_mean):
    rows, error = np.arange(60), 1e-6
    with pytest.raises(MismatchError, match="to give row"):
        check_product("bag", dense_mean + error, product.matrix, product.source, rows)
    large = np.full_like(product.source, 100.0)
    check_product("bag", dense_mean + error, product.matrix, product.source, rows, large)
