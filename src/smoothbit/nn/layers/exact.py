"""Evaluation of a converted layer by the engine: the operations that it writes into a plan, run at once.

At low bits integer sums are often exactly 0, or in the middle between two codes, where float32 sums in another order
decide otherwise. A network that is evaluated layer by layer in the engine's arithmetic has the engine's codes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np
import torch
from torch import Tensor

from smoothbit.engine import PreparedGraph
from smoothbit.engine.backend import KernelBackend
from smoothbit.engine.runner import run_plan
from smoothbit.formats.schema import LinearOp, Plan
from smoothbit.nn.graph import graph_from_tensors
from smoothbit.nn.plan_builder import GraphInput, PlanBuilder, Value
from smoothbit.numerics.features import Features
from smoothbit.quant import Quantizer, RowStage

ROLES = ("edge_index", "edge_weight", "edge_type")


def run_as_planned(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return `forward` of a `QuantLayer` that is left to the engine in evaluation without gradients."""
    signature = inspect.signature(forward)

    @functools.wraps(forward)
    def run(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling() or not _is_frozen(self):
            return forward(self, *args, **kwargs)
        arguments = signature.bind(self, *args, **kwargs).arguments
        planned = _Call(arguments.pop("self"), arguments)
        return planned.run() if planned.is_for_engine else forward(self, *args, **kwargs)

    return run


def _is_frozen(layer: Any) -> bool:
    """Return whether quantizers only apply what they have learned."""
    quantizers = [module for module in layer.modules() if isinstance(module, Quantizer)]
    return not layer.is_bypassed and not any(quantizer.is_observing for quantizer in quantizers)


class _Call:
    """One call of a layer: its tensors of nodes [N, F] and the graph.

    Attributes:
        nodes: The tensors, each once.
        is_for_engine: Whether they are whole nodes of one graph on the CPU in float32; mini-batches with senders
            and receivers apart are not.
    """

    def __init__(self, layer: Any, arguments: dict[str, Any]) -> None:
        self.layer = layer
        self.arguments = arguments
        found = [v for v in self.arguments.values() if isinstance(v, Tensor) and v.dim() == 2 and _is_float(v)]
        self.nodes = list({id(x): x for x in found}.values())
        others = [v for v in self.arguments.values() if not isinstance(v, (Tensor, int, float, type(None)))]
        self.is_for_engine = not others and len({len(x) for x in self.nodes} - {0}) == 1

    def run(self) -> Tensor:
        """Return the result [N, F_out]."""
        builder = PlanBuilder()
        values = self._values(builder)
        symbols = (values.get(id(v)) or self._symbol(name, v) for name, v in self.arguments.items())
        scores = self.layer.emit(builder, *symbols)
        plan = Plan(tuple(builder.ops), scores=scores.number)
        array = self.nodes[0].numpy() if len(self.nodes) == 1 else torch.cat(self.nodes, dim=1).numpy()
        features = Features.from_dense(array) if self._is_row_binary() else Features(np.ascontiguousarray(array))
        return torch.from_numpy(run_plan(plan, self._graph(), features, KernelBackend(torch.get_num_threads())).scores)

    def _values(self, builder: PlanBuilder) -> dict[int, Value]:
        """Return the value of each tensor of nodes: the features, or columns of them that a float32 product takes."""
        widths = [x.shape[1] for x in self.nodes]
        if len(widths) == 1:
            return {id(self.nodes[0]): Value(0, widths[0])}
        features = builder.quantized(Value(0, sum(widths)), None)
        values, columns = {}, np.eye(sum(widths), dtype=np.float32)
        for x, width, end in zip(self.nodes, widths, np.cumsum(widths), strict=True):
            product = LinearOp(features.number, np.ascontiguousarray(columns[:, end - width : end]), None, False, None)
            values[id(x)] = builder.add(product, width)
        return values

    def _symbol(self, name: str, value: Any) -> Any:
        return GraphInput(name) if isinstance(value, Tensor) and name in ROLES else value

    def _is_row_binary(self) -> bool:
        stages = [module for module in self.layer.modules() if isinstance(module, RowStage)]
        return any(stage.read_mode() == "binary" for stage in stages)

    def _graph(self) -> PreparedGraph:
        tensors = [self.arguments.get(role) for role in ROLES]
        return _graphs.get(len(self.nodes[0]), *tensors)


class _Graphs:
    """The latest graph, kept while its tensors live and are not written to: most networks pass one to every layer."""

    def __init__(self) -> None:
        self._latest: tuple[tuple[Any, ...], PreparedGraph] | None = None

    def get(self, num_nodes: int, edge_index: Tensor | None, edge_weight: Tensor | None, types: Any) -> PreparedGraph:
        """Return the graph of these tensors."""
        tensors = (edge_index, edge_weight, types)
        latest = self._latest
        if latest is not None and latest[0][0] == num_nodes and all(map(_is_same, latest[0][1:], tensors)):
            return latest[1]
        graph = graph_from_tensors(num_nodes, *tensors)
        self._latest = (num_nodes, *(None if t is None else (ref(t), t._version) for t in tensors)), graph
        return graph


def _is_same(known: tuple[ref[Tensor], int] | None, tensor: Tensor | None) -> bool:
    if known is None or tensor is None:
        return known is None and tensor is None
    return known[0]() is tensor and known[1] == tensor._version


def _is_float(tensor: Tensor) -> bool:
    return tensor.dtype == torch.float32 and tensor.device.type == "cpu"


_graphs = _Graphs()
