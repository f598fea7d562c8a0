"""The network of the paper: two linear layers and K propagation steps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import FeaturesOp, Plan
from smoothbit.nn.conv import QuantLinear
from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.inputs import Inputs
from smoothbit.nn.propagation import PROPAGATIONS
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.quant import FloatStage, QuantConfig, Quantizer
from smoothbit.typing import Float32Array

ORDERS = ("predict_first", "propagate_first")
INPUT_KINDS = ("binary", "sparse", "dense")


@dataclass(frozen=True)
class SMPNetConfig:
    """Everything that defines an `SMPNet`; JSON-able.

    Args:
        num_features: F.
        num_classes: C.
        input_kind: "binary" (sparse, stored entries 1: exact at 1 bit), "sparse" or "dense".
        hidden_channels: H.
        num_steps: K.
        propagation: Registered name: smp, appnp, elastic, gcn.
        propagation_options: Keyword arguments of that propagation.
        order: "predict_first" propagates class scores; "propagate_first" propagates hidden states,
            whose packed codes are node embeddings.
        dropout: Probability for inputs and hidden states, in training.
        quant: Quantization.

    Raises:
        ArgumentError: a field is outside its range.
    """

    num_features: int
    num_classes: int
    input_kind: str = "dense"
    hidden_channels: int = 64
    num_steps: int = 10
    propagation: str = "smp"
    propagation_options: dict[str, object] = field(default_factory=dict)
    order: str = "predict_first"
    dropout: float = 0.5
    quant: QuantConfig = field(default_factory=QuantConfig)

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ArgumentError(
                f"Expected `order` to be one of {', '.join(ORDERS)} (got {self.order!r}). Use {ORDERS[0]}."
            )
        if self.input_kind not in INPUT_KINDS:
            raise ArgumentError(
                f"Expected `input_kind` to be one of {', '.join(INPUT_KINDS)} (got {self.input_kind!r}). "
                "Take it from `nn.inputs.input_kind`."
            )
        if not 0 <= self.dropout < 1:
            raise ArgumentError(f"Expected `dropout` to be in [0, 1) (got {self.dropout}). The default is 0.5.")
        for name in ("num_features", "num_classes", "hidden_channels", "num_steps"):
            if getattr(self, name) < 1:
                raise ArgumentError(
                    f"Expected `{name}` to be at least 1 (got {getattr(self, name)}). Check the data set."
                )
        PROPAGATIONS.resolve(self.propagation)

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> SMPNetConfig:
        """Invert `to_json`."""
        quant = fields["quant"]
        return cls(**{**fields, "quant": QuantConfig(**quant)})


class SMPNet(nn.Module):
    r"""X -> dropout -> Linear -> ReLU -> dropout -> Linear -> K propagation steps -> class scores.

    Inputs, weights, activations, messages, aggregates and updates are quantized, each tensor by a
    quantizer of its own. Stored binary inputs are exact at 1 bit, their row factor kept apart.

    Args:
        config: Sizes, propagation and quantization.

    Shapes:
        input: `Inputs` [N, F]; output: class scores [N, C], float32.

    Reference:
        Wang et al. 2023 (arXiv 2308.14949), section 5; DESIGN 2.4. Departures: inputs are quantized
        before dropout, so that ranges are those of evaluation; activations after the ReLU; dropout 0.5
        where the paper has 0.8 on Cora.
    """

    def __init__(self, config: SMPNetConfig) -> None:
        super().__init__()
        self.config = config
        is_predict_first = config.order == "predict_first"
        quant = config.quant
        is_exact = config.input_kind == "binary"
        self.input_quantizer = FloatStage() if is_exact else quant.make("inputs", config.num_features)
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

    def forward(self, inputs: Inputs, graph: TorchGraph) -> Tensor:
        """Return class scores [N, C] in fake-quantized float32."""
        x = replace(inputs, values=self._dropout(self._quantized_inputs(inputs)))
        hidden = self.linear1(x)
        if self.config.order == "predict_first":
            return torch.as_tensor(self.propagation(self.linear2(self._dropout(hidden)), graph))
        return torch.as_tensor(self.linear2(self._dropout(self.propagation(hidden, graph))))

    def evaluate(self, inputs: Inputs, graph: TorchGraph) -> Float32Array:
        """Return class scores [N, C] in evaluation mode, without gradients; the training flag stays as it was."""
        is_training = self.training
        self.eval()
        with torch.no_grad():
            scores: Float32Array = self(inputs, graph).numpy()
        self.train(is_training)
        return scores

    def quantizers(self) -> list[Quantizer]:
        """Return the quantizers in order of their modules."""
        return [module for module in self.modules() if isinstance(module, Quantizer)]

    def prepare(self, graph: TorchGraph) -> None:
        """Show the quantizers the degrees of the graph to train on; before an optimiser is made."""
        degrees = torch.from_numpy(graph.prepared.csr.row_lengths.astype("float32"))
        for quantizer in self.quantizers():
            quantizer.prepare(degrees)

    def penalty(self) -> Tensor:
        """Return what the quantizers add to the loss of the latest training pass, []."""
        return torch.stack([torch.zeros(()), *(quantizer.penalty() for quantizer in self.quantizers())]).sum()

    def average_bits(self) -> dict[str, float]:
        """Return the mean width of each quantized stage over the values of the latest pass, and "all" of them."""
        stages: dict[str, list[Quantizer]] = {}
        for quantizer in self.quantizers():
            stages.setdefault(quantizer.stage, []).append(quantizer)
        if stages:
            stages["all"] = self.quantizers()
        return {
            name: sum(q.avg_bits * q.num_values for q in members) / sum(q.num_values for q in members)
            for name, members in stages.items()
        }

    def range_parameters(self) -> list[nn.Parameter]:
        """Return the quantizers' learnable parameters: an optimiser group of their own."""
        return [parameter for quantizer in self.quantizers() for parameter in quantizer.range_parameters()]

    def to_plan(self) -> Plan:
        """Return the plan of the engine, ranges and multipliers frozen.

        Raises:
            ArgumentError: the model was not trained yet, or sparse inputs need a grid through 0.
        """
        features = FeaturesOp(0, self.config.num_features, self._input_law())
        first = self.linear1.to_op(1)
        if self.config.order == "predict_first":
            return Plan((features, first, self.linear2.to_op(2), self.propagation.to_op(3)), scores=4, embedding=2)
        return Plan((features, first, self.propagation.to_op(2), self.linear2.to_op(3)), scores=4, embedding=3)

    def _input_law(self) -> AffineLaw | None:
        if self.config.input_kind == "binary":
            return None if self.config.quant.bits_of("inputs") == 32 else per_tensor_law(1, 1.0)
        law = self.input_quantizer.law()
        if law is not None and self.config.input_kind == "sparse" and law.phase[0] != 0:
            raise ArgumentError(
                f"Expected the grid of sparse inputs to hold 0 (got phase {law.phase[0]}). "
                "Quantize sparse inputs with negative values at 2 bits or more."
            )
        return law

    def _quantized_inputs(self, inputs: Inputs) -> Tensor:
        quantized = self.input_quantizer(inputs.values)
        # The gradient of a sparse product goes to its dense side only: the range of sparse inputs is
        # calibrated on the first batch, not learned. The data does not move, so nothing is lost.
        return torch.as_tensor(quantized if inputs.pattern is None else quantized.detach())

    def _dropout(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, self.config.dropout, self.training)
