"""The network of the paper: two linear layers and K propagation steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import Plan
from smoothbit.nn.conv import QuantLinear
from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.inputs import Inputs
from smoothbit.nn.models.base import MODELS, Network, NetworkConfig
from smoothbit.nn.propagation import PROPAGATIONS

ORDERS = ("predict_first", "propagate_first")


@dataclass(frozen=True)
class SMPNetConfig(NetworkConfig):
    """Everything that defines an `SMPNet`; JSON-able.

    Args:
        propagation: Registered name: smp, appnp, elastic, gcn.
        propagation_options: Keyword arguments of that propagation.
        order: "predict_first" propagates class scores; "propagate_first" propagates hidden states,
            whose packed codes are node embeddings.

    Raises:
        ArgumentError: a field is outside its range.
    """

    propagation: str = "smp"
    propagation_options: dict[str, object] = field(default_factory=dict)
    order: str = "predict_first"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order not in ORDERS:
            raise ArgumentError(
                f"Expected `order` to be one of {', '.join(ORDERS)} (got {self.order!r}). Use {ORDERS[0]}."
            )
        PROPAGATIONS.resolve(self.propagation)


@MODELS.register("smp_net")
class SMPNet(Network):
    r"""X -> dropout -> Linear -> ReLU -> dropout -> Linear -> K propagation steps -> class scores.

    Inputs, weights, activations, messages, aggregates and updates are quantized, each tensor by a
    quantizer of its own.

    Args:
        config: Sizes, propagation and quantization.

    Shapes:
        input: `Inputs` [N, F]; output: class scores [N, C], float32.

    Reference:
        Wang et al. 2023 (arXiv 2308.14949), section 5; DESIGN 2.4. Departures: inputs are quantized
        before dropout, so that ranges are those of evaluation; activations after the ReLU; dropout 0.5
        where the paper has 0.8 on Cora.
    """

    config_type: ClassVar[type[NetworkConfig]] = SMPNetConfig
    config: SMPNetConfig

    def __init__(self, config: SMPNetConfig) -> None:
        super().__init__(config)
        is_predict_first = config.order == "predict_first"
        quant = config.quant
        self.linear1 = QuantLinear(
            config.num_features, config.hidden_channels, quant, has_relu=True, is_summed=not is_predict_first
        )
        self.linear2 = QuantLinear(
            config.hidden_channels, config.num_classes, quant, has_relu=False, has_output_quantizer=is_predict_first
        )
        options: dict[str, Any] = config.propagation_options
        self.propagation = PROPAGATIONS.resolve(config.propagation)(
            config.num_steps,
            config.num_classes if is_predict_first else config.hidden_channels,
            quant,
            has_output_quantizer=not is_predict_first,
            **options,
        )

    @property
    def propagation_name(self) -> str:
        """Name of the propagation."""
        return self.config.propagation

    def forward(self, inputs: Inputs, graph: TorchGraph) -> Tensor:
        """Return class scores [N, C] in fake-quantized float32."""
        hidden = self.linear1(self.read(inputs))
        if self.config.order == "predict_first":
            return torch.as_tensor(self.propagation(self.linear2(self.drop(hidden)), graph))
        return torch.as_tensor(self.linear2(self.drop(self.propagation(hidden, graph))))

    def to_plan(self) -> Plan:
        """Return the plan of the engine, ranges and multipliers frozen.

        Raises:
            ArgumentError: the model was not trained yet, or sparse inputs need a grid through 0.
        """
        features, first = self.features_op(), self.linear1.to_op(1)
        if self.config.order == "predict_first":
            return Plan((features, first, self.linear2.to_op(2), self.propagation.to_op(3)), scores=4, embedding=2)
        return Plan((features, first, self.propagation.to_op(2), self.linear2.to_op(3)), scores=4, embedding=3)
