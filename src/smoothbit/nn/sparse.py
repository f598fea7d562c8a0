"""Sparse times dense with gradients, on a pattern whose transpose is built once."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from smoothbit.kernels import spmm_f32
from smoothbit.numerics.csr import CSR


class SparsePattern(nn.Module):
    """Pattern of a sparse matrix [N, M] with the order of its transposed entries.

    Args:
        csr: Matrix; its values, if any, are ignored.

    Shapes:
        indptr [N + 1] int64, indices [E] int32: rows; indptr_t [M + 1], indices_t [E]: the same for the
        transpose; order_t [E] int64 maps transposed entries to entries.
    """

    indptr: Tensor
    indices: Tensor
    indptr_t: Tensor
    indices_t: Tensor
    order_t: Tensor

    def __init__(self, csr: CSR) -> None:
        super().__init__()
        self.shape = (csr.num_rows, csr.num_cols)
        order = np.argsort(csr.indices, kind="stable")
        indptr_t = np.zeros(csr.num_cols + 1, dtype=np.int64)
        np.cumsum(np.bincount(csr.indices, minlength=csr.num_cols), out=indptr_t[1:])
        arrays = {
            "indptr": csr.indptr,
            "indices": csr.indices,
            "indptr_t": indptr_t,
            "indices_t": csr.entry_rows()[order],
            "order_t": order,
        }
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(np.array(array)), persistent=False)

    def matmul(self, values: Tensor | None, dense: Tensor) -> Tensor:
        """Return S @ dense with S holding `values` (None: ones); the gradient goes to `dense` only.

        Args:
            values: Entry values [E], dtype of `dense`, or None.
            dense: [M, F] float32 or float64.

        Returns:
            [N, F], dtype of `dense`.
        """
        result = _SparseMatmul.apply(dense, values, self)  # type: ignore[no-untyped-call]
        assert isinstance(result, Tensor)
        return result


class _SparseMatmul(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: Tensor, values: Tensor | None, pattern: SparsePattern) -> Tensor:
        ctx.values = values
        ctx.pattern = pattern
        return _product(pattern.indptr, pattern.indices, values, dense)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        p, values = ctx.pattern, ctx.values
        moved = None if values is None else values[p.order_t]
        return _product(p.indptr_t, p.indices_t, moved, grads[0]), None, None


def _product(indptr: Tensor, indices: Tensor, values: Tensor | None, dense: Tensor) -> Tensor:
    """Multiply by our own float32 kernel where it runs, which is several times faster than torch's CSR product."""
    if dense.device.type == "cpu" and dense.dtype == torch.float32:
        csr = CSR(indptr.numpy(), indices.numpy(), len(dense), None if values is None else values.numpy())
        source = np.ascontiguousarray(dense.detach().numpy())
        return torch.from_numpy(spmm_f32(csr, source, num_threads=torch.get_num_threads()))
    entries = torch.ones(len(indices), dtype=dense.dtype, device=dense.device) if values is None else values
    return sparse_csr(indptr, indices.long(), entries, (len(indptr) - 1, len(dense))) @ dense


def sparse_csr(indptr: Tensor, indices: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Build a torch CSR tensor without copying or checking: the pattern was checked when it was read."""
    with warnings.catch_warnings():
        # torch warns once that CSR support is in beta; products with dense matrices are what we use of it.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta", category=UserWarning)
        return torch.sparse_csr_tensor(indptr, indices, values, shape, check_invariants=False)


def _take_beta_notice() -> None:
    """Take the notice that torch gives once in a process, at its first CSR tensor; users cannot act on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.zeros(1, 1).to_sparse_csr()


_take_beta_notice()
