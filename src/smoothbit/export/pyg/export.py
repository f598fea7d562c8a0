"""`smoothbit.export`: a quantized PyG network becomes a packed file, checked in the engine on an example."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from smoothbit import __version__
from smoothbit.engine import Model
from smoothbit.errors import UnsupportedError
from smoothbit.export.pyg.example import read_example
from smoothbit.export.pyg.trace import trace
from smoothbit.formats import PackedModel, write_model
from smoothbit.formats.packed_model import model_bytes
from smoothbit.formats.schema import ModelInfo
from smoothbit.nn.layers.base import QuantLayer
from smoothbit.quant import QUANTIZERS, Quantizer

SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Exported:
    """What was written, and how the engine agrees with the network on the example.

    Args:
        packed: Plan and information, as in the file.
        num_bytes: Size of the file.
        label_agreement: Share of rows whose highest score is at the same class.
        max_relative_difference: Largest difference of a score over the largest absolute score. Scores are
            compared where the network ends in its last layer; a log-softmax at its end is not in the file.
        num_rows: Rows of scores compared.
    """

    packed: PackedModel
    num_bytes: int
    label_agreement: float
    max_relative_difference: float
    num_rows: int

    @property
    def model(self) -> Model:
        """The packed model in the engine."""
        return Model(self.packed)


def export(
    model: nn.Module,
    path: str | Path,
    example: Any,
    *,
    dataset: str = "",
    split: str = "",
    training: dict[str, Any] | None = None,
) -> Exported:
    """Write a quantized network as a packed file, and run it in the engine on an example.

    Args:
        model: Network after `quantize_`, calibrated or trained.
        path: Target, by convention `*.smoothbit`; replaced in one step, and only if the engine can run it.
        example: Arguments of `forward`: a tuple, a dict by name, or a PyG `Data`. The file runs on any graph.
        dataset: Name of the data set it was trained on, kept in the file.
        split: Name of the split, likewise.
        training: Record of the training, JSON-able, likewise.

    Raises:
        UnsupportedError: the network has no quantized layer, or does something that the engine does not.
        ArgumentError: the example does not fit `forward`, or a quantizer has seen no batch.
        FormatError: the network breaks a rule of the file format.
        WriteError: the file cannot be written.
    """
    layers = [module for module in model.modules() if isinstance(module, QuantLayer)]
    if not layers:
        raise UnsupportedError(
            f"Expected {type(model).__name__} to have quantized layers (got none). Call smoothbit.quantize_ first."
        )
    call = read_example(model, example)
    plan, result = trace(model, call)
    wanted = result.detach().cpu().numpy()
    quantizers = [module for module in model.modules() if isinstance(module, Quantizer)]
    info = ModelInfo(
        model=type(model).__name__,
        quantizer=_common([_name(quantizer) for quantizer in quantizers], "none"),
        num_bits=max((quantizer.num_bits for quantizer in quantizers), default=32),
        propagation=_common([type(layer).__name__.removeprefix("Quant") for layer in layers], "none"),
        dataset=dataset,
        split=split,
        num_classes=int(wanted.shape[1]),
        library_version=__version__,
        training=dict(training or {}),
    )
    packed = PackedModel(plan, info)
    scores = Model(packed).run(call.graph(), call.features()).scores
    write_model(path, packed)
    difference = float(np.abs(_centred(scores) - _centred(wanted)).max(initial=0))
    return Exported(
        packed,
        num_bytes=model_bytes(packed)["total"],
        label_agreement=float((scores.argmax(axis=1) == wanted.argmax(axis=1)).mean()) if len(scores) else 1.0,
        max_relative_difference=difference / max(float(np.abs(_centred(wanted)).max(initial=0)), SMALLEST),
        num_rows=len(scores),
    )


def _centred(scores: Any) -> Any:
    """Return scores without the mean of each row, which a log-softmax changes and nothing depends on."""
    return scores - scores.mean(axis=1, keepdims=True)


def _common(names: list[str], otherwise: str) -> str:
    """Return the different names, in order of their first use."""
    return ", ".join(dict.fromkeys(names)) or otherwise


def _name(quantizer: Quantizer) -> str:
    return next(name for name in QUANTIZERS if QUANTIZERS.resolve(name) is type(quantizer))
