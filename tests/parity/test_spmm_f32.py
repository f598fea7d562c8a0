from __future__ import annotations

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.kernels import reference
from tests.cases import kernel_case as case

OPERATOR = "spmm_f32"
LENGTHS = (0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 97, 128, 129, 200)


@pytest.mark.parametrize("has_values", [False, True], ids=["ones", "values"])
@pytest.mark.parametrize("length", LENGTHS)
def test_same_bits(compare, length, has_values):
    rng = np.random.default_rng(length)
    graph = case.make_graph(rng, 31, 23, hub=70, values=has_values)
    source = rng.normal(size=(23, length)).astype(np.float32)
    skip = rng.normal(size=(31, length)).astype(np.float32)
    row_scale = rng.normal(size=31).astype(np.float32)
    for scale, this_skip, skip_scale, rows in (
        (1.0, None, 0.0, None),
        (0.9, skip, 0.1, row_scale),
        (0.9, skip, -0.1, None),
        (-0.3, None, 0.0, row_scale),
    ):
        want = reference.spmm_f32(graph, source, rows, scale, this_skip, skip_scale)
        for num_threads in (1, 2, 4):
            out = case.guarded((31, length), np.float32)
            kernels.spmm_f32(
                graph,
                case.place(source).array,
                row_scale=rows,
                scale=scale,
                skip=this_skip,
                skip_scale=skip_scale,
                out=out.array,
                num_threads=num_threads,
            )
            compare.output(out, want, (length, scale, num_threads))


def test_large_table_with_prefetch(compare):
    rng = np.random.default_rng(9)
    graph = case.make_graph(rng, 300, 5000, hub=500)
    source = rng.normal(size=(5000, 72)).astype(np.float32)
    want = reference.spmm_f32(graph, source, None, 0.5, None, 0.0)
    for num_threads in (1, 2, None):
        compare.equal(kernels.spmm_f32(graph, source, scale=0.5, num_threads=num_threads), want)
