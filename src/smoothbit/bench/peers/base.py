"""What a peer is: another library's way to compute the same product."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from smoothbit.bench.check import check_product
from smoothbit.errors import SmoothbitError
from smoothbit.numerics.csr import CSR
from smoothbit.registry import Registry
from smoothbit.typing import Float32Array, Int64Array

MESSAGE_LIMIT_BYTES = 2_000_000_000
"""A peer that stores one message for each edge is left out above this size."""


class PeerSkippedError(SmoothbitError):
    """A peer does not run here; its text is the reason that stands in the record."""


@dataclass(frozen=True)
class Product:
    """The bare product that float32 peers compute: matrix @ source.

    Args:
        matrix: D^-1 A~ [N, N], float32 values.
        source: State u [N, F], float32.
        num_threads: Threads a peer may use.
    """

    matrix: CSR
    source: Float32Array
    num_threads: int = 1

    def message_bytes(self) -> int:
        """Return the bytes of one float32 message for each edge."""
        return self.matrix.num_entries * int(self.source.shape[1]) * 4


@dataclass(frozen=True)
class Peer:
    """A prepared peer.

    Args:
        call: Computes the product with everything already in the peer's own format.
        matrix: Matrix the result is a product of.
        source: Factor the result is a product of; for a low-bit peer what its codes stand for.
        num_bits: Width of the stored factor; 32 for float32.
        magnitudes: Largest intermediate value behind each number of `source`, or None (`check_product`).
    """

    call: Callable[[], Any]
    matrix: CSR
    source: Float32Array
    num_bits: int = 32
    magnitudes: Float32Array | None = None

    def check(self, name: str, rows: Int64Array) -> None:
        """Compare sampled rows with float64.

        Raises:
            MismatchError: the peer computes something else.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "Sparse CSR tensor support is in beta state", at the first use
            result = np.asarray(self.call())
        check_product(name, result[rows], self.matrix, self.source, rows, self.magnitudes)


PEERS: Registry[Callable[[Product], Peer]] = Registry("peer")
"""Peers of one propagation step, by name: functions that prepare a `Peer` or raise `PeerSkippedError`."""


def find_module(module: str) -> ModuleType:
    """Import a peer's module.

    Raises:
        PeerSkippedError: it is not installed, or does not load.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except (ImportError, OSError) as error:
        reason = "not installed" if isinstance(error, ModuleNotFoundError) else f"does not load ({error})"
        raise PeerSkippedError(f"{module} is {reason}") from error


def check_message_memory(product: Product) -> None:
    """Refuse a peer that would store too many bytes of messages.

    Raises:
        PeerSkippedError: one float32 message for each edge takes more than `MESSAGE_LIMIT_BYTES`.
    """
    if product.message_bytes() > MESSAGE_LIMIT_BYTES:
        raise PeerSkippedError(
            f"its messages, one for each edge, would take {product.message_bytes() / 1e9:.1f} GB "
            f"(limit {MESSAGE_LIMIT_BYTES / 1e9:.0f} GB)"
        )
