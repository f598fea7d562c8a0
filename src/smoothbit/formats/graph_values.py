"""Checks of a file's arrays, in blocks, so that a memory-mapped graph never sits in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from smoothbit.errors import ValueRangeError
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.wording import expected
from smoothbit.numerics.packing import padding_is_zero
from smoothbit.typing import AnyArray, Float32Array, Int32Array, Int64Array

BLOCK_BYTES = 1 << 24


def check_row_ends(indptr: Int64Array, num_entries: int, name: str) -> None:
    """Check first and last row start; two reads, whatever the size.

    Raises:
        ValueRangeError: `indptr` does not run from 0 to `num_entries`.
    """
    if indptr[0] != 0 or indptr[-1] != num_entries:
        got = [int(indptr[0]), int(indptr[-1])]
        raise ValueRangeError(expected(f"tensor {name}", f"from 0 to {num_entries}", got))


def check_row_starts(indptr: Int64Array, name: str) -> None:
    """Check that row starts [N + 1] do not decrease.

    Raises:
        ValueRangeError: they do.
    """
    for block in _blocks(indptr):
        part = indptr[block.start : block.stop + 1]
        if (part[1:] < part[:-1]).any():
            row = block.start + int(np.argmax(part[1:] < part[:-1]))
            raise ValueRangeError(expected(f"tensor {name}", "non-decreasing", f"a decrease at row {row}"))


def check_bounds(values: Int32Array, low: int, high: int, name: str) -> None:
    """Check that integers lie in [low, high].

    Raises:
        ValueRangeError: one does not.
    """
    for block in _blocks(values):
        part = values[block]
        if part.min() < low or part.max() > high:
            bad = int(part.min() if part.min() < low else part.max())
            raise ValueRangeError(expected(f"tensor {name}", f"in [{low}, {high}]", bad))


def check_permutation(nodes: Int32Array, name: str) -> None:
    """Check that integers [N] are 0 to N - 1, each once; takes a byte of memory for each.

    Raises:
        ValueRangeError: one is out of range, or missing.
    """
    check_bounds(nodes, 0, len(nodes) - 1, name)
    is_there = np.zeros(len(nodes), dtype=bool)
    for block in _blocks(nodes):
        is_there[nodes[block]] = True
    if not is_there.all():
        missing = f"no place for node {int(np.argmin(is_there))}"
        raise ValueRangeError(expected(f"tensor {name}", "a place for each node", missing))


def check_finite(values: Float32Array, name: str) -> None:
    """Check that floats are neither NaN nor infinite.

    Raises:
        ValueRangeError: one is.
    """
    flat = values.reshape(-1)
    for block in _blocks(flat):
        part = flat[block]
        finite = np.isfinite(part)
        if not finite.all():
            raise ValueRangeError(expected(f"tensor {name}", "finite", float(part[~finite][0])))


def check_padding(codes: PackedTensor, name: str) -> None:
    """Check that the bits after the last code of each row are zero.

    Raises:
        ValueRangeError: one is set.
    """
    for block in _blocks(codes.data):
        if not padding_is_zero(codes.data[block], codes.law.num_bits, codes.num_channels):
            raise ValueRangeError(expected(f"tensor {name}", "zero in its padding bits", "a set bit"))


def _blocks(array: AnyArray) -> Iterator[slice]:
    """Yield slices of the first axis of about `BLOCK_BYTES` each; none for an empty array."""
    if array.size == 0:
        return
    step = max(1, BLOCK_BYTES * len(array) // array.nbytes)
    for start in range(0, len(array), step):
        yield slice(start, start + step)
