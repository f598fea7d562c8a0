"""An ONNX graph while it is written: nodes, constants, inputs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from smoothbit.errors import ArgumentError
from smoothbit.numerics.packing import pack
from smoothbit.typing import AnyArray

OPSET = 21
IR_VERSION = 10
INPUTS: dict[str, tuple[int, list[str | int]]] = {
    "x": (TensorProto.FLOAT, ["num_nodes", "num_features"]),
    "row_scale": (TensorProto.FLOAT, ["num_nodes"]),
    "edge_index": (TensorProto.INT64, [2, "num_edges"]),
    "edge_weight": (TensorProto.FLOAT, ["num_edges"]),
    "edge_type": (TensorProto.INT64, ["num_edges"]),
    "batch": (TensorProto.INT64, ["num_nodes"]),
}
"""Inputs that a graph may read; it lists those that it does."""


class Writer:
    """Collects the nodes of one graph; equal nodes and equal constants are written once.

    Args:
        given: Inputs that the graph may read.
        splits_rows: Whether `x` has rows of zeros and one number > 0 each, which becomes a factor of the row.

    Attributes:
        is_exact: Whether each result has one right value in float32: no float32 sum, no function of other libraries.
    """

    def __init__(self, given: Collection[str], *, splits_rows: bool = False) -> None:
        self.given = given
        self.splits_rows = splits_rows
        self.is_exact = True
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.inputs: set[str] = set()
        self._known: dict[tuple[Any, ...], str] = {}

    def input(self, name: str) -> str:
        """Return the input `name` and list it.

        Raises:
            ArgumentError: it is not given.
        """
        if name not in self.given:
            raise ArgumentError(
                f"Expected `example` to have `{name}`, which the model reads (got {', '.join(self.given)}). "
                "Pass a mapping with all inputs."
            )
        self.inputs.add(name)
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Write a node with one output and return that output's name."""
        key = (kind, inputs, tuple(sorted((name, str(value)) for name, value in attributes.items())))
        if key not in self._known:
            name = f"{kind.lower()}_{len(self.nodes)}"
            self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
            self._known[key] = name
        return self._known[key]

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Return the name of a constant tensor."""
        array = np.asarray(values, dtype=dtype)
        return self._keep((array.dtype.str, array.shape, array.tobytes()), lambda n: numpy_helper.from_array(array, n))

    def constant_u4(self, values: AnyArray) -> str:
        """Return the name of a constant of 4-bit codes, two to a byte."""
        shape, data = list(np.shape(values)), pack(np.asarray(values, dtype=np.uint8).reshape(1, -1), 4).tobytes()
        key = ("u4", tuple(shape), data)
        return self._keep(key, lambda n: helper.make_tensor(n, TensorProto.UINT4, shape, data, raw=True))

    def cast(self, name: str, dtype: int) -> str:
        """Return a tensor in another type."""
        return self.add("Cast", name, to=dtype)

    def real(self, name: str) -> str:
        """Return a tensor as float32."""
        return self.cast(name, TensorProto.FLOAT)

    def column(self, name: str) -> str:
        """Return a vector [N] as [N, 1]."""
        return self.add("Unsqueeze", name, self.constant([1], np.int64))

    def length(self, name: str, axis: int) -> str:
        """Return an extent of a tensor as [1]."""
        return self.add("Shape", name, start=axis, end=axis + 1)

    def filled(self, shape: list[str], values: AnyArray) -> str:
        """Return a tensor of one value; its extents are tensors [1], its dtype that of `values` [1]."""
        extents = shape[0] if len(shape) == 1 else self.add("Concat", *shape, axis=0)
        return self.add("ConstantOfShape", extents, value=numpy_helper.from_array(values))

    def model(self, name: str, scores: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """Return the finished model with the output `scores`, checked by onnx."""
        self.nodes.append(helper.make_node("Identity", [scores], ["scores"], name="scores"))
        inputs = [helper.make_tensor_value_info(key, *INPUTS[key]) for key in INPUTS if key in self.inputs]
        output = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["num_rows", "num_classes"])
        graph = helper.make_graph(self.nodes, name, inputs, [output], list(self.constants.values()))
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="smoothbit")
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model

    def _keep(self, key: tuple[Any, ...], make: Any) -> str:
        if key not in self._known:
            self._known[key] = f"constant_{len(self.constants)}"
            self.constants[self._known[key]] = make(self._known[key])
        return self._known[key]
