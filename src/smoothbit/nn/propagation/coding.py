"""What a node sends from layer to layer: its state, its state with the last error, or the difference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from smoothbit.errors import ArgumentError
from smoothbit.quant import FloatStage, QuantConfig, Quantizer
from smoothbit.quant.quantizers.difference import DifferenceQuantizer
from smoothbit.registry import Registry

CODINGS: Registry[type[Coder]] = Registry("coding")
"""Codings by name."""


class Coder(ABC):
    """Messages of one forward pass: m_k is what a node has, m^_k what its neighbours then have of it.

    Args:
        quantizers: Those of the K messages, and of the output.

    Attributes:
        kept: What a coding keeps from step to step, 0 before the first.
    """

    keeps_sums: ClassVar[bool]
    """Whether receivers keep exact sums of messages, not quantized means."""

    def __init__(self, quantizers: Sequence[nn.Module]) -> None:
        self.quantizers = quantizers
        self.kept = torch.zeros(())

    @classmethod
    def quantizers_for(cls, quant: QuantConfig, num_channels: int, num_steps: int) -> list[Quantizer | FloatStage]:
        """Return new quantizers for the K messages."""
        return [quant.make("messages" if step == 0 else "updates", num_channels) for step in range(num_steps)]

    @abstractmethod
    def encode(self, value: Tensor, step: int) -> Tensor:
        """Return m^_step [N, F] for m_step `value`."""

    def _quantize(self, value: Tensor, step: int) -> Tensor:
        return torch.as_tensor(self.quantizers[step](value))


@CODINGS.register("plain")
class PlainCoder(Coder):
    """m^_k = Q_k(m_k)."""

    keeps_sums = False

    def encode(self, value: Tensor, step: int) -> Tensor:
        """Return m^_step [N, F] for m_step `value`."""
        return self._quantize(value, step)


@CODINGS.register("feedback")
class FeedbackCoder(Coder):
    """m^_k = Q_k(m_k + e_{k-1}), e_k = m_k + e_{k-1} - m^_k: what was lost goes with the next message."""

    keeps_sums = True

    def encode(self, value: Tensor, step: int) -> Tensor:
        """Return m^_step [N, F] for m_step `value`."""
        wanted = value + self.kept
        sent = self._quantize(wanted, step)
        self.kept = wanted - sent
        return sent


@CODINGS.register("delta")
class DeltaCoder(Coder):
    """m^_k = m^_{k-1} + Q_k(m_k - m^_{k-1}): only the change is sent, and both sides add it.

    Reference:
        DESIGN 2.5; docs/numerics.md has the integers and the bound of the error.
    """

    keeps_sums = True

    @classmethod
    def quantizers_for(cls, quant: QuantConfig, num_channels: int, num_steps: int) -> list[Quantizer | FloatStage]:
        """Return quantizers of differences, their steps powers of two apart.

        Raises:
            ArgumentError: messages and updates differ in width.
        """
        bits = quant.bits_of("messages")
        if bits != quant.bits_of("updates"):
            raise ArgumentError(
                f"Expected messages and updates of one width for coding delta (got {bits} and "
                f"{quant.bits_of('updates')} bits). Give both in `stage_bits`, or use coding plain."
            )
        first = DifferenceQuantizer(bits, None, num_steps)
        return [first, *(DifferenceQuantizer(bits, first, num_steps) for _ in range(num_steps - 1))]

    def encode(self, value: Tensor, step: int) -> Tensor:
        """Return m^_step [N, F] for m_step `value`."""
        self.kept = self.kept + self._quantize(value - self.kept, step)
        return self.kept
