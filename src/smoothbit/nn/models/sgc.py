"""Simplified graph convolution (SGC)."""

from __future__ import annotations

import torch
from torch import Tensor

from smoothbit.formats.schema import Plan
from smoothbit.nn.conv import QuantLinear
from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.inputs import Inputs
from smoothbit.nn.models.base import MODELS, Network, NetworkConfig
from smoothbit.nn.propagation.gcn import GCNPropagation


@MODELS.register("sgc")
class SGC(Network):
    r"""A^^K (X W + b): K smoothings and one linear map.

    Inputs, weights, messages, aggregates and updates are quantized. X W + b is quantized once, as the
    first message; `hidden_channels` is not used.

    Args:
        config: Sizes and quantization.

    Shapes:
        input: `Inputs` [N, F]; output: class scores [N, C], float32.

    Reference:
        Wu et al. 2019, eq. 8. Departures: the linear map comes first, so that C channels are
        propagated, not F; the bias is smoothed with it; dropout of the inputs.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        quant, classes = config.quant, config.num_classes
        self.linear = QuantLinear(config.num_features, classes, quant, has_relu=False, has_output_quantizer=False)
        self.propagation = GCNPropagation(config.num_steps, classes, quant)

    @property
    def propagation_name(self) -> str:
        """Plain smoothing."""
        return "gcn"

    def forward(self, inputs: Inputs, graph: TorchGraph) -> Tensor:
        """Return class scores [N, C] in fake-quantized float32."""
        return torch.as_tensor(self.propagation(self.linear(self.read(inputs)), graph))

    def to_plan(self) -> Plan:
        """Return the plan of the engine."""
        return Plan((self.features_op(), self.linear.to_op(1), self.propagation.to_op(2)), scores=3)
