"""What the arguments of a network's call are: features, edges, weights of edges, graphs of nodes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from smoothbit.engine import PreparedGraph
from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.nn.graph import graph_from_tensors

WEIGHT_NAMES = ("edge_weight", "edge_weights", "edge_attr")
COUNT_NAMES = ("batch_size", "num_graphs", "size")


@dataclass(frozen=True)
class Example:
    """One call of a network, and the role of each tensor in it.

    Args:
        args: Positional arguments of `forward`.
        kwargs: Keyword arguments.
        roles: Tensor by role: "x" and "edge_index", and where the call has them "edge_weight", "edge_type", "batch".
        num_graphs: Number of graphs, where the call or its batch tells; else None.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    roles: dict[str, Tensor]
    num_graphs: int | None

    def graph(self) -> PreparedGraph:
        """Return the graph as the engine takes it."""
        return graph_from_tensors(
            len(self.roles["x"]),
            self.roles.get("edge_index"),
            self.roles.get("edge_weight"),
            self.roles.get("edge_type"),
            self.roles.get("batch"),
            self.num_graphs,
        )


def read_example(model: nn.Module, example: Any) -> Example:
    """Return the call that `example` describes.

    Args:
        model: Network.
        example: Arguments of `forward` as a tuple, as a dict by name, or a PyG `Data` whose attributes have
            the names of the arguments; a single tensor for a network of one argument.

    Raises:
        ArgumentError: the arguments do not fit `forward`, or there are no float features [N, F].
        UnsupportedError: an argument is a kind of input that the engine does not have; the text names it.
    """
    signature = inspect.signature(model.forward)
    args, kwargs = _arguments(signature, example)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(
            f"Expected `example` to fit {type(model).__name__}.forward{signature} (got {error}). "
            "Pass a tuple of its arguments."
        ) from error
    roles: dict[str, Tensor] = {}
    for name, value in bound.arguments.items():
        role = _role(name, value)
        if role is None:
            continue
        if role in roles:
            raise UnsupportedError(
                f"Expected one argument of `forward` to be the {role} (got a second one, `{name}`). "
                "Concatenate features before the network."
            )
        roles[role] = value
    if "x" not in roles:
        raise ArgumentError(
            f"Expected `example` to hold float features [N, F] (got arguments {', '.join(bound.arguments)}). "
            "Pass `x` as float32."
        )
    count = next((bound.arguments[name] for name in COUNT_NAMES if bound.arguments.get(name) is not None), None)
    if count is None and isinstance(example, Batch):
        count = example.num_graphs
    return Example(tuple(args), kwargs, roles, count)


def _arguments(signature: inspect.Signature, example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(example, Data):
        names = [name for name, parameter in signature.parameters.items() if _is_filled(example, name, parameter)]
        return (), {name: example[name] for name in names}
    if isinstance(example, Mapping):
        return (), dict(example)
    return (tuple(example), {}) if isinstance(example, (tuple, list)) else ((example,), {})


def _is_filled(data: Data, name: str, parameter: inspect.Parameter) -> bool:
    return data.get(name) is not None or (parameter.default is inspect.Parameter.empty and name in data)


def _role(name: str, value: Any) -> str | None:
    """Return the role of an argument; None for one that is no tensor."""
    if isinstance(value, Mapping):
        raise UnsupportedError(
            f"Expected `{name}` to be a tensor (got a dict with keys {list(value)[:3]}). Graphs of several node types "
            "are not supported; give each relation a number in `edge_type` and use RGCNConv."
        )
    if not isinstance(value, Tensor):
        if value is not None and type(value).__name__ == "SparseTensor":
            raise UnsupportedError(f"Expected `{name}` to be an edge index (got a SparseTensor). {_PASS_EDGES}")
        return None
    if value.layout != torch.strided:
        raise UnsupportedError(f"Expected `{name}` to be a dense tensor (got layout {value.layout}). {_PASS_EDGES}")
    if not value.is_floating_point():
        return _integer_role(name, value)
    if name in WEIGHT_NAMES:
        if (value.dim() == 2 and value.shape[1] != 1) or value.dim() > 2:
            raise UnsupportedError(
                f"Expected `{name}` to be one number for each edge (got {list(value.shape)}). "
                "Features of edges are not supported."
            )
        return "edge_weight"
    if value.dim() != 2:
        raise UnsupportedError(f"Expected `{name}` to be features [N, F] (got {list(value.shape)}). Reshape it.")
    return "x"


_PASS_EDGES = "Pass `edge_index` [2, E], and edge weights as an argument of their own."


def _integer_role(name: str, value: Tensor) -> str:
    if value.dim() == 1:
        return "edge_type" if "type" in name else "batch"
    if value.dim() == 2 and value.shape[0] == 2 and name != "x":
        return "edge_index"
    raise UnsupportedError(
        f"Expected `{name}` to be float features [N, F] (got {value.dtype} {list(value.shape)}). "
        "Embed or one-hot encode integers before the network, and convert them with `.float()`."
    )
