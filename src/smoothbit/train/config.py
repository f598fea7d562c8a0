"""Everything that defines a training run besides its seed."""

from __future__ import annotations

import inspect
from dataclasses import asdict, dataclass, field

from smoothbit.data import Dataset
from smoothbit.errors import ArgumentError
from smoothbit.nn import PROPAGATIONS, SMPNetConfig, input_kind
from smoothbit.quant import QuantConfig
from smoothbit.registry import nearest_name

PLACE_FIELDS = ("data_root",)
"""Fields that say where things lie, not what is computed: a run may be resumed with other values."""

QUANTIZED_FIELDS = ("warm_epochs", "range_learning_rate", "quantizer", "stage_bits", "weight_granularity")
"""Fields that change nothing in a network that stays in float32."""


@dataclass(frozen=True)
class TrainConfig:
    """Recipe of a run; JSON-able.

    Args:
        dataset: Name of the data set.
        data_root: Folder laid out as `<family>/<name>/raw`, or None.
        split: Name of the split, or None for the data set's own choice.
        epochs: Optimiser steps, each on the whole graph, those of the warm-up included.
        warm_epochs: Steps in float32 before a quantized network goes on from the best of them, less than
            `epochs`; 0 for none, None for a quarter of `epochs`. FP32 networks have no second phase.
        learning_rate: Adam's rate for weights and biases.
        range_learning_rate: Adam's rate for the quantizers' range parameters.
        weight_decay: L2 penalty of weights and biases; range parameters have none.
        lr_decay: Factor of both rates after each `decay_epochs` epochs.
        decay_epochs: Epochs between two decays.
        hidden_channels: H.
        num_steps: K.
        propagation: smp, appnp, elastic or gcn.
        propagation_options: Keyword arguments of that propagation.
        order: "predict_first" or "propagate_first".
        dropout: Probability, in [0, 1).
        quantizer: qlr, bt, bt_star, minmax or lsq.
        num_bits: 1, 2, 4, 8, or 32 for float32.
        stage_bits: Widths of single stages that differ.
        weight_granularity: "per_tensor" or "per_channel".
        num_threads: Threads of torch. A step is many small operations, for which one is fastest
            up to some ten thousand nodes; and the record then depends on no number of cores.

    Raises:
        ArgumentError: a field is outside its range.
    """

    dataset: str = "digits"
    data_root: str | None = None
    split: str | None = None
    epochs: int = 200
    warm_epochs: int | None = None
    learning_rate: float = 0.01
    range_learning_rate: float = 3e-3
    weight_decay: float = 5e-4
    lr_decay: float = 0.7
    decay_epochs: int = 50
    hidden_channels: int = 64
    num_steps: int = 10
    propagation: str = "smp"
    propagation_options: dict[str, object] = field(default_factory=dict)
    order: str = "predict_first"
    dropout: float = 0.5
    quantizer: str = "qlr"
    num_bits: int = 32
    stage_bits: dict[str, int] = field(default_factory=dict)
    weight_granularity: str = "per_tensor"
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
        for name in ("range_learning_rate", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise ArgumentError(
                    f"Expected `{name}` to be >= 0 (got {getattr(self, name)}). Use 0 to switch it off."
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
        return QUANTIZED_FIELDS if self.is_float else ()

    @property
    def warm_up(self) -> int:
        """Steps in float32 before quantization; 0 for a network that stays in float32."""
        if self.is_float:
            return 0
        return self.epochs // 4 if self.warm_epochs is None else self.warm_epochs

    def net_config(self, num_features: int, num_classes: int, kind: str) -> SMPNetConfig:
        """Return the network's configuration for features of `kind` [N, F] and C classes."""
        quant = QuantConfig(self.quantizer, self.num_bits, dict(self.stage_bits), self.weight_granularity)
        return SMPNetConfig(
            num_features=num_features,
            num_classes=num_classes,
            input_kind=kind,
            hidden_channels=self.hidden_channels,
            num_steps=self.num_steps,
            propagation=self.propagation,
            propagation_options=dict(self.propagation_options),
            order=self.order,
            dropout=self.dropout,
            quant=quant,
        )

    def net_config_for(self, dataset: Dataset) -> SMPNetConfig:
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

    def _check_options(self) -> None:
        known = propagation_options(self.propagation)
        for name in self.propagation_options:
            if name not in known:
                raise ArgumentError(
                    f"Expected `propagation_options` to be options of {self.propagation} (got '{name}'). "
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
