"""Collects the operations of a plan while the layers of a network are visited in order."""

from __future__ import annotations

from dataclasses import dataclass

from smoothbit.formats.schema import CombineOp, FeaturesOp, Op
from smoothbit.numerics.affine import AffineLaw


@dataclass(frozen=True)
class Value:
    """What a tensor of the network is in the plan.

    Args:
        number: Number of the value; 0 is the node features as they come.
        num_channels: F.
    """

    number: int
    num_channels: int


@dataclass(frozen=True)
class GraphInput:
    """A tensor that describes the graph, as the network received it.

    Args:
        role: "edge_index", "edge_weight", "edge_type" or "batch".
    """

    role: str


class PlanBuilder:
    """Operations so far; layers append theirs.

    Attributes:
        ops: Operation k writes value k + 1.
    """

    def __init__(self) -> None:
        self.ops: list[Op] = []

    def add(self, op: Op, num_channels: int) -> Value:
        """Append an operation and return its value, `num_channels` wide."""
        self.ops.append(op)
        return Value(len(self.ops), num_channels)

    def quantized(self, value: Value, law: AffineLaw | None) -> Value:
        """Return `value` by `law`, or in float32: what a layer does to its input.

        The node features become an operation for each law; any other value that has none gets one here,
        which the exporter merges with the operation before it where it can.
        """
        if value.number == 0:
            return self.add(FeaturesOp(0, value.num_channels, law), value.num_channels)
        if law is None:
            return value
        return self.add(CombineOp((value.number,), (1.0,), output=law), value.num_channels)
