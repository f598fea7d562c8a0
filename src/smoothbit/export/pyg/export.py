"""`smoothbit.export` and `verify`: a quantized PyG network as a packed file, checked in the engine on an example."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from smoothbit import __version__
from smoothbit.engine import Model, Result, load
from smoothbit.engine.runner import run_plan
from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.export.pyg.example import Example, read_example
from smoothbit.export.pyg.trace import trace
from smoothbit.export.verify import Verification, compare_results
from smoothbit.formats import PackedModel, write_model
from smoothbit.formats.packed_model import model_bytes
from smoothbit.formats.schema import ModelInfo, Plan
from smoothbit.nn.layers.base import QuantLayer
from smoothbit.nn.layers.linear import AnyLinear
from smoothbit.nn.simulation import TorchBackend
from smoothbit.quant import QUANTIZERS, Quantizer
from smoothbit.typing import Float32Array


@dataclass(frozen=True)
class Exported:
    """What was written, and how the engine agrees with the network on the example.

    Args:
        packed: Plan and information, as in the file.
        num_bytes: Size of the file.
        scores: Class scores of the engine on the example [N, C] or [G, C], float32.
        verification: Engine against the float simulation of its plan, stage by stage, and its labels against
            those of the network in evaluation mode (`fake_quantize_label_agreement`), whose converted layers
            compute in the engine's arithmetic where they can. The engine leaves out a softmax at the end.
    """

    packed: PackedModel
    num_bytes: int
    scores: Float32Array
    verification: Verification

    @property
    def label_agreement(self) -> float:
        """Share of rows to which engine and simulation give the same class."""
        return self.verification.label_agreement

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
    layers = _layers(model)
    call = read_example(model, example)
    plan, scores = trace(model, call)
    wanted = scores.detach().cpu().numpy()
    quantizers = [module for module in model.modules() if isinstance(module, Quantizer)]
    info = ModelInfo(
        model=type(model).__name__,
        quantizer=_common([_name(quantizer) for quantizer in quantizers], "none"),
        num_bits=max((quantizer.num_bits for quantizer in quantizers), default=32),
        propagation=_common(
            [type(layer).__name__.removeprefix("Quant") for layer in layers if not isinstance(layer, AnyLinear)], "none"
        ),
        dataset=dataset,
        split=split,
        num_classes=int(wanted.shape[1]),
        library_version=__version__,
        training=dict(training or {}),
    )
    packed = PackedModel(plan, info)
    result, verification = _compare(Model(packed), plan, call, wanted)
    write_model(path, packed)
    return Exported(packed, model_bytes(packed)["total"], result.scores, verification)


def verify(model: nn.Module, path: str | Path, example: Any) -> Verification:
    """Compare a packed file, run by the engine, with the quantized network it came from, as it is now.

    Args:
        model: Network after `quantize_`, calibrated or trained.
        path: Packed file.
        example: Arguments of `forward`, as `export` takes them.

    Returns:
        Agreement stage by stage, and of the labels. `passed` is False when the network was trained on, or is
        another one.

    Raises:
        UnsupportedError: as `export`.
        ArgumentError: the example does not fit `forward`, or file and network differ in the number of classes.
        FormatError: the file is not a valid model.
    """
    _layers(model)
    packed, call = load(path), read_example(model, example)
    plan, scores = trace(model, call)
    if packed.info.num_classes != scores.shape[1]:
        raise ArgumentError(
            f"Expected {path} to have the {scores.shape[1]} classes of {type(model).__name__} "
            f"(got {packed.info.num_classes}). Name the file that was exported from this network."
        )
    return _compare(packed, plan, call, scores.detach().cpu().numpy())[1]


def _layers(model: nn.Module) -> list[QuantLayer]:
    layers = [module for module in model.modules() if isinstance(module, QuantLayer)]
    if not layers:
        raise UnsupportedError(
            f"Expected {type(model).__name__} to have quantized layers (got none). Call smoothbit.quantize_ first."
        )
    return layers


def _compare(engine: Model, plan: Plan, call: Example, scores: Float32Array) -> tuple[Result, Verification]:
    """Return the engine's result, and how it agrees with the simulation of `plan` and the network's scores."""
    graph = call.graph()
    features = engine.features(call.roles["x"].detach().cpu().numpy())
    result = engine.run(graph, features, has_trace=True)
    with torch.no_grad():
        simulated = run_plan(plan, graph, features, TorchBackend(), has_trace=True)
    return result, compare_results(result, simulated, scores)


def _common(names: list[str], otherwise: str) -> str:
    """Return the different names, in order of their first use."""
    return ", ".join(dict.fromkeys(names)) or otherwise


def _name(quantizer: Quantizer) -> str:
    return next(name for name in QUANTIZERS if QUANTIZERS.resolve(name) is type(quantizer))
