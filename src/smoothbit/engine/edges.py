"""Edges that one operation reduces over, and what it multiplies them and their rows by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smoothbit.errors import ArgumentError
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.typing import BoolArray, Float32Array, Float64Array, Int16Array, Int32Array

WEIGHT_QMAX = 127
"""Largest magnitude of an integer edge factor."""


@dataclass(frozen=True)
class EdgeFactors:
    """Weights of edges as integers: w_e = row_scale[i] * integers[e] for the edges e of row i.

    Args:
        integers: [E] int16 in [-127, 127].
        row_scale: max |w| of the row / 127 [N] float32; 1 where that is 0.
        row_sums: Sum of the integers of each row [N], float32.
    """

    integers: Int16Array
    row_scale: Float32Array
    row_sums: Float32Array


class Edges:
    """Edges of a graph, or of a part of it, by receiver.

    Args:
        csr: [N, M]; row i lists what sends to i. `values` are float32 weights, None for 1.
        names: Node that the caller knows row i as [N], for messages.
    """

    def __init__(self, csr: CSR, names: Int32Array | None = None) -> None:
        self.csr = csr.pattern
        self.weights = csr.values
        self._names = names

    @property
    def max_count(self) -> int:
        """Most edges of a row."""
        return int(self.csr.row_lengths.max(initial=0))

    @cached_property
    def counts(self) -> Float32Array:
        """Edges of each row [N], float32."""
        return self.csr.row_lengths.astype(np.float32)

    @cached_property
    def inv_counts(self) -> Float32Array:
        """1 / edges of each row [N], float32; 1 for none."""
        return (1.0 / np.maximum(self.csr.row_lengths, 1)).astype(np.float32)

    @cached_property
    def is_present(self) -> Float32Array:
        """1 for each row with edges, else 0 [N], float32."""
        return (self.csr.row_lengths > 0).astype(np.float32)

    @cached_property
    def weighted(self) -> CSR:
        """The edges with their float32 weights as values."""
        return CSR(self.csr.indptr, self.csr.indices, self.csr.num_cols, self.weights)

    @cached_property
    def factors(self) -> EdgeFactors | None:
        """Weights as integers and a factor of each row, or None without weights."""
        if self.weights is None:
            return None
        rows = self.csr.entry_rows()
        largest = np.zeros(self.csr.num_rows, dtype=np.float32)
        np.maximum.at(largest, rows, np.abs(self.weights))
        row_scale = largest / np.float32(WEIGHT_QMAX)
        row_scale[row_scale == 0] = 1
        # A row scale below the normal numbers is rounded coarsely, so that the quotient may be larger than 127.
        integers = np.clip(np.rint(self.weights / row_scale[rows]), -WEIGHT_QMAX, WEIGHT_QMAX).astype(np.int16)
        sums = np.bincount(rows, weights=integers, minlength=self.csr.num_rows)
        return EdgeFactors(integers, row_scale, sums.astype(np.float32))

    @cached_property
    def rsqrt_counts(self) -> Float32Array:
        """edges^-1/2 of each row [N], float32; 0 for none."""
        return _rsqrt(self.csr.row_lengths.astype(np.float64))

    @cached_property
    def rsqrt_degree(self) -> Float32Array:
        """deg^-1/2 of each row [N], float32; deg is the sum of its weights, 0 gives 0.

        Raises:
            ArgumentError: a degree is negative.
        """
        if self.weights is None:
            return self.rsqrt_counts
        rows = self.csr.entry_rows()
        degree: Float64Array = np.bincount(rows, weights=self.weights, minlength=self.csr.num_rows).astype(np.float64)
        if (degree < 0).any():
            row = int(np.argmax(degree < 0))
            node = row if self._names is None else int(self._names[row])
            raise ArgumentError(
                f"Expected the edge weights of each node to add up to >= 0, as the model divides by the root of "
                f"their sum (got {degree[row]} at node {node}). Use weights >= 0, or a model without normalisation."
            )
        return _rsqrt(degree)


def with_one_loop(csr: CSR) -> CSR:
    """Return square edges with exactly one self-loop for each node, in increasing column order.

    Of several loops of a node the last one stays, with its weight; a missing one gets the weight 1.
    """
    rows = csr.entry_rows()
    is_loop = rows == csr.indices
    if csr.values is None and np.bincount(rows[is_loop], minlength=1).max(initial=0) <= 1:
        return csr.with_self_loops()
    nodes = np.arange(csr.num_rows, dtype=np.int32)
    values = None
    if csr.values is not None:
        loops = np.ones(csr.num_rows, dtype=np.float32)
        loops[rows[is_loop]] = csr.values[is_loop]  # NumPy keeps the last of several
        values = np.concatenate([csr.values[~is_loop], loops])
    receivers, senders = (np.concatenate([part[~is_loop], nodes]) for part in (rows, csr.indices))
    return csr_from_coo(receivers, senders, csr.num_rows, csr.num_cols, values)


def subset(csr: CSR, is_kept: BoolArray) -> CSR:
    """Return the edges [E] that are kept, in the same sequence."""
    ends = np.concatenate([[0], np.cumsum(is_kept, dtype=np.int64)])
    values = None if csr.values is None else csr.values[is_kept]
    return CSR(ends[csr.indptr], csr.indices[is_kept], csr.num_cols, values)


def _rsqrt(degree: Float64Array) -> Float32Array:
    positive = degree > 0
    root: Float32Array = np.where(positive, 1.0 / np.sqrt(np.where(positive, degree, 1.0)), 0.0).astype(np.float32)
    return root
