"""Compressed sparse rows: the one graph and sparse-matrix container below the torch line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.typing import AnyArray, Float32Array, Int32Array, Int64Array


@dataclass(frozen=True)
class CSR:
    """Sparse matrix by rows. For a graph, row i lists the nodes that send to node i.

    Arrays are not copied and must not change: kernels keep what they derive from them.

    Args:
        indptr: Row starts [N + 1], int64, non-decreasing, from 0 to E.
        indices: Column of each entry [E], int32, in [0, num_cols).
        num_cols: Number of columns M.
        values: Entry values [E] float32, or None when every entry is 1.

    Raises:
        ShapeError: an array has the wrong rank, dtype or length.
        ArgumentError: row starts are not monotone or a column is out of range.
    """

    indptr: Int64Array
    indices: Int32Array
    num_cols: int
    values: Float32Array | None = None

    def __post_init__(self) -> None:
        _check_array("indptr", self.indptr, np.dtype(np.int64))
        _check_array("indices", self.indices, np.dtype(np.int32))
        if len(self.indptr) < 1:
            raise ShapeError("Expected `indptr` to have at least one element (got 0). Pass [0] for no rows.")
        if self.indptr[0] != 0 or self.indptr[-1] != len(self.indices):
            raise ArgumentError(
                f"Expected `indptr` to run from 0 to {len(self.indices)} "
                f"(got {self.indptr[0]} to {self.indptr[-1]}). Rebuild the row starts from the entries."
            )
        if np.any(np.diff(self.indptr) < 0):
            row = int(np.argmax(np.diff(self.indptr) < 0))
            raise ArgumentError(
                f"Expected `indptr` to be non-decreasing (got a decrease at row {row}). Sort the entries by row."
            )
        if len(self.indices) and (self.indices.min() < 0 or self.indices.max() >= self.num_cols):
            bad = int(self.indices.min() if self.indices.min() < 0 else self.indices.max())
            raise ArgumentError(
                f"Expected `indices` to be in [0, {self.num_cols}) (got {bad}). "
                "Check the edge list against the number of nodes."
            )
        if self.values is not None:
            _check_array("values", self.values, np.dtype(np.float32))
            if len(self.values) != len(self.indices):
                raise ShapeError(
                    f"Expected `values` to have {len(self.indices)} elements (got {len(self.values)}). "
                    "Pass one value for each entry."
                )
            if not np.isfinite(self.values).all():
                raise ArgumentError(
                    f"Expected `values` to be finite (got {self.values[~np.isfinite(self.values)][0]} at entry "
                    f"{int(np.argmax(~np.isfinite(self.values)))}). Remove or impute such entries."
                )

    @property
    def num_rows(self) -> int:
        """Number of rows N."""
        return len(self.indptr) - 1

    @property
    def num_entries(self) -> int:
        """Number of stored entries E."""
        return len(self.indices)

    @property
    def pattern(self) -> CSR:
        """The same entries without values."""
        return self if self.values is None else CSR(self.indptr, self.indices, self.num_cols)

    @property
    def row_lengths(self) -> Int64Array:
        """Stored entries of each row [N], int64."""
        return np.diff(self.indptr)

    def entry_rows(self) -> Int32Array:
        """Return the row of each entry [E], int32."""
        return np.repeat(np.arange(self.num_rows, dtype=np.int32), self.row_lengths)

    def with_self_loops(self) -> CSR:
        """Return the matrix with exactly one diagonal entry in each row that lacks one.

        An existing self-loop stays and no second one is added, as PyG's `add_remaining_self_loops`.
        Entries of a row come in increasing column order.

        Raises:
            ShapeError: the matrix is not square or has values.
        """
        if self.num_rows != self.num_cols or self.values is not None:
            raise ShapeError(
                f"Expected a square matrix without values (got {self.num_rows} x {self.num_cols}). "
                "Self-loops are defined for unweighted graphs."
            )
        rows = self.entry_rows()
        has_loop = np.zeros(self.num_rows, dtype=bool)
        has_loop[rows[rows == self.indices]] = True
        missing = np.flatnonzero(~has_loop).astype(np.int32)
        if _is_sorted(rows, self.indices):
            return self._with_inserted(rows, missing)
        return csr_from_coo(
            np.concatenate([rows, missing]), np.concatenate([self.indices, missing]), self.num_rows, self.num_cols
        )

    def _with_inserted(self, rows: Int32Array, missing: Int32Array) -> CSR:
        """Return the matrix with a diagonal entry in each row of `missing`; rows are sorted, so nothing is again."""
        lower = np.bincount(rows[self.indices < rows], minlength=self.num_rows)
        places = self.indptr[missing] + lower[missing] + np.arange(len(missing))
        is_old = np.ones(self.num_entries + len(missing), dtype=bool)
        is_old[places] = False
        indices = np.empty(len(is_old), dtype=np.int32)
        indices[places] = missing
        indices[is_old] = self.indices
        indptr = self.indptr.copy()
        indptr[1:] += np.cumsum(np.bincount(missing, minlength=self.num_rows))
        return CSR(indptr, indices, self.num_cols)

    def transpose(self) -> CSR:
        """Return the transposed matrix; entries of a row come in increasing column order."""
        return csr_from_coo(self.indices, self.entry_rows(), self.num_cols, self.num_rows, self.values)

    def is_symmetric(self) -> bool:
        """Return whether the pattern equals its transpose (multiplicities included)."""
        if self.num_rows != self.num_cols:
            return False
        mine = csr_from_coo(self.entry_rows(), self.indices, self.num_rows, self.num_cols)
        other = self.transpose()
        return bool(np.array_equal(mine.indptr, other.indptr) and np.array_equal(mine.indices, other.indices))


def csr_from_coo(
    rows: AnyArray, cols: AnyArray, num_rows: int, num_cols: int, values: Float32Array | None = None
) -> CSR:
    """Build a CSR matrix from coordinate entries, sorted by row, then column; duplicates stay.

    Args:
        rows: Row of each entry [E], any integer dtype.
        cols: Column of each entry [E], any integer dtype.
        num_rows: Number of rows N.
        num_cols: Number of columns M, at most 2**31 - 1.
        values: Entry values [E] float32, or None.

    Raises:
        ShapeError: `rows` and `cols` differ in length.
        ArgumentError: an index is out of range.
    """
    rows = np.asarray(rows, dtype=np.int64)
    cols = np.asarray(cols, dtype=np.int64)
    if rows.shape != cols.shape or rows.ndim != 1:
        raise ShapeError(
            f"Expected `rows` and `cols` to be two vectors of one length (got {rows.shape} and {cols.shape}). "
            "Pass one row and one column for each entry."
        )
    for name, index, bound in (("rows", rows, num_rows), ("cols", cols, num_cols)):
        if len(index) and (index.min() < 0 or index.max() >= bound):
            bad = int(index.min() if index.min() < 0 else index.max())
            raise ArgumentError(
                f"Expected `{name}` to be in [0, {bound}) (got {bad}). Check the edge list against the number of nodes."
            )
    order = entry_order(rows, cols, num_cols)
    indptr = np.zeros(num_rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=num_rows), out=indptr[1:])
    return CSR(
        indptr=indptr,
        indices=cols[order].astype(np.int32),
        num_cols=num_cols,
        values=None if values is None else np.ascontiguousarray(values[order], dtype=np.float32),
    )


def entry_order(rows: AnyArray, cols: AnyArray, num_cols: int) -> Int64Array:
    """Return the coordinate entry at each place of the CSR matrix that `csr_from_coo` builds [E]."""
    keys = np.asarray(rows, dtype=np.int64) * num_cols + np.asarray(cols, dtype=np.int64)
    order: Int64Array = np.argsort(keys, kind="stable")
    return order


def _is_sorted(rows: Int32Array, indices: Int32Array) -> bool:
    """Return whether columns never decrease inside a row."""
    return not bool(((indices[1:] < indices[:-1]) & (rows[1:] == rows[:-1])).any())


def _check_array(name: str, array: AnyArray, dtype: np.dtype[np.generic]) -> None:
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != dtype:
        got = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ShapeError(
            f"Expected `{name}` to be a vector of {dtype} (got {got}). Convert it with `np.asarray(..., {dtype})`."
        )
