"""Interface of every quantizer, and the registry of their names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.qtype import QTYPES, check_num_bits
from smoothbit.quant.functional import TorchLaw, fake_quantize
from smoothbit.registry import Registry

QUANTIZERS: Registry[type[Quantizer]] = Registry("quantizer", "smoothbit.quantizers")
"""Quantizers by name; a distribution adds its own in the entry point group `smoothbit.quantizers`."""

GRIDS = ("integer", "half")


class Quantizer(nn.Module, ABC):
    """Quantizer of one tensor: a module whose range and parameters are in `state_dict`.

    Training observes the tensor and quantizes it with straight-through gradients; evaluation
    uses the frozen range. The first observed batch initialises the law. `quant.calibrate` decides
    apart from the training flag which passes are observed.

    Args:
        num_bits: 1, 2, 4 or 8.
        num_channels: Columns of the tensor; only read for `per_channel`.
        granularity: "per_tensor", "per_channel" (columns), or what else the method names in `granularities`.
        is_weight: Whether the tensor is a parameter: its range is that of its latest value.
        grid: Levels of a signed tensor at 1 and 2 bits: "integer" has a level at 0, "half" levels
            half a step off it, as many above as below. Quantizers with a grid of their own ignore it.
        stage: Stage of the network that the tensor belongs to.

    Raises:
        ArgumentError: unknown width, granularity or grid, or a quantizer is used before its first batch.

    Shapes:
        x: [N, F] float32, or [E] float32 for the stored entries of a sparse matrix.
    """

    granularities: ClassVar[tuple[str, ...]] = ("per_tensor", "per_channel")
    """What can have a law of its own; "per_node" only on tensors that no sum over neighbours reads."""

    width_policy: ClassVar[str] = ""
    """Registered name of what chooses the widths of the stages (`train.policies`); none: one width for all."""

    is_initialised: Tensor

    def __init__(
        self,
        num_bits: int,
        *,
        num_channels: int = 1,
        granularity: str = "per_tensor",
        is_weight: bool = False,
        stage: str = "",
        grid: str = "integer",
    ) -> None:
        super().__init__()
        self.num_bits = check_num_bits(num_bits)
        if grid not in GRIDS:
            raise ArgumentError(f"Expected `grid` to be one of {', '.join(GRIDS)} (got {grid!r}). Use half.")
        self.has_half_grid = grid == "half" and num_bits <= 2
        if granularity not in self.granularities:
            raise ArgumentError(
                f"Expected `granularity` to be one of {', '.join(self.granularities)} (got {granularity!r}). "
                "Per-node and per-group laws exist in files; train with one of these."
            )
        self.granularity = granularity
        self.num_groups = num_channels if granularity == "per_channel" else 1
        self.is_weight = is_weight
        self.stage = stage
        self.num_values = 0
        self.is_observing: bool | None = None
        self.is_bypassed = False
        self._is_ready = False
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

    @property
    def is_first_batch(self) -> bool:
        """Whether no batch was seen yet."""
        return not self._is_ready and not bool(self.is_initialised)

    def prepare(self, degrees: Tensor) -> None:
        """Take in the in-degree [N] of each node, once, before training; most methods need none."""
        return None

    def penalty(self) -> Tensor:
        """Return what the method adds to the loss of the latest training pass, []; most methods nothing."""
        return torch.zeros(())

    @property
    def avg_bits(self) -> float:
        """Bits per element."""
        return float(self.num_bits)

    def forward(self, x: Tensor) -> Tensor:
        """Return x^ of the shape of `x`; without elements, or when `is_bypassed`, `x` itself."""
        if self.is_bypassed:
            return x
        self.num_values = x.numel()
        if x.numel() == 0:
            return x
        is_live = self.training and (self.is_observing is None or self.is_weight)
        if is_live or self.is_observing:
            self._observe(x.detach())
        if not self._is_ready:  # asked once: the answer is on the device, and a compiler cannot look at it
            self._check_initialised()
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
            np.array(v.detach().cpu().reshape(-1).expand(self.num_groups).numpy(), dtype=np.float32)
            for v in (law.scale, law.zero_point, law.phase)
        )
        num_bits = law.qmax.bit_length()
        return AffineLaw(num_bits, scale, zero_point, phase, self.granularity, divisor=law.divisor, shift=law.shift)

    def grouped(self, x: Tensor) -> Tensor:
        """Return `x` as [G, M], one row for each law."""
        if self.granularity == "per_channel":
            return x.t().contiguous()
        return x.reshape(1, -1) if self.granularity == "per_tensor" else x

    def set_range(self, lo: Tensor, hi: Tensor) -> None:
        """Let the grid span [lo, hi], [G] each, lo <= 0 <= hi; training goes on from there.

        Raises:
            UnsupportedError: the method has no range that can be set.
        """
        raise self._no_range()

    def scale_range(self, factor: float) -> None:
        """Multiply both ends of the grid by `factor` > 0; refused as by `set_range`."""
        raise self._no_range()

    def forget(self) -> None:
        """Take the next batch for the first: what was seen so far had other units."""
        self.is_initialised.fill_(False)
        self._is_ready = False

    def extra_repr(self) -> str:
        """Show width and granularity."""
        return f"num_bits={self.num_bits}, granularity={self.granularity}"

    def _check_initialised(self) -> None:
        if not self.is_initialised:
            raise ArgumentError(
                "Expected the quantizer to have seen a batch (got none). "
                "Run one forward pass inside `calibrate`, or in training mode, first."
            )
        self._is_ready = True

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._is_ready = False

    @torch.no_grad()
    def _observe(self, x: Tensor) -> None:
        groups = self.grouped(x)
        is_first = self.is_first_batch
        self.observe(groups)
        if is_first:
            self.initialise(groups)
            self.is_initialised.fill_(True)

    def _no_range(self) -> UnsupportedError:
        return UnsupportedError(
            f"Expected the quantizer to have a range that can be set (got {type(self).__name__}). "
            "Calibrate with `method='minmax'`, or use qlr, bt, lsq or minmax."
        )
