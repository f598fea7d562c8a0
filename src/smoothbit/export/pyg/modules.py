"""Layers that stay as they are in torch (norms, activations, pooling), each as an operation of a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch_geometric.nn as pyg
from torch import Tensor, nn

from smoothbit.errors import UnsupportedError
from smoothbit.export.pyg.functions import FUNCTIONS, concatenate
from smoothbit.formats.schema import ActivateOp, CombineOp, NormalizeOp, ReadoutOp
from smoothbit.nn.plan_builder import GraphInput, PlanBuilder, Value
from smoothbit.typing import Float32Array


def emit_readout(builder: PlanBuilder, x: Value, batch: GraphInput, reduce: str) -> Value:
    """Append the pooling of the nodes of each graph.

    Raises:
        UnsupportedError: the nodes are grouped by something else than the call's `batch`, or reduced otherwise.
    """
    if not isinstance(batch, GraphInput) or batch.role != "batch":
        raise UnsupportedError(
            "Expected nodes to be pooled by the `batch` that the network was given (got another tensor). "
            "Pass `batch` to the pooling unchanged."
        )
    name = {"add": "sum", "sum": "sum", "mean": "mean", "max": "max"}.get(reduce)
    if name is None:
        raise UnsupportedError(f"Expected pooling by sum, mean or max (got {reduce!r}). Use one of these.")
    return builder.add(ReadoutOp(builder.quantized(x, None).number, name), x.num_channels)


def _readout(reduce: str) -> Callable[..., Value]:
    def emit(
        module: nn.Module, builder: PlanBuilder, x: Value, index: Any = None, ptr: Any = None, *_: Any, **__: Any
    ) -> Value:
        if index is None:
            return builder.add(ReadoutOp(builder.quantized(x, None).number, reduce), x.num_channels)
        return emit_readout(builder, x, index, reduce)

    return emit


def _batch_norm(module: Any, builder: PlanBuilder, x: Value) -> Value:
    norm = module.module if isinstance(module, pyg.BatchNorm) else module
    if norm.running_mean is None:
        raise UnsupportedError(
            "Expected batch normalisation to keep running statistics (got track_running_stats=False). "
            "Use GraphNorm, which normalises by the graph at hand."
        )
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    factor = (variance + norm.eps).rsqrt()
    factor = factor if norm.weight is None else factor * norm.weight.double()
    shift = -mean * factor if norm.bias is None else norm.bias.double() - mean * factor
    op = CombineOp((builder.quantized(x, None).number,), (1.0,), scale=_array(factor), bias=_array(shift))
    return builder.add(op, x.num_channels)


def _layer_norm(module: Any, builder: PlanBuilder, x: Value, batch: Any = None, *_: Any, **__: Any) -> Value:
    mode = {"node": "row", "graph": "set"}[getattr(module, "mode", "node")]
    if isinstance(module, nn.LayerNorm) and tuple(module.normalized_shape) != (x.num_channels,):
        raise UnsupportedError(
            f"Expected layer normalisation over the {x.num_channels} channels (got {tuple(module.normalized_shape)}). "
            "Give it the number of channels."
        )
    _check_batch(batch)
    return _normalize(module, builder, x, mode)


def _graph_norm(module: Any, builder: PlanBuilder, x: Value, batch: Any = None, *_: Any, **__: Any) -> Value:
    _check_batch(batch)
    return _normalize(module, builder, x, "graph", mean_scale=_array(module.mean_scale))


def _check_batch(batch: Any) -> None:
    if batch is not None and not (isinstance(batch, GraphInput) and batch.role == "batch"):
        raise UnsupportedError(
            "Expected a norm to get the `batch` of the call (got another tensor). Pass it unchanged."
        )


def _normalize(module: Any, builder: PlanBuilder, x: Value, mode: str, mean_scale: Float32Array | None = None) -> Value:
    source = builder.quantized(x, None).number
    scale, bias = _optional(module.weight), _optional(module.bias)
    return builder.add(NormalizeOp(source, mode, module.eps, scale, bias, mean_scale), x.num_channels)


def _function(name: str, *fields: str) -> Callable[..., Value]:
    """Return the emitter of an activation layer: its function, with arguments from the layer's fields."""

    def emit(module: nn.Module, builder: PlanBuilder, x: Value) -> Value:
        return FUNCTIONS[name](builder, x, *(getattr(module, field) for field in fields))

    return emit


def _gelu(module: nn.GELU, builder: PlanBuilder, x: Value) -> Value:
    return FUNCTIONS["gelu"](builder, x, approximate=module.approximate)


def _prelu(module: nn.PReLU, builder: PlanBuilder, x: Value) -> Value:
    slopes = np.broadcast_to(_array(module.weight), (x.num_channels,)).copy()
    return builder.add(ActivateOp(builder.quantized(x, None).number, "prelu", slopes=slopes), x.num_channels)


def _softplus(module: nn.Softplus, builder: PlanBuilder, x: Value) -> Value:
    if module.beta != 1:
        raise UnsupportedError(f"Expected `beta` of Softplus to be 1 (got {module.beta}). Scale its input.")
    return FUNCTIONS["softplus"](builder, x)


def _same(module: nn.Module, builder: PlanBuilder, x: Value, *_: Any, **__: Any) -> Value:
    return x


def _jumping_knowledge(module: Any, builder: PlanBuilder, xs: list[Value]) -> Value:
    if module.mode == "lstm":
        raise UnsupportedError("Expected `mode` of JumpingKnowledge to be cat or max (got lstm). Use one of these.")
    return concatenate(builder, xs, is_max=module.mode == "max")


def _array(tensor: Tensor) -> Float32Array:
    array: Float32Array = np.array(tensor.detach().cpu().numpy(), dtype=np.float32)
    return array


def _optional(tensor: Tensor | None) -> Float32Array | None:
    return None if tensor is None else _array(tensor)


MODULES: dict[type, Callable[..., Value]] = {
    nn.BatchNorm1d: _batch_norm,
    pyg.BatchNorm: _batch_norm,
    nn.LayerNorm: _layer_norm,
    pyg.LayerNorm: _layer_norm,
    pyg.GraphNorm: _graph_norm,
    pyg.SumAggregation: _readout("sum"),
    pyg.MeanAggregation: _readout("mean"),
    pyg.MaxAggregation: _readout("max"),
    pyg.JumpingKnowledge: _jumping_knowledge,
    nn.ReLU: _function("relu"),
    nn.LeakyReLU: _function("leaky_relu", "negative_slope"),
    nn.ELU: _function("elu", "alpha"),
    nn.SELU: _function("selu"),
    nn.SiLU: _function("silu"),
    nn.Sigmoid: _function("sigmoid"),
    nn.Tanh: _function("tanh"),
    nn.GELU: _gelu,
    nn.PReLU: _prelu,
    nn.Softplus: _softplus,
    nn.Identity: _same,
    nn.Dropout: _same,
    nn.AlphaDropout: _same,
    nn.LogSoftmax: _same,
    nn.Softmax: _same,
}
"""Emitters by type: called with the layer, the plan and the arguments of the call."""
