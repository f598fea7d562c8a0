"""Edges of one call of a converted layer: sums, means and maxima over them, with gradients.

Everything is computed from `edge_index` each time, so that nothing can be stale: sorting the edges takes
a few milliseconds for a million of them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from smoothbit.kernels import spmm_f32
from smoothbit.numerics.csr import CSR

FACTOR_QMAX = 127
"""Largest integer factor of a weighted edge."""


class Edges:
    """Edges from sources to targets.

    Args:
        sources: Node that sends [E], int64.
        targets: Node that receives [E], int64.
        num_nodes: Number of senders and of receivers.
        weight: Factor of each edge [E] float32, or None for 1.
        norm: r of `formats.schema.AggregateOp` [N, 1] float32, or None for 1.
    """

    def __init__(
        self,
        sources: Tensor,
        targets: Tensor,
        num_nodes: tuple[int, int],
        weight: Tensor | None = None,
        norm: Tensor | None = None,
    ) -> None:
        self.sources = sources
        self.targets = targets
        self.num_nodes = num_nodes
        self.weight = weight
        self.norm = norm

    @cached_property
    def by_target(self) -> tuple[CSR, Tensor]:
        """Rows of the receivers, and the order of the edges in them."""
        return _rows(self.targets, self.sources, *self.num_nodes[::-1])

    @cached_property
    def by_source(self) -> tuple[CSR, Tensor]:
        """Rows of the senders, and the order of the edges in them."""
        return _rows(self.sources, self.targets, *self.num_nodes)

    def sum(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return sum over the edges of weight * x [N, F].

        Args:
            x: Messages [N, F], or [N, H C] with `weight` [E, H].
            weight: Factors [E], or [E, H] for H groups of channels; None: those of the edges.
        """
        weight = self.weight if weight is None else weight
        weight = None if weight is None else weight.to(x.dtype)
        # The CPU kernel reads each row once and keeps no [E, F] array; a compiler can only see through index_add.
        if x.device.type == "cpu" and x.dtype == torch.float32 and not torch.compiler.is_compiling():
            result = _EdgeSum.apply(x, weight, self)  # type: ignore[no-untyped-call]
            assert isinstance(result, Tensor)
            return result
        messages = _scaled(x.index_select(0, self.sources), weight)
        return x.new_zeros(self.num_nodes[1], x.shape[1]).index_add(0, self.targets, messages)

    def mean(self, x: Tensor) -> Tensor:
        """Return the sum divided by the number of edges of the receiver, at least 1."""
        return self.sum(x) / self.count.clamp(min=1)

    def max(self, x: Tensor) -> Tensor:
        """Return the maximum over the edges [N, F]; 0 where there is none."""
        places = self.targets[:, None].expand(-1, x.shape[1])
        empty = x.new_zeros(self.num_nodes[1], x.shape[1])
        return empty.scatter_reduce(0, places, x.index_select(0, self.sources), "amax", include_self=False)

    @property
    def count(self) -> Tensor:
        """Number of edges of each receiver [N, 1], float32."""
        return self.total(torch.ones_like(self.targets, dtype=torch.float32))

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of edge values [E] or [E, H] at each receiver [N, 1] or [N, H]."""
        columns = values[:, None] if values.dim() == 1 else values
        return columns.new_zeros(self.num_nodes[1], columns.shape[1]).index_add(0, self.targets, columns)


def by_group(x: Tensor, num_groups: int) -> Tensor:
    """Return `x` [N, H C] as [N, H, C]."""
    return x.reshape(len(x), num_groups, x.shape[1] // num_groups)


def quantize_factors(weight: Tensor, targets: Tensor, num_targets: int) -> Tensor:
    """Return t rint(weight / t) [E] with t the largest |weight| of the receiver / 127, straight-through gradients."""
    largest = weight.detach().new_zeros(num_targets)
    largest = largest.scatter_reduce(0, targets, weight.detach().abs(), "amax", include_self=True)
    step = torch.where(largest > 0, largest / FACTOR_QMAX, torch.ones_like(largest))[targets]
    return weight + (step * torch.round(weight.detach() / step) - weight.detach())


class _EdgeSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, edges: Edges) -> Tensor:
        ctx.edges = edges
        ctx.save_for_backward(weight, x if weight is not None and ctx.needs_input_grad[1] else None)
        return _product(edges.by_target, x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        weight, x = ctx.saved_tensors
        edges, grad = ctx.edges, grads[0]
        grad_x = _product(edges.by_source, grad, weight) if ctx.needs_input_grad[0] else None
        grad_weight = None
        if x is not None:
            products = grad.index_select(0, edges.targets) * x.index_select(0, edges.sources)
            num_groups = weight.shape[1] if weight.dim() == 2 else 1
            grad_weight = by_group(products, num_groups).sum(dim=2).view_as(weight)
        return grad_x, grad_weight, None


def _rows(rows: Tensor, cols: Tensor, num_rows: int, num_cols: int) -> tuple[CSR, Tensor]:
    order = torch.argsort(rows.int(), stable=True)
    indptr = torch.zeros(num_rows + 1, dtype=torch.int64)
    torch.cumsum(torch.bincount(rows, minlength=num_rows), 0, out=indptr[1:])
    return CSR(indptr.numpy(), cols[order].int().numpy(), num_cols), order


def _product(rows: tuple[CSR, Tensor], x: Tensor, weight: Tensor | None) -> Tensor:
    csr, order = rows
    if weight is None:
        return _spmm(csr, x)
    columns = weight.detach()[order]
    columns = columns[:, None] if columns.dim() == 1 else columns
    parts = x.detach().chunk(columns.shape[1], dim=1)
    sums = [
        _spmm(CSR(csr.indptr, csr.indices, csr.num_cols, column.contiguous().numpy()), part)
        for column, part in zip(columns.unbind(1), parts, strict=True)
    ]
    return sums[0] if len(sums) == 1 else torch.cat(sums, dim=1)


def _spmm(csr: CSR, x: Tensor) -> Tensor:
    source = np.ascontiguousarray(x.detach().numpy())
    return torch.from_numpy(spmm_f32(csr, source, num_threads=torch.get_num_threads()))


def _scaled(messages: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return messages
    groups = weight[:, None] if weight.dim() == 1 else weight
    return (by_group(messages, groups.shape[1]) * groups[:, :, None]).flatten(1)
