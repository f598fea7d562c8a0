"""What every network has: its configuration, quantized inputs, evaluation; and the registry of their names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import FeaturesOp, Plan
from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.inputs import Inputs
from smoothbit.nn.state_note import StateNote
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.quant import FloatStage, QuantConfig, Quantizer
from smoothbit.registry import Registry
from smoothbit.typing import Float32Array

Config = TypeVar("Config", bound="NetworkConfig")
Model = TypeVar("Model", bound="Network")
INPUT_KINDS = ("binary", "sparse", "dense")

MODELS: Registry[type[Network]] = Registry("model")
"""Networks by name."""


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that defines a network; JSON-able. A network with more options extends it.

    Args:
        num_features: F.
        num_classes: C.
        input_kind: "binary" (sparse, stored entries 1: exact at 1 bit), "sparse" or "dense".
        hidden_channels: H, where there are hidden layers.
        num_steps: K, propagation steps or layers.
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
    dropout: float = 0.5
    quant: QuantConfig = field(default_factory=QuantConfig)

    def __post_init__(self) -> None:
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

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_json(cls: type[Config], fields: dict[str, Any]) -> Config:
        """Invert `to_json`."""
        return cls(**{**fields, "quant": QuantConfig(**fields["quant"])})


class Network(nn.Module, ABC):
    """Network from node features to class scores. Subclasses give `forward` and `to_plan`.

    Stored binary inputs are exact at 1 bit, their row factor kept apart; others have a quantizer.

    Args:
        config: Sizes and quantization, of type `config_type`.

    Shapes:
        input: `Inputs` [N, F]; output: class scores [N, C], float32.
    """

    config_type: ClassVar[type[NetworkConfig]] = NetworkConfig

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        is_exact = config.input_kind == "binary"
        self.input_quantizer = FloatStage() if is_exact else config.quant.make("inputs", config.num_features)
        self.note = StateNote()

    @abstractmethod
    def forward(self, inputs: Inputs, graph: TorchGraph) -> Tensor:
        """Return class scores [N, C] in fake-quantized float32."""

    @abstractmethod
    def to_plan(self) -> Plan:
        """Return the plan of the engine, everything learned frozen to numbers.

        Raises:
            ArgumentError: the model was not trained yet, or sparse inputs need a grid through 0.
        """

    @property
    def propagation_name(self) -> str:
        """Name of the propagation, or "none"."""
        return "none"

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

    def weight_groups(self) -> list[tuple[float, list[nn.Parameter]]]:
        """Return all other parameters in groups, each with the factor of the recipe's weight decay."""
        ranges = {id(parameter) for parameter in self.range_parameters()}
        return [(1.0, [parameter for parameter in self.parameters() if id(parameter) not in ranges])]

    def float_twin(self: Model) -> Model:
        """Return a float32 network with the same weights: what quantization is measured against."""
        twin = type(self)(replace(self.config, quant=QuantConfig()))
        twin.load_state_dict(self.state_dict(), strict=False)  # what is left over belongs to quantizers
        return twin.train(self.training)

    def features_op(self) -> FeaturesOp:
        """Return the first operation of every plan."""
        return FeaturesOp(0, self.config.num_features, self._input_law())

    def read(self, inputs: Inputs) -> Inputs:
        """Return the inputs quantized, then dropped out: ranges are those of evaluation."""
        quantized = torch.as_tensor(self.input_quantizer(inputs.values))
        # The gradient of a sparse product goes to its dense side only: the range of sparse inputs is
        # calibrated on the first batch, not learned. The data does not move, so nothing is lost.
        return replace(inputs, values=self.drop(quantized if inputs.pattern is None else quantized.detach()))

    def drop(self, x: Tensor) -> Tensor:
        """Return `x` after dropout."""
        return nn.functional.dropout(x, self.config.dropout, self.training)

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
