"""Interface of every quantizer, and the registry of their names."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from smoothbit.errors import ArgumentError
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.qtype import QTYPES, check_num_bits
from smoothbit.quant.functional import TorchLaw, fake_quantize
from smoothbit.registry import Registry

QUANTIZERS: Registry[type[Quantizer]] = Registry("quantizer")
"""Quantizers by name."""

TRAINED_GRANULARITIES = ("per_tensor", "per_channel")


class Quantizer(nn.Module, ABC):
    """Quantizer of one tensor: a module whose range and parameters are in `state_dict`.

    Training observes the tensor and quantizes it with straight-through gradients; evaluation
    uses the frozen range. The first observed batch initialises the law. `quant.calibrate` decides
    apart from the training flag which passes are observed.

    Args:
        num_bits: 1, 2, 4 or 8.
        num_channels: Columns of the tensor; only read for `per_channel`.
        granularity: "per_tensor" or "per_channel" (columns).
        is_weight: Whether the tensor is a parameter: its range is that of its latest value.

    Raises:
        ArgumentError: unknown width or granularity, or a quantizer is used before its first batch.

    Shapes:
        x: [N, F] float32, or [E] float32 for the stored entries of a sparse matrix.
    """

    is_initialised: Tensor

    def __init__(
        self, num_bits: int, *, num_channels: int = 1, granularity: str = "per_tensor", is_weight: bool = False
    ) -> None:
        super().__init__()
        self.num_bits = check_num_bits(num_bits)
        if granularity not in TRAINED_GRANULARITIES:
            raise ArgumentError(
                f"Expected `granularity` to be one of {', '.join(TRAINED_GRANULARITIES)} (got {granularity!r}). "
                "Per-node and per-group laws exist in files; train with one of these."
            )
        self.granularity = granularity
        self.num_groups = num_channels if granularity == "per_channel" else 1
        self.is_weight = is_weight
        self.is_observing: bool | None = None
        self.register_buffer("is_initialised", torch.zeros((), dtype=torch.bool))

    @property
    def qmax(self) -> int:
        """Largest code."""
        return QTYPES[self.num_bits].qmax

    @abstractmethod
    def initialise(self, groups: Tensor) -> None:
        """Set the law from the first batch, given as [G, M]."""

    @abstractmethod
    def observe(self, groups: Tensor) -> None:
        """Take in a training batch, given as [G, M], before it is quantized."""

    @abstractmethod
    def torch_law(self) -> TorchLaw:
        """Return the law with tensors of shape [G]; `scale` carries the gradient."""

    @abstractmethod
    def range_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that belong to the optimiser's range group."""

    def prepare(self, degrees: Tensor) -> None:
        """Take in the in-degree [N] of each node, once, before training; most methods need none."""
        return None

    def forward(self, x: Tensor) -> Tensor:
        """Return x^ of the shape of `x`; a tensor without elements passes through."""
        if x.numel() == 0:
            return x
        is_live = self.training and (self.is_observing is None or self.is_weight)
        if is_live or self.is_observing:
            self._observe(x.detach())
        if not self.is_initialised:
            raise ArgumentError(
                "Expected the quantizer to have seen a batch (got none). Run one forward pass in training mode first."
            )
        return fake_quantize(x, self.torch_law())

    def law(self) -> AffineLaw:
        """Return the frozen law in NumPy, for the plan of the engine.

        Raises:
            ArgumentError: no batch was seen yet.
        """
        if not self.is_initialised:
            raise ArgumentError(
                "Expected the quantizer to have seen a batch (got none). Train the model before exporting it."
            )
        law = self.torch_law()
        scale, zero_point, phase = (
            np.array(v.detach().cpu().expand(self.num_groups).numpy(), dtype=np.float32)
            for v in (law.scale, law.zero_point, law.phase)
        )
        return AffineLaw(
            self.num_bits, scale, zero_point, phase, self.granularity, divisor=law.divisor, shift=law.shift
        )

    def extra_repr(self) -> str:
        """Show width and granularity."""
        return f"num_bits={self.num_bits}, granularity={self.granularity}"

    @torch.no_grad()
    def _observe(self, x: Tensor) -> None:
        groups = x.t().contiguous() if self.granularity == "per_channel" else x.reshape(1, -1)
        self.observe(groups)
        if not self.is_initialised:
            self.initialise(groups)
            self.is_initialised.fill_(True)
