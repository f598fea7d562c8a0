"""Checks before timing: what is fast must first be right.

Only sampled rows are recomputed: the oracle is written for reading, not for speed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smoothbit import kernels
from smoothbit.engine import KernelBackend
from smoothbit.errors import SmoothbitError
from smoothbit.kernels import DeltaState, DeltaStep, Epilogue, reference
from smoothbit.numerics.csr import CSR
from smoothbit.typing import AnyArray, Float32Array, Int16Array, Int64Array, UInt8Array

NUM_SAMPLED_ROWS = 128
UNIT_ROUNDOFF = 2.0**-24
"""Half the spacing of float32 numbers around 1."""


class MismatchError(SmoothbitError):
    """A measured side computes something else than it should, so its time means nothing."""


def sample_rows(graph: CSR, seed: int = 0) -> Int64Array:
    """Return rows to check, sorted: random ones, the longest, the shortest, the first and the last."""
    if graph.num_rows == 0:
        return np.empty(0, dtype=np.int64)
    generator = np.random.default_rng(seed)
    drawn = generator.integers(graph.num_rows, size=NUM_SAMPLED_ROWS)
    lengths = graph.row_lengths
    special = [0, graph.num_rows - 1, int(lengths.argmax()), int(lengths.argmin())]
    return np.unique(np.concatenate([drawn, special])).astype(np.int64)


def take_rows(graph: CSR, rows: Int64Array) -> CSR:
    """Return the CSR matrix of the given rows; all columns stay."""
    entries, indptr = _entries(graph, rows)
    values = None if graph.values is None else graph.values[entries]
    return CSR(indptr, graph.indices[entries], graph.num_cols, values)


def take_epilogue_rows(epilogue: Epilogue, rows: Int64Array) -> Epilogue:
    """Return the epilogue for the given rows alone, their results in order."""
    terms = tuple(replace(term, data=term.data[rows], row_scale=_take(term.row_scale, rows)) for term in epilogue.terms)
    return replace(
        epilogue,
        terms=terms,
        row_term=_take(epilogue.row_term, rows),
        row_scale=_take(epilogue.row_scale, rows),
        output_row_scale=_take(epilogue.output_row_scale, rows),
        out_rows=None,
    )


class CheckedBackend(KernelBackend):
    """Runs primitives on the kernels and compares sampled rows of each integer result with the oracle.

    Args:
        num_threads: Threads inside each kernel.
        seed: Seed of the sampled rows.

    Attributes:
        checked_rows: Rows compared so far, over all primitives.

    Raises:
        MismatchError: by each primitive whose result differs in any bit.
    """

    def __init__(self, num_threads: int | None = None, seed: int = 0) -> None:
        super().__init__(num_threads)
        self.seed = seed
        self.checked_rows = 0

    def spmm(
        self, graph: CSR, source: UInt8Array, num_bits: int, weights: Int16Array | None, epilogue: Epilogue
    ) -> UInt8Array | Float32Array:
        """Gather and add packed rows, then the epilogue; checked."""
        out = super().spmm(graph, source, num_bits, weights, epilogue)
        rows = sample_rows(graph, self.seed)
        weights_of_rows = None if weights is None else weights[_entries(graph, rows)[0]]
        wanted = reference.spmm(
            take_rows(graph, rows), source, num_bits, weights_of_rows, take_epilogue_rows(epilogue, rows)
        )
        self._compare("spmm", out, epilogue, rows, wanted)
        return out

    def gemm(
        self,
        source: UInt8Array,
        num_bits: int,
        depth: int,
        weight: UInt8Array,
        weight_bits: int,
        epilogue: Epilogue,
    ) -> UInt8Array | Float32Array:
        """Multiply packed matrices, then the epilogue; checked."""
        out = super().gemm(source, num_bits, depth, weight, weight_bits, epilogue)
        rows = self._plain_rows(len(source))
        part = take_epilogue_rows(epilogue, rows)
        wanted = reference.gemm(source[rows], num_bits, depth, weight, weight_bits, part)
        self._compare("gemm", out, epilogue, rows, wanted)
        return out

    def combine(self, num_rows: int, epilogue: Epilogue) -> UInt8Array | Float32Array:
        """Apply the epilogue to no sum; checked."""
        out = super().combine(num_rows, epilogue)
        rows = self._plain_rows(num_rows)
        wanted = reference.apply_epilogue(None, len(rows), take_epilogue_rows(epilogue, rows))
        self._compare("combine", out, epilogue, rows, wanted)
        return out

    def delta_state(self, graph: CSR, num_channels: int, num_bits: int, bound: int) -> DeltaState:
        """Return room for the messages and sums of a propagation, and keep room for those of the sampled rows."""
        part = take_rows(graph, sample_rows(graph, self.seed))
        self._sampled = kernels.delta_state(part, num_channels, num_bits, bound)
        return super().delta_state(graph, num_channels, num_bits, bound)

    def delta_step(
        self, graph: CSR, source: UInt8Array, num_bits: int, state: DeltaState, step: DeltaStep
    ) -> UInt8Array | Float32Array:
        """Add gathered differences to `state`, the latest that was made, then finish the step; checked."""
        out = super().delta_step(graph, source, num_bits, state, step)
        rows = sample_rows(graph, self.seed)
        part = take_rows(graph, rows)
        # The oracle takes the first rows of the source for those of the graph: the sampled ones go there.
        shifted = CSR(part.indptr, part.indices + np.int32(len(rows)), part.num_cols + len(rows))
        sampled = replace(step, epilogue=take_epilogue_rows(step.epilogue, rows))
        codes = np.concatenate([source[rows], source])
        wanted = reference.delta_step(shifted, codes, num_bits, self._sampled, sampled)
        self._compare("delta_step", out, step.epilogue, rows, wanted)
        return out

    def _plain_rows(self, num_rows: int) -> Int64Array:
        generator = np.random.default_rng(self.seed)
        return np.unique(generator.integers(num_rows, size=NUM_SAMPLED_ROWS)).astype(np.int64)

    def _compare(self, operator: str, out: AnyArray, epilogue: Epilogue, rows: Int64Array, wanted: AnyArray) -> None:
        got = out[rows if epilogue.out_rows is None else epilogue.out_rows[rows]]
        wrong = np.flatnonzero((got[:, : wanted.shape[1]] != wanted).any(axis=1))
        if len(wrong):
            raise MismatchError(
                f"Expected `{operator}` to equal the NumPy reference (got {len(wrong)} of {len(wanted)} "
                "sampled rows that differ). Report it with the output of `smoothbit bench --json -`."
            )
        self.checked_rows += len(wanted)


def check_product(
    name: str,
    got: Float32Array,
    matrix: CSR,
    source: Float32Array,
    rows: Int64Array,
    magnitudes: Float32Array | None = None,
) -> None:
    """Check sampled rows of a float32 product against float64.

    The tolerance is that of a sum of n products in float32, in any order, each product rounded once
    (Higham 2002, eq. 3.5): ``(n + 1) * 2**-24 * sum |values_j * magnitudes_j|``, doubled because the
    values themselves are rounded.

    Args:
        name: Side that made the product, for the message.
        got: Its rows [R, F], float32.
        matrix: Matrix [N, M], values float32.
        source: Factor [M, F], float32.
        rows: Sampled rows [R].
        magnitudes: Largest absolute intermediate value behind each number of `source` [M, F], or None
            for the number itself.

    Raises:
        MismatchError: a number is further away than the tolerance.
    """
    part = take_rows(matrix, rows)
    for position in range(len(rows)):
        entries = slice(int(part.indptr[position]), int(part.indptr[position + 1]))
        weights = np.ones(entries.stop - entries.start) if part.values is None else part.values[entries]
        columns, factors = part.indices[entries], np.asarray(weights, np.float64)[:, None]
        sizes = np.abs(factors * (source if magnitudes is None else magnitudes)[columns]).sum(axis=0)
        tolerance = 2 * (len(columns) + 1) * UNIT_ROUNDOFF * sizes
        error = np.abs((factors * source[columns]).sum(axis=0) - got[position])
        if (error > tolerance).any():
            worst = int((error - tolerance).argmax())
            raise MismatchError(
                f"Expected `{name}` to give row {rows[position]} of the product within {tolerance[worst]:.3g} "
                f"(got an error of {error[worst]:.3g}). Its time is not comparable."
            )


def _take(array: Float32Array | None, rows: Int64Array) -> Float32Array | None:
    return None if array is None else array[rows]


def _entries(graph: CSR, rows: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the positions of the entries of `rows`, and the row starts of their own matrix."""
    lengths = graph.row_lengths[rows]
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    entries = np.repeat(graph.indptr[rows] - indptr[:-1], lengths) + np.arange(indptr[-1])
    return entries, indptr
