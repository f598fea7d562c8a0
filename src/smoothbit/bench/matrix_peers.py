"""Other ways to multiply two dense matrices, found by import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from smoothbit.bench.check import UNIT_ROUNDOFF, MismatchError
from smoothbit.bench.peers.base import PeerSkippedError, find_module
from smoothbit.registry import Registry
from smoothbit.typing import AnyArray, Float32Array, Int64Array

BFLOAT16_ROUNDOFF = 2.0**-9
"""Half the spacing of bfloat16 numbers around 1: 8 bits of significand."""
NUM_CHECKED_ROWS = 64


@dataclass(frozen=True)
class MatrixPeer:
    """A prepared product of two matrices.

    Args:
        call: Computes the product with both factors already in the peer's own format.
        source: First factor [N, K] as the peer holds it, read as float64.
        weight: Second factor [K, F], likewise.
        unit: Relative error of one rounded result; 0 for integers.
        is_float32: Whether it counts as a float32 peer.
    """

    call: Callable[[], Any]
    source: AnyArray
    weight: AnyArray
    unit: float
    is_float32: bool = False

    def check(self, name: str, seed: int = 0) -> None:
        """Compare sampled rows with float64, within ``2 (K + 1) 2**-24`` of the sum of magnitudes and one rounding.

        Raises:
            MismatchError: the peer computes something else.
        """
        rows = np.unique(np.random.default_rng(seed).integers(len(self.source), size=NUM_CHECKED_ROWS))
        got = _float64(self.call(), rows)
        source, weight = self.source[rows].astype(np.float64), self.weight.astype(np.float64)
        sizes = np.abs(source) @ np.abs(weight)
        tolerance = 0.0 if self.unit == 0 else (2 * (source.shape[1] + 1) * UNIT_ROUNDOFF + self.unit) * sizes
        error = np.abs(source @ weight - got)
        if (error > tolerance).any():
            raise MismatchError(
                f"Expected `{name}` to give the product of the matrices within the bound of rounding "
                f"(got an error of {error.max():.3g}). Its time is not comparable."
            )


MATRIX_PEERS: Registry[Callable[[Float32Array, Float32Array], MatrixPeer]] = Registry("matrix peer")
"""Dense products by name: functions of two float32 matrices that prepare a peer or raise `PeerSkippedError`."""


@MATRIX_PEERS.register("torch-matmul")
def torch_matmul(source: Float32Array, weight: Float32Array) -> MatrixPeer:
    """Prepare torch's float32 product."""
    torch = find_module("torch")
    first, second = torch.from_numpy(source), torch.from_numpy(weight)
    return MatrixPeer(lambda: torch.mm(first, second), source, weight, UNIT_ROUNDOFF, is_float32=True)


@MATRIX_PEERS.register("torch-bfloat16")
def torch_bfloat16(source: Float32Array, weight: Float32Array) -> MatrixPeer:
    """Prepare torch's bfloat16 product, with a bfloat16 result."""
    torch = find_module("torch")
    first, second = (torch.from_numpy(matrix).bfloat16() for matrix in (source, weight))
    held = [matrix.float().numpy() for matrix in (first, second)]
    return MatrixPeer(lambda: torch.mm(first, second), held[0], held[1], BFLOAT16_ROUNDOFF)


@MATRIX_PEERS.register("torch-int-mm")
def torch_int_mm(source: Float32Array, weight: Float32Array) -> MatrixPeer:
    """Prepare torch's product of int8 matrices with an int32 result.

    Raises:
        PeerSkippedError: torch refuses the shapes, or has no such product here.
    """
    torch = find_module("torch")
    codes = [_int8(matrix) for matrix in (source, weight)]
    first, second = (torch.from_numpy(matrix) for matrix in codes)
    try:
        torch._int_mm(first, second)
    except (AttributeError, RuntimeError, NotImplementedError) as error:
        raise PeerSkippedError(f"torch refuses it ({str(error).splitlines()[0]})") from error
    return MatrixPeer(lambda: torch._int_mm(first, second), codes[0], codes[1], 0.0)


def _int8(matrix: Float32Array) -> AnyArray:
    bound = max(float(np.abs(matrix).max(initial=0.0)), 1e-30)
    codes: AnyArray = np.rint(matrix * np.float32(127 / bound)).astype(np.int8)
    return codes


def _float64(result: Any, rows: Int64Array) -> AnyArray:
    torch = find_module("torch")
    chosen: AnyArray = result[torch.from_numpy(rows)].to(torch.float64).numpy()
    return chosen
