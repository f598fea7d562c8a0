"""Which quantizer works on which stage of a network, at which width."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from smoothbit.errors import ArgumentError
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.qtype import QTYPES
from smoothbit.quant.quantizers import QUANTIZERS, Quantizer
from smoothbit.registry import nearest_name

STAGES = ("inputs", "weights", "activations", "messages", "aggregates", "updates")
"""Stages of a network that are quantized."""


class FloatStage(nn.Module):
    """Stage that stays float32: the identity, with a law of None.

    Args:
        stage: Stage of the network that the tensor belongs to.
    """

    num_bits = 32

    def __init__(self, stage: str = "") -> None:
        super().__init__()
        self.stage = stage

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`."""
        return x

    def law(self) -> AffineLaw | None:
        """Return None: float32."""
        return None


@dataclass(frozen=True)
class QuantConfig:
    """Quantization of a network.

    Args:
        quantizer: Registered name, e.g. qlr.
        num_bits: Width of every stage: 1, 2, 4, 8, or 32 for float32 throughout.
        stage_bits: Widths of single stages that differ, by stage name; 32 leaves a stage float32.
        weight_granularity: "per_tensor" or "per_channel" (output channels); None: per_tensor in the networks of
            this library, per_channel in converted ones.
        grid: Levels of signed tensors at 1 and 2 bits, "integer" or "half"; inputs always have a level at 0.
        coding: What messages carry: "plain" the state, "feedback" the state and the last error, "delta" the difference.

    Raises:
        ArgumentError: unknown quantizer, stage or width.
    """

    quantizer: str = "qlr"
    num_bits: int = 32
    stage_bits: dict[str, int] = field(default_factory=dict)
    weight_granularity: str | None = None
    grid: str = "integer"
    coding: str = "plain"

    def __post_init__(self) -> None:
        QUANTIZERS.resolve(self.quantizer)
        for bits in (self.num_bits, *self.stage_bits.values()):
            if bits not in (*QTYPES, 32):
                raise ArgumentError(
                    f"Expected `num_bits` to be one of 1, 2, 4, 8, 32 (got {bits!r}). 32 means float32."
                )
        for stage in self.stage_bits:
            if stage not in STAGES:
                raise ArgumentError(
                    f"Expected a stage name in `stage_bits` (got '{stage}'). {nearest_name(stage, list(STAGES))}"
                )

    @property
    def is_float(self) -> bool:
        """Whether every stage is float32."""
        return all(self.bits_of(stage) == 32 for stage in STAGES)

    @property
    def message_coding(self) -> str:
        """Coding of quantized messages; float32 ones are sent as they are."""
        return "plain" if self.bits_of("messages") == 32 else self.coding

    def bits_of(self, stage: str) -> int:
        """Return the width of `stage`."""
        return self.stage_bits.get(stage, self.num_bits)

    def make(self, stage: str, num_channels: int = 1, *, is_summed: bool = True) -> Quantizer | FloatStage:
        """Return a new quantizer for one tensor of `stage` with `num_channels` columns.

        Args:
            stage: One of `STAGES`.
            num_channels: F.
            is_summed: Whether neighbours' rows may be added up, which takes one law for all nodes.
        """
        bits = self.bits_of(stage)
        if bits == 32:
            return FloatStage(stage)
        is_weight = stage == "weights"
        method = QUANTIZERS.resolve(self.quantizer)
        granularity = (self.weight_granularity or "per_tensor") if is_weight else "per_tensor"
        if not is_summed and "per_node" in method.granularities:
            granularity = "per_node"
        return method(
            bits,
            num_channels=num_channels,
            granularity=granularity,
            is_weight=is_weight,
            stage=stage,
            grid="integer" if stage == "inputs" else self.grid,
        )
