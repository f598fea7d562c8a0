"""Modules that a converted network keeps as they are: what each of them is in a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
import torch_geometric.nn as pyg
from torch import nn

from smoothbit.errors import UnsupportedError
from smoothbit.formats.schema import ActivateOp, CombineOp, ConcatOp, NormalizeOp, ReadoutOp
from smoothbit.nn.layers.base import QuantLayer, check_absent, check_graph, check_option, check_value
from smoothbit.nn.layers.linear import vector
from smoothbit.nn.plan_builder import PlanBuilder, Value

Emit: TypeAlias = Callable[..., Value]


@dataclass(frozen=True)
class Plain:
    """A module without quantizers.

    Args:
        action: What becomes of it, for the report.
        reason: Why it has no quantizers.
        emit: Appends its operations, given module, builder and the arguments of `forward`.
    """

    action: str
    reason: str
    emit: Emit


PLAIN: dict[type[nn.Module], Plain] = {}
"""Modules that stay as they are, by their very class."""

CONTAINERS: dict[type[nn.Module], Emit] = {}
"""Containers that a layer may hold, and what runs their parts in a plan."""


def emit_module(module: nn.Module, builder: PlanBuilder, *args: Any, **kwargs: Any) -> Value:
    """Append the operations of one call of `module` and return the value of its result.

    Raises:
        UnsupportedError: `module` is neither a converted layer nor one of those above.
    """
    if isinstance(module, QuantLayer):
        return module.emit(builder, *args, **kwargs)
    emit = CONTAINERS.get(type(module)) or (PLAIN[type(module)].emit if type(module) in PLAIN else None)
    if emit is None:
        names = sorted({kind.__name__ for kind in (*PLAIN, *CONTAINERS)})
        raise UnsupportedError(
            f"Expected a module that the engine knows (got {type(module).__name__}). "
            f"Use a converted layer, or one of {', '.join(names)}."
        )
    return emit(module, builder, *args, **kwargs)


def _plain(action: str, reason: str, *kinds: type[nn.Module]) -> Callable[[Emit], Emit]:
    def add(emit: Emit) -> Emit:
        PLAIN.update({kind: Plain(action, reason, emit) for kind in kinds})
        return emit

    return add


@_plain("no arithmetic", "the identity in evaluation", nn.Dropout, nn.Identity)
def _identity(module: nn.Module, builder: PlanBuilder, x: Value) -> Value:
    return x


@_plain("folded at export", "part of the operation before it", nn.ReLU)
def _relu(module: nn.Module, builder: PlanBuilder, x: Value) -> Value:
    x = _float(module, builder, x)
    return builder.add(CombineOp((x.number,), (1.0,), has_relu=True), x.num_channels)


@_plain("folded at export", "an affine map of each channel in evaluation", nn.BatchNorm1d, pyg.BatchNorm)
def _batch_norm(module: Any, builder: PlanBuilder, x: Value) -> Value:
    norm = module.module if isinstance(module, pyg.BatchNorm) else module
    is_fixed = norm.running_mean is not None
    check_option(is_fixed, type(module).__name__, "track_running_stats", "True", False, "Train it with statistics.")
    x = _float(module, builder, x)
    with torch.no_grad():
        scale = (norm.running_var.double() + norm.eps).rsqrt() * (1.0 if norm.weight is None else norm.weight)
        bias = (0.0 if norm.bias is None else norm.bias) - norm.running_mean * scale
    op = CombineOp((x.number,), (1.0,), scale=vector(scale), bias=vector(bias))
    return builder.add(op, x.num_channels)


ACTIVATIONS: dict[type[nn.Module], tuple[str, dict[str, object]]] = {
    nn.LeakyReLU: ("leaky_relu", {}),
    nn.PReLU: ("prelu", {}),
    nn.ELU: ("elu", {}),
    nn.SELU: ("selu", {}),
    nn.GELU: ("gelu", {"approximate": "none"}),
    nn.SiLU: ("silu", {}),
    nn.Sigmoid: ("sigmoid", {}),
    nn.Tanh: ("tanh", {}),
    nn.Softplus: ("softplus", {"beta": 1.0, "threshold": 20.0}),
}
"""Function of a plan for each activation, and the options that it takes for granted."""


@_plain("kept float", "elementwise, in float32 between two quantized layers", *ACTIVATIONS)
def _activation(module: Any, builder: PlanBuilder, x: Value) -> Value:
    x = _float(module, builder, x)
    function, options = ACTIVATIONS[type(module)]
    for name, value in options.items():
        got = getattr(module, name)
        check_option(got == value, type(module).__name__, name, repr(value), got, "Use the default.")
    slope = {"leaky_relu": "negative_slope", "elu": "alpha"}.get(function)
    slopes = None
    if function == "prelu":
        slopes = np.array(np.broadcast_to(module.weight.detach().cpu().numpy(), (x.num_channels,)), dtype=np.float32)
    op = ActivateOp(x.number, function, 0.0 if slope is None else float(getattr(module, slope)), slopes)
    return builder.add(op, x.num_channels)


@_plain("kept float", "normalises by statistics of the values", nn.LayerNorm, pyg.LayerNorm)
def _layer_norm(module: Any, builder: PlanBuilder, x: Value, batch: object = None, batch_size: object = None) -> Value:
    check_absent(module, batch=batch, batch_size=batch_size)
    x = _float(module, builder, x)
    mode = "set" if getattr(module, "mode", "node") == "graph" else "row"
    op = NormalizeOp(x.number, mode, module.eps, vector(module.weight), vector(module.bias))
    return builder.add(op, x.num_channels)


@_plain("kept float", "normalises by statistics of the values", pyg.GraphNorm)
def _graph_norm(module: Any, builder: PlanBuilder, x: Value, batch: object = None, batch_size: object = None) -> Value:
    if batch is not None:
        check_graph(module, "batch", batch)
    x = _float(module, builder, x)
    scales = (vector(module.weight), vector(module.bias), vector(module.mean_scale))
    return builder.add(NormalizeOp(x.number, "graph", module.eps, *scales), x.num_channels)


@_plain("no arithmetic", "puts channels side by side, or takes their maximum", pyg.JumpingKnowledge)
def _jumping_knowledge(module: Any, builder: PlanBuilder, xs: list[Value]) -> Value:
    xs = [_float(module, builder, x) for x in xs]
    is_max = module.mode == "max"
    num_channels = xs[0].num_channels if is_max else sum(x.num_channels for x in xs)
    return builder.add(ConcatOp(tuple(x.number for x in xs), is_max), num_channels)


READOUTS = {pyg.SumAggregation: "sum", pyg.MeanAggregation: "mean", pyg.MaxAggregation: "max"}
"""Reduction of a plan for each readout."""


@_plain("kept float", "one row for each graph", *READOUTS)
def _readout(module: Any, builder: PlanBuilder, x: Value, index: object = None, **options: object) -> Value:
    check_graph(module, "batch", index)
    check_absent(module, **{name: value for name, value in options.items() if name != "dim_size"})
    x = _float(module, builder, x)
    return builder.add(ReadoutOp(x.number, READOUTS[type(module)]), x.num_channels)


def _sequential(module: Any, builder: PlanBuilder, x: Value) -> Value:
    for part in module:
        x = emit_module(part, builder, x)
    return x


def _mlp(module: Any, builder: PlanBuilder, x: Value) -> Value:
    """Repeat the order of `torch_geometric.nn.MLP.forward`."""
    for linear, norm in zip(module.lins, module.norms, strict=False):
        x = emit_module(linear, builder, x)
        order = (module.act, norm) if module.act_first else (norm, module.act)
        for part in order:
            x = x if part is None else emit_module(part, builder, x)
    return emit_module(module.lins[-1], builder, x) if module.plain_last else x


CONTAINERS[nn.Sequential] = _sequential
CONTAINERS[pyg.MLP] = _mlp


def _float(module: nn.Module, builder: PlanBuilder, x: object) -> Value:
    """Return `x`, which may be the node features as they come."""
    return builder.quantized(check_value(module, "x", x), None)
