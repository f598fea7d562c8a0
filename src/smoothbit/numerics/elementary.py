"""Elementary functions whose bits are the same on every machine (docs/numerics.md, "Elementary functions").

Libraries differ in the last bits of exp and tanh, with version and instruction set. These use IEEE additions,
multiplications, divisions and scalings by powers of two only, each rounded once, in float64; the caller rounds the
result to float32. The error is below 1 ULP of float32 (`tests/unit/numerics/test_elementary.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from smoothbit.typing import Float32Array, Float64Array

LOG2_E = 1.4426950408889634
LN2_HIGH = 6.93147180369123816490e-01
"""Upper bits of ln 2, so few that their product with the exponent of a float64 is exact."""
LN2_LOW = 1.90821492927058770002e-10
MIN_EXPONENT, MAX_EXPONENT = -708.0, 709.0
"""Where exp is a normal float64; beyond, float32 has 0 and infinity."""
EXP_TERMS = tuple(1.0 / math.factorial(k) for k in range(14))
"""Taylor coefficients of exp: error 4e-18 for arguments up to ln(2) / 2."""
EXPM1_TERMS = EXP_TERMS[1:]
EXPM1_BOUND = 0.34
"""Below, exp(x) - 1 is its own series: a difference would lose digits."""
ATANH_TERMS = tuple(1.0 / (2 * k + 1) for k in range(14))
"""Coefficients of atanh(s) / s in s^2: error 1e-14 for s up to 1/3."""
ERFC_CENTER = 3.75
ERFC_TERMS = (
    1.2375126308368283,
    -0.14024059858819277,
    0.003585415648872839,
    0.08227673860867003,
    -0.10880393454625799,
    0.0923043196579977,
    -0.058693352738751266,
    0.028362285498230447,
    -0.009746819802110554,
    0.0017556055905842754,
    0.0002944262688099582,
    -0.0002901358658524396,
    5.0390410252590834e-05,
    2.2403810136216547e-05,
    -1.0112568762593626e-05,
    -1.0351640427505053e-06,
    9.400398087843174e-07,
)
"""(1 + 2 z) exp(z^2) erfc(z) for z >= 0 in powers of (z - 3.75) / (z + 3.75); a Chebyshev fit, error 1.2e-12."""
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def exp(x: Float64Array) -> Float64Array:
    """Return e^x, float64; x is clipped to [-708, 709]."""
    x = np.clip(x, MIN_EXPONENT, MAX_EXPONENT)
    exponent = np.rint(x * LOG2_E)
    rest = (x - exponent * LN2_HIGH) - exponent * LN2_LOW
    scaled: Float64Array = np.ldexp(_polynomial(EXP_TERMS, rest), exponent.astype(np.int32))
    return scaled


def expm1(x: Float64Array) -> Float64Array:
    """Return e^x - 1, float64."""
    small = np.clip(x, -EXPM1_BOUND, EXPM1_BOUND)
    return np.where(np.abs(x) < EXPM1_BOUND, small * _polynomial(EXPM1_TERMS, small), exp(x) - 1.0)


def sigmoid(x: Float64Array) -> Float64Array:
    """Return 1 / (1 + e^-x), float64."""
    power = exp(-np.abs(x))
    return np.where(x >= 0, 1.0, power) / (1.0 + power)


def tanh(x: Float64Array) -> Float64Array:
    """Return the hyperbolic tangent, float64."""
    change = expm1(-2.0 * np.abs(x))
    return np.copysign(-change / (2.0 + change), x)


def softplus(x: Float64Array) -> Float64Array:
    """Return log(1 + e^x), float64."""
    power = exp(-np.abs(x))
    ratio = power / (2.0 + power)
    return np.maximum(x, 0.0) + 2.0 * ratio * _polynomial(ATANH_TERMS, ratio * ratio)


def erfc(x: Float64Array) -> Float64Array:
    """Return the complementary error function, float64."""
    z = np.abs(x)
    scaled = _polynomial(ERFC_TERMS, (z - ERFC_CENTER) / (z + ERFC_CENTER)) / (1.0 + 2.0 * z)
    tail = exp(-(z * z)) * scaled
    return np.where(x >= 0, tail, 2.0 - tail)


def gelu(x: Float64Array) -> Float64Array:
    """Return x times the normal distribution function of x, float64."""
    return 0.5 * x * erfc(x * -math.sqrt(0.5))


def selu(x: Float64Array) -> Float64Array:
    """Return the scaled exponential linear unit, float64."""
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * expm1(x))


SMOOTH: dict[str, Callable[[Float64Array], Float64Array]] = {
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "tanh": tanh,
    "softplus": softplus,
    "gelu": gelu,
    "selu": selu,
}


def activate(function: str, x: Float32Array, slope: float | Float32Array) -> Float32Array:
    """Return an activation function of each element, float32.

    Args:
        function: "leaky_relu", "prelu", "elu" or a key of `SMOOTH`.
        x: Values [N, F], float32.
        slope: Negative slope of leaky_relu, slopes [F] of prelu, alpha of elu; not read by others.
    """
    if function in ("leaky_relu", "prelu"):
        return np.where(x > 0, x, x * np.asarray(slope, dtype=np.float32))
    wide = x.astype(np.float64)
    values = np.where(wide > 0, wide, slope * expm1(wide)) if function == "elu" else SMOOTH[function](wide)
    rounded: Float32Array = values.astype(np.float32)
    return rounded


def _polynomial(coefficients: Sequence[float], x: Float64Array) -> Float64Array:
    """Return the sum of coefficients[k] x^k by Horner's rule."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total
