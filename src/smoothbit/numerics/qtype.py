"""Integer code types of the library: a `QType` is the number format."""

from __future__ import annotations

from dataclasses import dataclass

from smoothbit.errors import ArgumentError


@dataclass(frozen=True)
class QType:
    """Unsigned code of `num_bits` bits, from 0 to `qmax`."""

    name: str
    num_bits: int

    @property
    def qmin(self) -> int:
        """Smallest code."""
        return 0

    @property
    def qmax(self) -> int:
        """Largest code, 2**num_bits - 1."""
        return (1 << self.num_bits) - 1


QTYPES: dict[int, QType] = {bits: QType(f"u{bits}", bits) for bits in (1, 2, 4, 8)}
"""Code types by number of bits."""


def check_num_bits(num_bits: int) -> int:
    """Return `num_bits` when it is 1, 2, 4 or 8.

    Raises:
        ArgumentError: any other value.
    """
    if num_bits not in QTYPES:
        raise ArgumentError(f"Expected `num_bits` to be one of 1, 2, 4, 8 (got {num_bits!r}). Use the next wider one.")
    return num_bits
