"""Ceilings of this machine: how fast any code here can read memory, in order and row by row.

Nothing is taken from a data sheet. Each ceiling is the best of several compiled routines, so that none
of them alone decides, and each call lasts milliseconds, so that Python does not show:

- random rows: sums over rows at uniformly random places by our FP32 and INT8 kernels and by torch's FP32
  embedding bag. Reading the places (4 bytes a row) and adding is part of it, as in every propagation;
  writing is not: one row is written for each `ROWS_PER_SUM` that are read;
- in order: the same over the table's rows from first to last, and a BLAS dot product of its two halves.

A real graph reads some rows again and again, which then stay in a faster cache, so it can lie above the
ceiling of uniformly random rows for its table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from smoothbit import kernels
from smoothbit.bench.peers.base import PeerSkippedError, find_module
from smoothbit.bench.timer import measure
from smoothbit.kernels import Epilogue
from smoothbit.numerics.csr import CSR
from smoothbit.typing import Float32Array

TABLE_BYTES = tuple(1 << power for power in range(14, 29, 2))
"""16 KiB, which every first-level cache holds, to 256 MiB, which no cache holds."""
ROW_BYTES = (32, 64, 128, 512)
"""128 channels at 2, 4, 8 and 32 bits."""
SEQUENTIAL_ROW_BYTES = 512
NUM_READS = 1 << 19
ROWS_PER_SUM = 256
BUDGET_S = 0.15
"""Time for each routine at each point: 30 samples of a few milliseconds."""


@dataclass(frozen=True)
class Ceiling:
    """The best rate at which rows of one size were read from a table of one size.

    Args:
        kind: "sequential" or "random".
        table_bytes: Size of the table.
        row_bytes: Size of a row.
        gb_per_s: Bytes of rows read, 10**9 bytes a second.
        ns_per_row: Nanoseconds for a row.
        routine: The fastest routine, which this is the rate of.
    """

    kind: str
    table_bytes: int
    row_bytes: int
    gb_per_s: float
    ns_per_row: float
    routine: str


def measure_ceilings(
    num_threads: int,
    progress: Callable[[float], None],
    *,
    table_bytes: tuple[int, ...] = TABLE_BYTES,
    num_reads: int = NUM_READS,
    budget_s: float = BUDGET_S,
) -> list[Ceiling]:
    """Measure rows in order, then random rows of each size, from tables of each size.

    Args:
        num_threads: Threads of every routine; the caller limits those of other libraries.
        progress: Called with the finished share, in [0, 1].
        table_bytes: Sizes of the tables.
        num_reads: Rows read in a call.
        budget_s: Seconds for each routine at each point.
    """
    points = [("sequential", size, SEQUENTIAL_ROW_BYTES) for size in table_bytes]
    points += [("random", size, row) for row in ROW_BYTES for size in table_bytes]
    ceilings = []
    for position, (kind, size, row_bytes) in enumerate(points):
        reads = RowReads(kind, max(size // row_bytes, 1), row_bytes, num_reads, num_threads)
        ceilings.append(_best(kind, size, row_bytes, reads.routines(), budget_s))
        progress((position + 1) / len(points))
    return ceilings


class RowReads:
    """Routines that read rows of a table.

    Args:
        kind: "sequential" or "random".
        num_rows: Rows of the table.
        row_bytes: Bytes of a row, a multiple of 4.
        num_reads: Rows read in a call; every row at least once where they are read in order.
        num_threads: Threads of our own kernels.
    """

    def __init__(self, kind: str, num_rows: int, row_bytes: int, num_reads: int, num_threads: int) -> None:
        self.kind, self.num_threads = kind, num_threads
        sums = max(-(-max(num_reads, num_rows if kind == "sequential" else 0) // ROWS_PER_SUM), 1)
        count = sums * ROWS_PER_SUM
        generator = np.random.default_rng(0)
        places = np.arange(count) % num_rows if kind == "sequential" else generator.integers(num_rows, size=count)
        indptr = np.arange(sums + 1, dtype=np.int64) * ROWS_PER_SUM
        self.graph = CSR(indptr, places.astype(np.int32), num_rows)
        self.table: Float32Array = generator.random((num_rows, row_bytes // 4), dtype=np.float32)

    def routines(self) -> dict[str, tuple[Callable[[], Any], int]]:
        """Return each routine with the number of rows that a call of it reads."""
        count = self.graph.num_entries
        calls: dict[str, tuple[Callable[[], Any], int]] = {
            "our FP32 row sums": (self._own_fp32, count),
            "our INT8 row sums": (self._own_int8(), count),
        }
        if self.kind == "sequential" and len(self.table) > 1:
            half = len(self.table) // 2
            first, second = self.table[:half].reshape(-1), self.table[half : 2 * half].reshape(-1)
            calls["BLAS dot product"] = (lambda: np.dot(first, second), 2 * half)
        try:
            calls["torch FP32 embedding bag"] = (self._torch(), count)
        except PeerSkippedError:
            return calls
        return calls

    def _own_fp32(self) -> Any:
        return kernels.spmm_f32(self.graph, self.table, num_threads=self.num_threads)

    def _own_int8(self) -> Callable[[], Any]:
        codes = self.table.view(np.uint8)
        epilogue = Epilogue(codes.shape[1], col_scale=np.ones(codes.shape[1], dtype=np.float32))
        return lambda: kernels.spmm(self.graph, codes, 8, epilogue, num_threads=self.num_threads)

    def _torch(self) -> Callable[[], Any]:
        torch = find_module("torch")
        bag = torch.nn.functional.embedding_bag
        places, starts = torch.from_numpy(self.graph.indices), torch.from_numpy(self.graph.indptr[:-1].astype(np.int32))
        table = torch.from_numpy(self.table)
        return lambda: bag(places, table, starts, mode="sum")


def _best(
    kind: str, table_bytes: int, row_bytes: int, routines: dict[str, tuple[Callable[[], Any], int]], budget_s: float
) -> Ceiling:
    timings = measure({name: call for name, (call, _) in routines.items()}, budget_s)
    times_ns = {name: 1e6 * timings[name].median_ms / rows for name, (_, rows) in routines.items()}
    fastest = min(times_ns, key=lambda name: times_ns[name])
    ns_per_row = max(times_ns[fastest], 1e-6)  # a clock that did not move
    return Ceiling(kind, table_bytes, row_bytes, round(row_bytes / ns_per_row, 3), round(ns_per_row, 4), fastest)
