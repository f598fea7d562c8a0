"""Quantization error as an object with several numbers; look at all of them.

Each alone misleads: `max_abs` sees one outlier and nothing else, `sqnr_db` and `relative_l2` are
ruled by the large values and hide that small ones became 0, `mean_abs` hides the tail, and a low
`share_clipped` can mean a range so wide that only two codes are in use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from smoothbit.errors import ShapeError
from smoothbit.numerics.affine import AffineLaw, dequantize, quantize
from smoothbit.typing import Float32Array


@dataclass(frozen=True)
class ErrorStats:
    """Error of x^ against x; lengths in units of x.

    Args:
        max_abs: Largest |x - x^|.
        mean_abs: Mean |x - x^|.
        rmse: Root of the mean squared error.
        sqnr_db: 10 log10(sum x^2 / sum error^2); infinite without error, NaN when x and the error are 0.
        relative_l2: Norm of the error over the norm of x; NaN when x is 0.
        share_clipped: Share of the elements outside the range of the codes, 0 to 1.
    """

    max_abs: float
    mean_abs: float
    rmse: float
    sqnr_db: float
    relative_l2: float
    share_clipped: float


def error_stats(x: Float32Array, law: AffineLaw) -> ErrorStats:
    """Quantize and dequantize `x` and measure the error in float64.

    Args:
        x: Values [N, F], float32, finite, N * F > 0.
        law: Quantization law.

    Raises:
        ShapeError: `x` is empty.
    """
    if x.size == 0:
        raise ShapeError(f"Expected `x` to have elements (got shape {list(x.shape)}). Pass calibration data.")
    exact = x.astype(np.float64)
    error = np.abs(exact - dequantize(quantize(x, law), law).astype(np.float64))
    noise, signal = float(np.sum(error**2)), float(np.sum(exact**2))
    return ErrorStats(
        max_abs=float(error.max()),
        mean_abs=float(error.mean()),
        rmse=math.sqrt(noise / x.size),
        sqnr_db=_decibel(signal, noise),
        relative_l2=math.sqrt(noise / signal) if signal else math.nan,
        share_clipped=_share_clipped(x, law),
    )


def _decibel(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf if signal else math.nan
    return 10 * math.log10(signal / noise) if signal else -math.inf


def _share_clipped(x: Float32Array, law: AffineLaw) -> float:
    num_channels = x.shape[-1]
    inv_scale, phase, zero_point = (law.expand(v, num_channels) for v in (law.inv_scale, law.phase, law.zero_point))
    fine = np.rint(x * inv_scale + phase) + zero_point
    return float(np.mean((fine < 0) | (fine > law.fine_qmax)))
