from __future__ import annotations

import numpy as np
import torch

from smoothbit.nn.sparse import SparsePattern
from smoothbit.numerics.csr import csr_from_coo


def test_product_and_gradient_equal_the_dense_ones():
    rng = np.random.default_rng(0)
    rows, cols = np.nonzero(rng.random((7, 5)) < 0.4)
    pattern = SparsePattern(csr_from_coo(rows, cols, 7, 5))
    values = torch.from_numpy(rng.standard_normal(len(rows)))
    dense = torch.zeros(7, 5, dtype=torch.float64)
    dense[rows, cols] = values
    x = torch.from_numpy(rng.standard_normal((5, 3))).requires_grad_(True)
    weight = torch.from_numpy(rng.standard_normal((7, 3)))
    (pattern.matmul(values, x) * weight).sum().backward()
    torch.testing.assert_close(pattern.matmul(values, x).detach(), dense @ x.detach())
    torch.testing.assert_close(x.grad, dense.t() @ weight)


def test_no_values_means_ones():
    pattern = SparsePattern(csr_from_coo([0, 0, 1], [0, 2, 1], 2, 3))
    assert pattern.matmul(None, torch.eye(3)).tolist() == [[1, 0, 1], [0, 1, 0]]
