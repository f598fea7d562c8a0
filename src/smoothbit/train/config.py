"""Everything that defines a training run besides its seed."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from smoothbit.data import Dataset
from smoothbit.errors import ArgumentError
from smoothbit.nn import MODELS, PROPAGATIONS, NetworkConfig, input_kind
from smoothbit.nn.propagation.base import Diffusion
from smoothbit.quant import QUANTIZERS, QuantConfig
from smoothbit.registry import nearest_name

SCHEDULES = ("cosine", "step")
PLACE_FIELDS = ("data_root",)
"""Fields that say where things lie, not what is computed: a run may be resumed with other values."""

QUANTIZED_FIELDS = (
    "is_gradual", "range_learning_rate", "quantizer", "stage_bits", "weight_granularity", "grid", "coding",
)  # fmt: skip
"""Fields that change nothing in a network that stays in float32."""

NETWORK_FIELDS = ("hidden_channels", "num_steps", "propagation", "propagation_options", "order", "dropout")
"""Fields that not every network reads."""


@dataclass(frozen=True)
class TrainConfig:
    """Recipe of a run; JSON-able.

    Args:
        dataset: Name of the data set.
        data_root: Folder laid out as `<family>/<name>/raw`, or None.
        split: Name of the split, or None for the data set's own choice.
        epochs: Optimiser steps, each on the whole graph, those of the warm-up included.
        warm_epochs: Steps of a float32 network first; the run goes on from the best of them, which is
            also the teacher. Less than `epochs`; 0 for none, None for half of `epochs`. An FP32 run without
            distillation has one phase.
        distill_weight: Share, in [0, 1], of the loss that is the divergence from the teacher's class
            probabilities on all nodes; the rest is cross-entropy on the training nodes.
        is_gradual: Whether the run passes through the widths above its own (8, 4, 2).
        learning_rate: Adam's rate for weights and biases.
        range_learning_rate: Adam's rate for the quantizers' range parameters.
        weight_decay: L2 penalty of weights and biases; range parameters have none.
        distill_weight_decay: The same after the warm-up.
        schedule: "cosine" takes the rates to 0 in each phase; "step" multiplies them by `lr_decay` after
            each `decay_epochs` epochs of a phase.
        lr_decay: Factor of schedule "step".
        decay_epochs: Epochs between two decays.
        model: smp_net, mlp, gcn, sgc or gcnii.
        model_options: Fields of that network's configuration that have no place here, e.g. teleport of gcnii.
        hidden_channels: H, where the network has hidden layers.
        num_steps: K: propagation steps, or layers of gcn and gcnii.
        propagation: smp, appnp, elastic or gcn; this, its options and `order` are for smp_net.
        propagation_options: Keyword arguments of that propagation.
        order: "predict_first" or "propagate_first".
        dropout: Probability, in [0, 1).
        quantizer: Registered name, e.g. qlr.
        num_bits: 1, 2, 4, 8, or 32 for float32.
        stage_bits: Widths of single stages that differ.
        weight_granularity: "per_tensor" or "per_channel".
        grid: Levels of signed tensors at 1 and 2 bits: "half" or "integer".
        coding: What messages carry: "plain", "feedback", "delta"; "auto" is delta at 1 and 2 bits with more
            than two steps where the propagation has it and all stages have one width, else plain.
        num_threads: Threads of torch. A step is many small operations, for which one is fastest
            up to some ten thousand nodes; and the record then depends on no number of cores.

    Raises:
        ArgumentError: a field is outside its range.
    """

    dataset: str = "digits"
    data_root: str | None = None
    split: str | None = None
    epochs: int = 400
    warm_epochs: int | None = None
    distill_weight: float = 1.0
    is_gradual: bool = True
    learning_rate: float = 0.01
    range_learning_rate: float = 0.01
    weight_decay: float = 5e-4
    distill_weight_decay: float = 0.0
    schedule: str = "cosine"
    lr_decay: float = 0.7
    decay_epochs: int = 50
    model: str = "smp_net"
    model_options: dict[str, object] = field(default_factory=dict)
    hidden_channels: int = 64
    num_steps: int = 10
    propagation: str = "smp"
    propagation_options: dict[str, object] = field(default_factory=dict)
    order: str = "predict_first"
    dropout: float = 0.5
    quantizer: str = "qlr"
    num_bits: int = 32
    stage_bits: dict[str, int] = field(default_factory=dict)
    weight_granularity: str = "per_channel"
    grid: str = "half"
    coding: str = "auto"
    num_threads: int = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "decay_epochs", "num_threads"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"Expected `{name}` to be at least 1 (got {getattr(self, name)}). Use 1 or more.")
        if self.warm_epochs is not None and not 0 <= self.warm_epochs < self.epochs:
            raise ArgumentError(
                f"Expected `warm_epochs` to be in [0, {self.epochs}), less than `epochs` (got {self.warm_epochs}). "
                "Use 0 for no warm-up."
            )
        for name in ("learning_rate", "lr_decay"):
            if not getattr(self, name) > 0:
                raise ArgumentError(
                    f"Expected `{name}` to be > 0 (got {getattr(self, name)}). The paper uses 0.01 and 0.7."
                )
        for name in ("range_learning_rate", "weight_decay", "distill_weight_decay"):
            if not getattr(self, name) >= 0:
                raise ArgumentError(
                    f"Expected `{name}` to be >= 0 (got {getattr(self, name)}). Use 0 to switch it off."
                )
        if not 0 <= self.distill_weight <= 1:
            raise ArgumentError(
                f"Expected `distill_weight` to be in [0, 1] (got {self.distill_weight}). Use 0 for no distillation."
            )
        if self.schedule not in SCHEDULES:
            raise ArgumentError(
                f"Expected `schedule` to be one of {', '.join(SCHEDULES)} (got {self.schedule!r}). Use {SCHEDULES[0]}."
            )
        self._check_options()
        self.net_config(num_features=1, num_classes=1, kind="dense")

    @property
    def is_float(self) -> bool:
        """Whether every stage of the network stays in float32."""
        return QuantConfig(self.quantizer, self.num_bits, dict(self.stage_bits)).is_float

    @property
    def unread_fields(self) -> tuple[str, ...]:
        """Fields that change nothing in this network: recipes that differ in them only are one."""
        network = [name for name in NETWORK_FIELDS if name not in _field_names(self.model)]
        return (*network, *(QUANTIZED_FIELDS if self.is_float else ()))

    @property
    def warm_up(self) -> int:
        """Steps of the float32 network before the run's own; 0 for an FP32 run that nothing follows."""
        if self.distill_weight == 0 and self.is_float:
            return 0
        return self.epochs // 2 if self.warm_epochs is None else self.warm_epochs

    @property
    def method(self) -> str:
        """What tables call the network: its propagation where it has a choice of it, else its name."""
        return self.propagation if "propagation" in _field_names(self.model) else self.model

    def net_config(self, num_features: int, num_classes: int, kind: str) -> NetworkConfig:
        """Return the network's configuration for features of `kind` [N, F] and C classes."""
        quant = QuantConfig(
            self.quantizer, self.num_bits, dict(self.stage_bits), self.weight_granularity, self.grid, self._coding()
        )
        shared: dict[str, Any] = {
            name: value for name, value in asdict(self).items() if name in _field_names(self.model)
        }
        options: dict[str, Any] = self.model_options
        return MODELS.resolve(self.model).config_type(
            num_features=num_features, num_classes=num_classes, input_kind=kind, quant=quant, **shared, **options
        )

    def net_config_for(self, dataset: Dataset) -> NetworkConfig:
        """Return the network's configuration for a data set."""
        return self.net_config(dataset.num_features, dataset.num_classes, input_kind(dataset.features))

    def to_json(self) -> dict[str, object]:
        """Return the fields as JSON-able values."""
        return asdict(self)

    def differences(self, other: TrainConfig) -> list[str]:
        """Return "name: mine, not theirs" for each field that changes what is computed."""
        mine, theirs = self.to_json(), other.to_json()
        return [
            f"{name}: {mine[name]!r}, not {theirs[name]!r}"
            for name in mine
            if name not in PLACE_FIELDS and mine[name] != theirs[name]
        ]

    def _coding(self) -> str:
        if self.coding != "auto":
            return self.coding
        is_linear = issubclass(PROPAGATIONS.resolve(self.propagation), Diffusion)
        is_uniform = not self.stage_bits and not QUANTIZERS.resolve(self.quantizer).width_policy
        return "delta" if is_linear and is_uniform and self.num_bits <= 2 and self.num_steps > 2 else "plain"

    def _check_options(self) -> None:
        own = {"num_features", "num_classes", "input_kind", "quant", *(f.name for f in fields(self))}
        _check_names(
            "propagation_options", self.propagation_options, self.propagation, propagation_options(self.propagation)
        )
        known = [name for name in _field_names(self.model) if name not in own]
        _check_names("model_options", self.model_options, self.model, known)


def _field_names(model: str) -> list[str]:
    return [f.name for f in fields(MODELS.resolve(model).config_type)]


def _check_names(argument: str, options: Iterable[str], owner: str, known: list[str]) -> None:
    for name in options:
        if name not in known:
            raise ArgumentError(
                f"Expected `{argument}` to be options of {owner} (got '{name}'). "
                f"{nearest_name(name, known) if known else 'It has none.'}"
            )


def propagation_options(propagation: str) -> list[str]:
    """Return the names of the options of a propagation.

    Raises:
        ArgumentError: no such propagation.
    """
    parameters = inspect.signature(PROPAGATIONS.resolve(propagation)).parameters.values()
    names = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    return [name for name in names if name != "has_output_quantizer"]
