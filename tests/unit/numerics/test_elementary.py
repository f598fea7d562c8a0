from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import special

from smoothbit.numerics import elementary

REFERENCES = {
    "sigmoid": special.expit,
    "silu": lambda x: x * special.expit(x),
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(0.0, x),
    "gelu": lambda x: x * special.ndtr(x),
    "selu": lambda x: elementary.SELU_SCALE * np.where(x > 0, x, elementary.SELU_ALPHA * np.expm1(x)),
    "elu": lambda x: np.where(x > 0, x, 0.7 * np.expm1(x)),
}


def samples():
    rng = np.random.default_rng(0)
    spread = [rng.standard_normal(20_000) * size for size in (1e-30, 1e-6, 1e-2, 1, 5, 30, 200)]
    edges = [0.0, -0.0, 1e-45, -1e-45, 0.34, -0.34, 88.7, -88.7, -103.0, 1e30, -1e30, 3e38, -3e38]
    return np.concatenate([*spread, edges]).astype(np.float32)


@pytest.mark.parametrize("function", [*elementary.SMOOTH, "elu"])
def test_error_is_below_one_ulp_of_float32(function):
    x = samples()
    found = elementary.activate(function, x, 0.7)
    with np.errstate(over="ignore", under="ignore"):
        wanted = REFERENCES[function](x.astype(np.float64))
        ulp = np.spacing(np.abs(wanted).astype(np.float32)).astype(np.float64)
    assert found.dtype == np.float32
    assert (np.abs(found - wanted) <= ulp).all()


def test_exp_is_near_float64():
    x = np.linspace(-708, 709, 100_001)
    np.testing.assert_allclose(elementary.exp(x), np.exp(x), rtol=4e-16 * 2)
    ends = elementary.exp(np.array([-1e9, -708.0, 0.0, 709.0, 1e9]))
    assert (ends[0], ends[2], ends[4]) == (ends[1], 1.0, ends[3])


def test_erfc_is_near_float64():
    x = np.linspace(-6, 25, 100_001)
    np.testing.assert_allclose(elementary.erfc(x), special.erfc(x), rtol=2e-12)


def test_slopes():
    x = np.float32([[-2, 3], [4, -5]])
    assert elementary.activate("leaky_relu", x, 0.5).tolist() == [[-1, 3], [4, -2.5]]
    assert elementary.activate("prelu", x, np.float32([0.25, 2])).tolist() == [[-0.5, 3], [4, -10]]


def test_bits_are_the_same_everywhere():
    """A digest of all functions on all samples: another one means that some machine or NumPy computes otherwise."""
    digest = hashlib.sha256()
    for function in (*sorted(elementary.SMOOTH), "elu"):
        digest.update(elementary.activate(function, samples(), 0.7).tobytes())
    assert digest.hexdigest() == "bb19d219543594a345bc32bb13dfb10fbf8ec0e7a4c7bc387d2278a82a634543"
