"""Two linear layers that do not look at the graph."""

from __future__ import annotations

import torch
from torch import Tensor

from smoothbit.formats.schema import Plan
from smoothbit.nn.conv import QuantLinear
from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.inputs import Inputs
from smoothbit.nn.models.base import MODELS, Network, NetworkConfig


@MODELS.register("mlp")
class MLP(Network):
    """X -> dropout -> Linear -> ReLU -> dropout -> Linear -> class scores: what the features alone say.

    Inputs, weights and activations are quantized; `num_steps` is not used.

    Args:
        config: Sizes and quantization.

    Shapes:
        input: `Inputs` [N, F]; output: class scores [N, C], float32.

    Reference:
        Kipf and Welling 2017, table 2 (MLP). Departure: none.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        hidden, quant = config.hidden_channels, config.quant
        self.linear1 = QuantLinear(config.num_features, hidden, quant, has_relu=True)
        self.linear2 = QuantLinear(hidden, config.num_classes, quant, has_relu=False, has_output_quantizer=False)

    def forward(self, inputs: Inputs, graph: TorchGraph) -> Tensor:
        """Return class scores [N, C] in fake-quantized float32; `graph` is not read."""
        hidden = self.note(self.linear1(self.read(inputs)))
        return torch.as_tensor(self.note(self.linear2(self.drop(hidden))))

    def to_plan(self) -> Plan:
        """Return the plan of the engine; the embedding is the hidden layer."""
        return Plan((self.features_op(), self.linear1.to_op(1), self.linear2.to_op(2)), scores=3, embedding=2)
