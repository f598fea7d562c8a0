from __future__ import annotations

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.errors import ArgumentError, ShapeError
from smoothbit.kernels import Epilogue, isa
from smoothbit.numerics.csr import csr_from_coo

GRAPH = csr_from_coo([0, 0, 2], [0, 1, 1], 3, 2)
SOURCE = np.array([[0x18], [0x42]], dtype=np.uint8)


@pytest.mark.parametrize("name", isa.available())
def test_largest_of_each_channel(name):
    with isa.use(name):
        out = kernels.spmax(GRAPH, SOURCE, 4, Epilogue(2, col_scale=np.ones(2, np.float32)))
    assert out.tolist() == [[8, 4], [0, 0], [2, 4]]
    values = np.float32([[-1, -5], [-3, -2]])
    assert kernels.spmax_f32(GRAPH, values).tolist() == [[-1, -2], [0, 0], [-3, -2]]


def test_arguments_that_do_not_fit_are_refused():
    epilogue = Epilogue(2, col_scale=np.ones(2, np.float32))
    with pytest.raises(ArgumentError, match=r"`col_scale` to be given"):
        kernels.spmax(GRAPH, SOURCE, 4, Epilogue(2))
    with pytest.raises(ShapeError, match=r"`source` to be C-contiguous uint8 \[2, any\]"):
        kernels.spmax(GRAPH, SOURCE[:1], 4, epilogue)
    with pytest.raises(ArgumentError, match=r"`num_bits` to be one of 1, 2, 4, 8 \(got 3\)"):
        kernels.spmax(GRAPH, SOURCE, 3, epilogue)
    with pytest.raises(ShapeError, match=r"`source` to be C-contiguous float32 \[2, any\]"):
        kernels.spmax_f32(GRAPH, SOURCE)
    with pytest.raises(ShapeError, match=r"`out` to be C-contiguous float32 \[3, 2\]"):
        kernels.spmax_f32(GRAPH, np.zeros((2, 2), np.float32), out=np.zeros((2, 2), np.float32))
