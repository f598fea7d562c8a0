"""From what a file holds to what a model reads: edges to CSR, raw columns to `Features`."""

from __future__ import annotations

from typing import Literal

import numpy as np

from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import AnyArray, Int64Array


def undirected_csr(sources: AnyArray, targets: AnyArray, num_nodes: int, keep_self_loops: bool = True) -> CSR:
    """Return the undirected graph of an edge list: both directions, each entry once.

    Args:
        sources: One end of each edge [E], any integer dtype, in [0, num_nodes).
        targets: The other end [E].
        num_nodes: Number of nodes N.
        keep_self_loops: Whether edges from a node to itself stay (once).

    Returns:
        CSR [N, N] without values, symmetric, columns of a row in increasing order.

    Raises:
        ShapeError: the ends differ in length or are not integers.
        ArgumentError: an end is out of range.
    """
    ends = _checked_ends(sources, targets, num_nodes)
    if not keep_self_loops:
        ends = ends[:, ends[0] != ends[1]]
    both = np.concatenate([ends[0] * num_nodes + ends[1], ends[1] * num_nodes + ends[0]])
    return csr_from_keys(sorted_unique(both), num_nodes, num_nodes)


def sorted_unique(keys: Int64Array, kind: Literal["quicksort", "stable"] = "quicksort") -> Int64Array:
    """Return the distinct keys [E] in increasing order; `keys` is sorted in place by `kind`.

    `np.unique` builds a hash table first, which takes several times as long on millions of keys.
    """
    keys.sort(kind=kind)
    is_first = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    return keys[is_first]


def csr_from_keys(keys: Int64Array, num_rows: int, num_cols: int) -> CSR:
    """Return the 0/1 matrix of sorted, unique entry keys `row * num_cols + column` [E], int64."""
    indptr = np.searchsorted(keys, np.arange(num_rows + 1, dtype=np.int64) * num_cols).astype(np.int64)
    return CSR(indptr=indptr, indices=(keys % max(num_cols, 1)).astype(np.int32), num_cols=num_cols)


def pattern_csr(rows: AnyArray, cols: AnyArray, num_rows: int, num_cols: int) -> CSR:
    """Return the 0/1 matrix with ones at the given places [E], each place once.

    Raises:
        ArgumentError: a place is out of range.
    """
    rows, cols = np.asarray(rows, dtype=np.int64), np.asarray(cols, dtype=np.int64)
    _check_range("rows", rows, num_rows)
    _check_range("cols", cols, num_cols)
    return csr_from_keys(sorted_unique(rows * num_cols + cols), num_rows, num_cols)


def row_normalized(matrix: CSR) -> Features:
    """Return the features whose rows sum to 1, with the factor 1 / row sum kept apart.

    A matrix of zeros and ones so stays a bit pattern, exact at 1 bit.

    Args:
        matrix: Sparse features [N, F], values None (all 1) or float32 >= 0.

    Returns:
        Features with `row_scale` [N] = 1 / row sum, and 1 where the row is empty or sums to 0.

    Raises:
        ArgumentError: a value is negative, so that a row sum is no measure of size.
    """
    values = matrix.values
    if values is None:
        sums: AnyArray = matrix.row_lengths
    elif (values < 0).any():
        raise ArgumentError(
            f"Expected `values` to be at least 0 (got {values[values < 0][0]}). "
            "Standardise columns that can be negative."
        )
    else:
        sums = np.bincount(matrix.entry_rows(), weights=values, minlength=matrix.num_rows)
    scale = np.divide(1.0, sums, out=np.ones(matrix.num_rows), where=sums > 0)
    return Features(matrix, scale.astype(np.float32))


def standardized(matrix: AnyArray) -> Features:
    """Return dense features whose columns have mean 0 and standard deviation 1 over all nodes.

    Statistics are float64; a constant column becomes 0.

    Args:
        matrix: Real values [N, F].
    """
    columns = np.asarray(matrix, dtype=np.float64)
    deviation = columns.std(axis=0) if len(columns) else np.ones(columns.shape[1])
    centred = columns - (columns.mean(axis=0) if len(columns) else 0.0)
    scaled = centred / np.where(deviation > 0, deviation, 1.0)
    return Features(np.ascontiguousarray(scaled, dtype=np.float32))


def features_from_dense(matrix: AnyArray) -> Features:
    """Return zeros and ones as sparse row-normalised features, any other matrix standardised.

    Args:
        matrix: Values [N, F], any real dtype.

    Raises:
        ShapeError: the matrix has not two dimensions.
        ArgumentError: a value is NaN or infinite.
    """
    Features(np.asarray(matrix, dtype=np.float32))  # refuses what is not finite or not [N, F]
    is_binary = bool(((matrix == 0) | (matrix == 1)).all())
    return row_normalized(csr_from_dense(matrix)) if is_binary else standardized(matrix)


def csr_from_dense(matrix: AnyArray) -> CSR:
    """Return the non-zero entries of a matrix [N, F]; values are None when all of them are 1."""
    is_set = np.asarray(matrix) != 0
    indptr = np.zeros(len(matrix) + 1, dtype=np.int64)
    np.cumsum(is_set.sum(axis=1), out=indptr[1:])
    values = np.asarray(matrix[is_set], dtype=np.float32)
    cols = np.nonzero(is_set)[1].astype(np.int32)
    return CSR(indptr, cols, int(matrix.shape[1]), None if (values == 1).all() else values)


def _checked_ends(sources: AnyArray, targets: AnyArray, num_nodes: int) -> Int64Array:
    ends = [np.asarray(sources), np.asarray(targets)]
    is_integer = all(end.dtype.kind in "iu" for end in ends)
    if ends[0].ndim != 1 or ends[0].shape != ends[1].shape or not is_integer:
        raise ShapeError(
            "Expected `sources` and `targets` to be two integer vectors of one length "
            f"(got {ends[0].dtype} {list(ends[0].shape)} and {ends[1].dtype} {list(ends[1].shape)}). "
            "Pass both ends of each edge."
        )
    for name, end in zip(("sources", "targets"), ends, strict=True):
        _check_range(name, end, num_nodes)
    return np.stack(ends).astype(np.int64)


def _check_range(name: str, index: AnyArray, bound: int) -> None:
    if len(index) and (index.min() < 0 or index.max() >= bound):
        bad = int(index.min() if index.min() < 0 else index.max())
        raise ArgumentError(
            f"Expected `{name}` to be in [0, {bound}) (got {bad}). Check it against the size of the matrix."
        )
