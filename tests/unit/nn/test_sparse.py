from __future__ import annotations

import numpy as np
import pytest
import torch

from smoothbit.nn.sparse import SparsePattern
from smoothbit.numerics.csr import csr_from_coo

# Products of at most 5 terms of order 1, in float32.
FLOAT32_TOLERANCE = 5 * 2.0**-22


@pytest.mark.parametrize("has_values", [True, False], ids=["values", "ones"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["kernel", "torch"])
def test_product_and_gradient_equal_the_dense_ones(dtype, has_values):
    rng = np.random.default_rng(0)
    rows, cols = np.nonzero(rng.random((7, 5)) < 0.4)
    pattern = SparsePattern(csr_from_coo(rows, cols, 7, 5))
    values = torch.from_numpy(rng.standard_normal(len(rows))).to(dtype) if has_values else None
    dense = torch.zeros(7, 5, dtype=dtype)
    dense[rows, cols] = 1.0 if values is None else values
    x = torch.from_numpy(rng.standard_normal((5, 3))).to(dtype).requires_grad_(True)
    weight = torch.from_numpy(rng.standard_normal((7, 3))).to(dtype)
    product = pattern.matmul(values, x)
    (product * weight).sum().backward()
    assert product.dtype == x.grad.dtype == dtype
    tolerance = {"atol": FLOAT32_TOLERANCE, "rtol": FLOAT32_TOLERANCE}
    torch.testing.assert_close(product.detach(), dense @ x.detach(), **tolerance)
    torch.testing.assert_close(x.grad, dense.t() @ weight, **tolerance)


def test_no_values_means_ones():
    pattern = SparsePattern(csr_from_coo([0, 0, 1], [0, 2, 1], 2, 3))
    assert pattern.matmul(None, torch.eye(3)).tolist() == [[1, 0, 1], [0, 1, 0]]
