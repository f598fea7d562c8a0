"""Graph convolutional network (GCN)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from smoothbit.formats.schema import Op, Plan
from smoothbit.nn.conv import Aggregation, QuantLinear
from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.inputs import Inputs
from smoothbit.nn.models.base import MODELS, Network, NetworkConfig


@MODELS.register("gcn")
class GCN(Network):
    r"""H' = relu(A^ (H W + b)), `num_steps` layers, dropout before each, no ReLU after the last.

    Inputs, weights, messages, aggregates and updates are quantized. H W + b is quantized once, as the
    message, and the activation of a layer is its update.

    Args:
        config: Sizes and quantization.

    Shapes:
        input: `Inputs` [N, F]; output: class scores [N, C], float32.

    Reference:
        Kipf and Welling 2017, eq. 9; weights after Glorot and Bengio 2010. Departure: the bias is
        aggregated with the product (the paper has none).
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        quant, last = config.quant, config.num_steps - 1
        widths = [config.num_features, *[config.hidden_channels] * last, config.num_classes]
        self.linears = nn.ModuleList(
            _glorot(QuantLinear(depth, width, quant, has_relu=False, has_output_quantizer=False))
            for depth, width in pairwise(widths)
        )
        self.aggregations = nn.ModuleList(
            Aggregation(width, quant, has_relu=layer < last, has_output_quantizer=layer < last)
            for layer, width in enumerate(widths[1:])
        )

    @property
    def propagation_name(self) -> str:
        """Plain smoothing."""
        return "gcn"

    def forward(self, inputs: Inputs, graph: TorchGraph) -> Tensor:
        """Return class scores [N, C] in fake-quantized float32."""
        state: Inputs | Tensor = self.read(inputs)
        for linear, aggregation in zip(self.linears, self.aggregations, strict=True):
            dropped = self.drop(state) if isinstance(state, Tensor) else state
            state = self.note(aggregation(linear(dropped), graph))
        return torch.as_tensor(state)

    def to_plan(self) -> Plan:
        """Return the plan of the engine; the embedding is the last hidden layer."""
        ops: list[Op] = [self.features_op()]
        for linear, aggregation in zip(self.linears, self.aggregations, strict=True):
            ops.append(linear.to_op(len(ops)))  # type: ignore[operator]
            ops.append(aggregation.to_op(len(ops)))  # type: ignore[operator]
        return Plan(tuple(ops), scores=len(ops), embedding=len(ops) - 2 if len(self.linears) > 1 else None)


def _glorot(linear: QuantLinear) -> QuantLinear:
    nn.init.xavier_uniform_(linear.weight)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
    return linear
