from __future__ import annotations

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.kernels import isa
from smoothbit.kernels.elementwise import FUNCTIONS


@pytest.mark.parametrize("name", isa.available())
def test_result_may_replace_its_argument(name):
    values = np.float32([[-2, 3], [4, -8]])
    with isa.use(name):
        out = kernels.activate(values, "prelu", slopes=np.float32([0.5, 0.25]), out=values)
    assert out is values
    assert values.tolist() == [[-1, 3], [4, -2]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_no_error(function):
    slopes = np.zeros(3, np.float32)
    assert kernels.activate(np.zeros((0, 3), np.float32), function, slopes=slopes).shape == (0, 3)


def test_arguments_that_do_not_fit_are_refused():
    values = np.zeros((2, 3), np.float32)
    with pytest.raises(ArgumentError, match=r"`function` to be one of leaky_relu, .* \(got 'mish'\)"):
        kernels.activate(values, "mish")
    with pytest.raises(ShapeError, match=r"`values` to be C-contiguous float32"):
        kernels.activate(values.astype(np.float64), "elu")
    with pytest.raises(ShapeError, match=r"`slopes` to be C-contiguous float32 \[3\] \(got NoneType\)"):
        kernels.activate(values, "prelu")
    with pytest.raises(ShapeError, match=r"`out` to be C-contiguous float32 \[2, 3\]"):
        kernels.activate(values, "elu", out=np.zeros((2, 2), np.float32))
