"""Checks of `spmm_f32`: the float32 step, its sums in entry order."""

from __future__ import annotations

import numpy as np

from smoothbit.kernels import reference
from smoothbit.testing.kernels import inputs
from smoothbit.testing.kernels.subject import Subject, new_list

LENGTHS = (0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 97, 128, 129, 200)
CHECKS = new_list()


@CHECKS.add(entries=("ones", "values"), length=LENGTHS)
def rows_of_every_length(subject: Subject, entries: str, length: int) -> None:
    """The same bits with every part and number of threads."""
    rng = np.random.default_rng(length)
    graph = inputs.make_graph(rng, 31, 23, hub=70, values=entries == "values")
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
            out = inputs.guarded((31, length), np.float32)
            subject.call(
                graph,
                inputs.place(source).array,
                row_scale=rows,
                scale=scale,
                skip=this_skip,
                skip_scale=skip_scale,
                out=out.array,
                num_threads=num_threads,
            )
            subject.output(out, want, f"length={length}, scale={scale}, threads={num_threads}")


@CHECKS.add()
def a_table_larger_than_the_cache(subject: Subject) -> None:
    """Prefetching reads ahead and no further."""
    rng = np.random.default_rng(9)
    graph = inputs.make_graph(rng, 300, 5000, hub=500)
    source = rng.normal(size=(5000, 72)).astype(np.float32)
    want = reference.spmm_f32(graph, source, None, 0.5, None, 0.0)
    for num_threads in (1, 2, None):
        subject.equal(subject.call(graph, source, scale=0.5, num_threads=num_threads), want, f"threads={num_threads}")
