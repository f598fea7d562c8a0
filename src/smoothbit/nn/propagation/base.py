"""Interface of every propagation, the registry of their names, and the linear diffusion they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import DiffuseOp, Laws, Op
from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.propagation.coding import CODINGS
from smoothbit.nn.state_note import StateNote
from smoothbit.quant import FloatStage, QuantConfig
from smoothbit.registry import Registry

PROPAGATIONS: Registry[type[Propagation]] = Registry("propagation", "smoothbit.propagations")
"""Propagations by name; a distribution adds its own in the entry point group `smoothbit.propagations`."""


class Propagation(nn.Module, ABC):
    """K steps of message propagation in the state u = D^-1/2 h.

    Messages, aggregates and updates are quantized, each by a quantizer of its own. In this state
    the message of a step is the update of the step before, so it is quantized once.

    Args:
        num_steps: K >= 1.
        num_channels: F.
        quant: Quantization of messages, aggregates and updates.
        has_output_quantizer: True quantizes the last state (packed embeddings); False leaves the
            last aggregate and update exact, because they are the class scores.

    Raises:
        ArgumentError: `num_steps` < 1.

    Shapes:
        input z [N, F], output h [N, F], float32.
    """

    def __init__(
        self, num_steps: int, num_channels: int, quant: QuantConfig, *, has_output_quantizer: bool = False
    ) -> None:
        super().__init__()
        if num_steps < 1:
            raise ArgumentError(f"Expected `num_steps` to be at least 1 (got {num_steps}). Use an MLP for 0 steps.")
        self.num_steps = num_steps
        self.num_channels = num_channels
        self.quant = quant
        self.has_output_quantizer = has_output_quantizer
        self.coder = CODINGS.resolve(quant.message_coding)
        self.message, *updates = self.coder.quantizers_for(quant, num_channels, num_steps)
        updates.append(quant.make("updates", num_channels) if has_output_quantizer else FloatStage())
        self.updates = nn.ModuleList(updates)
        self.aggregates = self.make_stages("aggregates", is_float=self.coder.keeps_sums)
        self.note = StateNote()

    def make_stages(self, stage: str, *, is_whole: bool = False, is_float: bool = False) -> nn.ModuleList:
        """Return one quantizer for each step; the last is float for class scores unless `is_whole`."""
        count = 0 if is_float else self.num_steps if self.has_output_quantizer or is_whole else self.num_steps - 1
        stages: list[nn.Module] = [self.quant.make(stage, self.num_channels) for _ in range(count)]
        stages += [FloatStage() for _ in range(self.num_steps - count)]
        return nn.ModuleList(stages)

    @abstractmethod
    def forward(self, z: Tensor, graph: TorchGraph) -> Tensor:
        """Return h_K [N, F]."""

    @abstractmethod
    def to_op(self, source: int) -> Op:
        """Return the operation of the engine that reads value `source`."""

    def extra_repr(self) -> str:
        """Show the number of steps."""
        return f"num_steps={self.num_steps}"


class Diffusion(Propagation):
    """Propagation whose step is linear: v = c_agg P u + c_self u + c_skip u_0, P = D^-1 A~.

    Subclasses set the three coefficients and may add a correction (SMP).
    """

    self_weight: float
    aggregate_weight: float
    skip_weight: float

    def forward(self, z: Tensor, graph: TorchGraph) -> Tensor:
        """Return h_K [N, F]."""
        skip = graph.rsqrt_degree * z
        coder = self.coder([self.message, *self.updates])
        update = skip
        self.start()
        for step in range(self.num_steps):
            state = coder.encode(update, step)
            if step > 0:
                state = self.note(state, graph.sqrt_degree)
            mean = self.aggregates[step](graph.mean(state))
            update = self.aggregate_weight * mean + self.self_weight * state + self.skip_weight * skip
            update = self.correct(update, state, mean, graph, step)
        return torch.as_tensor(self.note(self.updates[-1](graph.sqrt_degree * update), None))

    def start(self) -> None:
        """Prepare one forward pass; nothing to do without a correction."""

    def correct(self, update: Tensor, state: Tensor, mean: Tensor, graph: TorchGraph, step: int) -> Tensor:
        """Return the update with the correction of this step; none by default.

        Args:
            update: v without a correction [N, F].
            state: Messages m^_k [N, F].
            mean: Their aggregate [N, F].
            graph: Graph.
            step: k.
        """
        return update

    def to_op(self, source: int) -> DiffuseOp:
        """Return the operation of the engine that reads value `source`."""
        return DiffuseOp(
            source=source,
            num_steps=self.num_steps,
            self_weight=self.self_weight,
            aggregate_weight=self.aggregate_weight,
            skip_weight=self.skip_weight,
            correction_self=(),
            correction_aggregate=(),
            message=self.message.law(),
            aggregates=laws(self.aggregates),
            updates=laws(self.updates),
            coding=self.quant.message_coding,
        )


def laws(stages: Iterable[nn.Module]) -> Laws:
    """Return the law of each stage."""
    return tuple(stage.law() for stage in stages)  # type: ignore[operator]
