"""GCNII: deep graph convolution with initial residual and identity mapping."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import Op, Plan
from smoothbit.nn.conv import Aggregation, IdentityMapping, QuantLinear
from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.inputs import Inputs
from smoothbit.nn.models.base import MODELS, Network, NetworkConfig


@dataclass(frozen=True)
class GCNIIConfig(NetworkConfig):
    """Everything that defines a `GCNII`; JSON-able.

    Args:
        teleport: alpha, share of the first hidden layer in each aggregate, in [0, 1].
        mapping: theta > 0; layer l has beta_l = log(theta / l + 1) of its weights, at most 1.
        decay_factor: Weight decay of the deep layers over that of the two linear ones, >= 0.

    Raises:
        ArgumentError: a field is outside its range.
    """

    teleport: float = 0.1
    mapping: float = 0.5
    decay_factor: float = 20.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.teleport <= 1:
            raise ArgumentError(f"Expected `teleport` to be in [0, 1] (got {self.teleport}). The paper uses 0.1.")
        if not 0 < self.mapping <= math.e - 1:
            raise ArgumentError(
                f"Expected `mapping` to be in (0, e - 1], so that beta is at most 1 (got {self.mapping}). "
                "The paper uses 0.5."
            )
        if not self.decay_factor >= 0:
            raise ArgumentError(
                f"Expected `decay_factor` to be >= 0 (got {self.decay_factor}). The paper uses 0.01 and 5e-4: 20."
            )


@MODELS.register("gcnii")
class GCNII(Network):
    r"""Linear and ReLU, `num_steps` deep layers of one width, Linear.

        H_{l+1} = relu(((1 - alpha) A^ H_l + alpha H_0) ((1 - beta_l) I + beta_l W_l))

    Dropout before each layer. All six stages are quantized.

    Args:
        config: Sizes, `teleport` (alpha), `mapping` (theta) and quantization.

    Shapes:
        input: `Inputs` [N, F]; output: class scores [N, C], float32.

    Reference:
        Chen et al. 2020, eq. 5; weights drawn as the authors' code does. W_l is quantized, the
        identity beside it is not.
    """

    config_type: ClassVar[type[NetworkConfig]] = GCNIIConfig
    config: GCNIIConfig

    def __init__(self, config: GCNIIConfig) -> None:
        super().__init__(config)
        hidden, quant, layers = config.hidden_channels, config.quant, range(1, config.num_steps + 1)
        self.linear1 = QuantLinear(config.num_features, hidden, quant, has_relu=True)
        self.aggregations = nn.ModuleList(Aggregation(hidden, quant, skip_weight=config.teleport) for _ in layers)
        self.mappings = nn.ModuleList(IdentityMapping(hidden, quant, math.log(config.mapping / k + 1)) for k in layers)
        self.linear2 = QuantLinear(hidden, config.num_classes, quant, has_relu=False, has_output_quantizer=False)

    @property
    def propagation_name(self) -> str:
        """Smoothing with a share of the first state."""
        return "appnp"

    def weight_groups(self) -> list[tuple[float, list[nn.Parameter]]]:
        """Return linear and deep weights: the latter decay faster."""
        deep = [module.linear.weight for module in self.modules() if isinstance(module, IdentityMapping)]
        shallow = [*self.linear1.parameters(recurse=False), *self.linear2.parameters(recurse=False)]
        return [(1.0, shallow), (self.config.decay_factor, deep)]

    def forward(self, inputs: Inputs, graph: TorchGraph) -> Tensor:
        """Return class scores [N, C] in fake-quantized float32."""
        state = initial = self.linear1(self.read(inputs))
        for aggregation, mapping in zip(self.aggregations, self.mappings, strict=True):
            state = self.note(mapping(aggregation(self.drop(state), graph, initial)))
        return torch.as_tensor(self.linear2(self.drop(state)))

    def to_plan(self) -> Plan:
        """Return the plan of the engine; the embedding is the last hidden layer."""
        ops: list[Op] = [self.features_op(), self.linear1.to_op(1)]
        for aggregation, mapping in zip(self.aggregations, self.mappings, strict=True):
            ops.append(aggregation.to_op(len(ops), initial=2))  # type: ignore[operator]
            ops.extend(mapping.to_ops(len(ops)))  # type: ignore[operator]
        ops.append(self.linear2.to_op(len(ops)))
        return Plan(tuple(ops), scores=len(ops), embedding=len(ops) - 1)
