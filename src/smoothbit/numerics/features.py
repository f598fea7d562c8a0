"""Node features at rest: a dense matrix, or sparse rows with one factor for each row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.csr import CSR
from smoothbit.typing import AnyArray, Float32Array

MAX_DENSITY = 0.2
"""Largest share of entries at which gathering rows of weights is cheaper than a product of whole rows."""


@dataclass(frozen=True)
class Features:
    """Feature matrix X = diag(row_scale) M with M dense or sparse.

    Keeping the row factor apart makes a row-normalised binary matrix exact at 1 bit: M holds
    zeros and ones, `row_scale` holds 1 / (number of ones).

    Args:
        matrix: M, float32 [N, F] C-contiguous, or `CSR` [N, F] (values None: all stored entries are 1).
        row_scale: Factor of each row [N], float32, finite, or None for 1.

    Raises:
        ShapeError: wrong rank, dtype or length.
        ArgumentError: a value is NaN or infinite.
    """

    matrix: Float32Array | CSR
    row_scale: Float32Array | None = None

    def __post_init__(self) -> None:
        if isinstance(self.matrix, np.ndarray):
            if self.matrix.ndim != 2 or self.matrix.dtype != np.float32:
                raise ShapeError(
                    f"Expected `matrix` to be float32 [N, F] (got {self.matrix.dtype} {list(self.matrix.shape)}). "
                    "Convert it with `np.asarray(..., np.float32)`."
                )
            finite = np.isfinite(self.matrix)
            if not finite.all():
                node, column = (int(i[0]) for i in np.nonzero(~finite))
                raise ArgumentError(
                    f"Expected `features` to be finite (got {self.matrix[node, column]} at node {node}, "
                    f"column {column}). Remove or impute such values."
                )
        elif not isinstance(self.matrix, CSR):
            raise ShapeError(
                f"Expected `matrix` to be a NumPy array or CSR (got {type(self.matrix).__name__}). "
                "Convert torch tensors with `.numpy()`."
            )
        if self.row_scale is not None:
            if self.row_scale.shape != (self.num_nodes,) or self.row_scale.dtype != np.float32:
                raise ShapeError(
                    f"Expected `row_scale` to be float32 [{self.num_nodes}] "
                    f"(got {self.row_scale.dtype} {list(self.row_scale.shape)}). Pass one factor for each node."
                )
            if not np.isfinite(self.row_scale).all():
                node = int(np.argmax(~np.isfinite(self.row_scale)))
                raise ArgumentError(
                    f"Expected `row_scale` to be finite (got {self.row_scale[node]} at node {node}). "
                    "Use 1 for empty rows."
                )

    @classmethod
    def from_dense(cls, x: AnyArray, *, splits_rows: bool = True) -> Features:
        """Return a dense matrix in the form that is cheapest to keep and to run on.

        Rows of zeros and one number each, as of row-normalised binary features, become a pattern and
        that number for each row; other matrices with at most `MAX_DENSITY` of entries that are not 0 become
        sparse, all others stay.

        Args:
            x: Features [N, F], any float dtype.
            splits_rows: Whether rows that hold one number each are taken apart, however many entries they have.

        Returns:
            Features whose `to_dense` is `x` in float32.

        Raises:
            ShapeError: `x` is not a matrix.
            ArgumentError: a value is NaN or infinite.
        """
        dense = cls(np.ascontiguousarray(x, dtype=np.float32))
        matrix = dense.matrix
        assert isinstance(matrix, np.ndarray)
        rows, columns = np.nonzero(matrix)
        row_scale = np.ones(len(matrix), np.float32)
        row_scale[rows] = matrix[rows, columns]
        has_factors = splits_rows and np.array_equal(row_scale[rows], matrix[rows, columns])
        if not has_factors and len(rows) > MAX_DENSITY * matrix.size:
            return dense
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(matrix)))]).astype(np.int64)
        indices = columns.astype(np.int32)
        if not has_factors:
            return cls(CSR(indptr, indices, matrix.shape[1], matrix[rows, columns]))
        return cls(CSR(indptr, indices, matrix.shape[1]), None if (row_scale == 1).all() else row_scale)

    @property
    def is_sparse(self) -> bool:
        """Whether M is a CSR matrix."""
        return isinstance(self.matrix, CSR)

    @property
    def num_nodes(self) -> int:
        """Number of rows N."""
        return self.matrix.num_rows if isinstance(self.matrix, CSR) else int(self.matrix.shape[0])

    @property
    def num_features(self) -> int:
        """Number of columns F."""
        return self.matrix.num_cols if isinstance(self.matrix, CSR) else int(self.matrix.shape[1])

    def to_dense(self) -> Float32Array:
        """Return X as a dense float32 [N, F] matrix (tests and small inputs only)."""
        if isinstance(self.matrix, CSR):
            dense = np.zeros((self.num_nodes, self.num_features), dtype=np.float32)
            values = np.float32(1) if self.matrix.values is None else self.matrix.values
            np.add.at(dense, (self.matrix.entry_rows(), self.matrix.indices), values)
        else:
            dense = self.matrix.copy()
        return dense if self.row_scale is None else dense * self.row_scale[:, None]
