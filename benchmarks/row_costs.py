"""What a row and an entry cost, by the cache that rows are gathered from: one step on graphs of one degree.

python benchmarks/row_costs.py [--channels 128] [--bits 2] [--lengths 5,10,20,40] [--tables 8,128,2048] [--seconds 0.5]

Rows gather from the first KiB of the table, at random. All graphs have as many nodes as the largest table has rows,
so that every call takes the same path through the kernel.
"""

from __future__ import annotations

import argparse

import numpy as np

from smoothbit.bench.replay import prepared
from smoothbit.bench.step import packed_step, random_states
from smoothbit.bench.timer import measure
from smoothbit.engine import KernelBackend, PreparedGraph
from smoothbit.kernels import isa
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.packing import packed_row_bytes


def regular_graph(num_nodes: int, length: int, num_sources: int) -> CSR:
    """Return rows of `length` entries, self-loop included once prepared, to random nodes below `num_sources`."""
    sources = np.random.default_rng(0).integers(0, num_sources, (num_nodes, length - 1)).astype(np.int32)
    indptr = np.arange(num_nodes + 1, dtype=np.int64) * (length - 1)
    return CSR(indptr, sources.reshape(-1), num_nodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--bits", type=int, default=2)
    parser.add_argument("--lengths", default="5,10,20,40")
    parser.add_argument("--tables", default="8,128,2048", help="KiB")
    parser.add_argument("--seconds", type=float, default=0.5)
    args = parser.parse_args()
    row_bytes = packed_row_bytes(args.channels, args.bits)
    tables = [int(size) for size in args.tables.split(",")]
    lengths = [int(length) for length in args.lengths.split(",")]
    num_nodes = max(tables) * 1024 // row_bytes
    backend, calls = KernelBackend(1), {}
    state, source = random_states(num_nodes, args.channels, 0)
    for size in tables:
        for length in lengths:
            graph = PreparedGraph(regular_graph(num_nodes, length, size * 1024 // row_bytes), "none")
            step = packed_step(graph, state, source, args.bits)
            calls[f"{size} KiB, {length}"] = prepared(step.bind(backend, step.epilogue()))
    timings = measure(calls, budget_s=args.seconds)
    print(f"{isa.chosen()}, {args.channels} channels, {args.bits} bits: ns for a row, and for each further entry")
    for size in tables:
        rows = [1e6 * timings[f"{size} KiB, {length}"].median_ms / num_nodes for length in lengths]
        further = [(b - a) / (m - n) for a, b, n, m in zip(rows, rows[1:], lengths, lengths[1:], strict=False)]
        costs = [f"{cost:6.2f}" for cost in rows + further]
        print(f"{size:6d} KiB  rows", *costs[: len(rows)], "  entries", *costs[len(rows) :])


if __name__ == "__main__":
    main()
