"""The graph file `*.smoothbit`: adjacency rows, features at rest, labels (docs/format.md).

Opening a file maps it into memory; nothing of it is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from smoothbit.errors import ArgumentError, SchemaError, ValueRangeError
from smoothbit.formats import graph_values
from smoothbit.formats.container import read_container, write_container
from smoothbit.formats.graph_schema import GraphFile, PackedFeatures
from smoothbit.formats.json_text import parse_json, to_json
from smoothbit.formats.law_table import LawWriter, check_width, read_laws
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.record import Record, TensorShelf, open_metadata
from smoothbit.formats.wording import expected
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.numerics.node_order import NodeOrder
from smoothbit.numerics.packing import packed_row_bytes
from smoothbit.typing import AnyArray, Float32Array, Int32Array

GRAPH_FORMAT = "smoothbit-graph"
GRAPH_VERSION = "1.1"
PLAIN_VERSION = "1.0"
"""Version of a graph without an order: any reader of 1.x reads it."""
MAX_COUNT = (1 << 31) - 1
FEATURE_KINDS = ("dense_float32", "dense_packed", "sparse_pattern", "sparse_float32", "sparse_packed")

T = TypeVar("T")


def write_graph(path: str | Path, graph: GraphFile) -> None:
    """Write a graph file; the same graph gives the same bytes.

    Args:
        path: Target, by convention `*.smoothbit`; replaced in one step.
        graph: Graph.

    Raises:
        ArgumentError: a number cannot be stored exactly.
        FormatError: the graph breaks a rule of docs/format.md.
    """
    tensors, metadata = _encode(graph)
    _decode(metadata, tensors, validate=True)
    write_container(path, tensors, metadata)


def read_graph(path: str | Path, *, mmap: bool = True, validate: bool = True) -> GraphFile:
    """Read a graph file.

    Args:
        path: File.
        mmap: Whether arrays stay in a read-only memory map, or are copied into memory.
        validate: Whether to check each stored value (row starts, columns, labels, finite floats,
            padding bits) by one pass in blocks of 16 MiB. Without it only header, shapes and laws
            are checked and opening takes milliseconds at any size: for files you wrote yourself,
            since kernels do not check indices again.

    Raises:
        FormatError: a subclass for each way to be wrong; see docs/format.md, "Refusals".
        OSError: the file cannot be opened.
    """
    container = read_container(path, mmap=mmap)
    return _decode(container.metadata, container.tensors, validate)


def _encode(graph: GraphFile) -> tuple[dict[str, AnyArray], dict[str, str]]:
    tensors: dict[str, AnyArray] = {"indptr": graph.adjacency.indptr, "indices": graph.adjacency.indices}
    if graph.adjacency.values is not None:
        tensors["weights"] = graph.adjacency.values
    if graph.labels is not None:
        tensors["labels"] = _labels_int32(graph.labels)
    if graph.features.row_scale is not None:
        tensors["row_scale"] = graph.features.row_scale
    if graph.order is not None:
        tensors["order"] = graph.order.nodes
    kind, feature_tensors, law = _encode_features(graph.features)
    tensors.update({f"features.{name}": array for name, array in feature_tensors.items()})
    laws = LawWriter()
    laws.add(law)
    tensors.update(laws.tensors())
    record = {
        "name": graph.name,
        "num_nodes": graph.num_nodes,
        "num_features": graph.features.num_features,
        "num_classes": graph.num_classes,
        "has_weights": graph.adjacency.values is not None,
        "has_labels": graph.labels is not None,
        "has_row_scale": graph.features.row_scale is not None,
        "features": kind,
        **laws.to_json(),
    }
    version = PLAIN_VERSION
    if graph.order is not None:
        version, record["order"] = GRAPH_VERSION, graph.order.name
    return tensors, {"format": GRAPH_FORMAT, "format_version": version, "graph": to_json(record)}


def _encode_features(
    features: Features | PackedFeatures,
) -> tuple[str, dict[str, AnyArray], AffineLaw | None]:
    """Return kind, tensors and law; the inverse of `_decode_features`."""
    if isinstance(features, PackedFeatures):
        row_bytes = packed_row_bytes(features.codes.num_channels, features.codes.law.num_bits)
        tensors: dict[str, AnyArray] = {"codes": features.codes.data[:, :row_bytes]}
        if features.pattern is None:
            return "dense_packed", tensors, features.codes.law
        tensors |= {"indptr": features.pattern.indptr, "indices": features.pattern.indices}
        return "sparse_packed", tensors, features.codes.law
    if not isinstance(features.matrix, CSR):
        return "dense_float32", {"matrix": features.matrix}, None
    tensors = {"indptr": features.matrix.indptr, "indices": features.matrix.indices}
    if features.matrix.values is None:
        return "sparse_pattern", tensors, None
    return "sparse_float32", {**tensors, "values": features.matrix.values}, None


def _labels_int32(labels: AnyArray) -> Int32Array:
    stored: Int32Array = labels.astype(np.int32)
    if not np.array_equal(stored, labels):
        raise ArgumentError(
            f"Expected `labels` to fit int32 (got {labels[stored != labels][0]}). Number the classes from 0."
        )
    return stored


def _decode(metadata: Mapping[str, str], tensors: Mapping[str, AnyArray], validate: bool) -> GraphFile:
    outer = open_metadata(metadata, GRAPH_FORMAT, GRAPH_VERSION)
    record = Record(parse_json(outer.text("graph"), "graph"), "graph", outer.is_newer)
    outer.finish()
    shelf = TensorShelf(tensors, outer.is_newer)
    name = record.text("name")
    num_nodes = record.integer("num_nodes", 0, MAX_COUNT)
    num_classes = record.optional_integer("num_classes", 1, MAX_COUNT)
    reader = _ArrayReader(shelf, validate)
    adjacency = reader.csr("", num_nodes, num_nodes, "weights" if record.flag("has_weights") else None)
    labels = reader.labels(num_nodes, num_classes) if record.flag("has_labels") else None
    row_scale = reader.floats("row_scale", (num_nodes,)) if record.flag("has_row_scale") else None
    features = _decode_features(record, reader, num_nodes, row_scale)
    order_name = record.optional_text("order")
    order = None if order_name is None else reader.order(order_name, num_nodes)
    record.finish()
    shelf.finish()
    return GraphFile(adjacency, features, labels, name, num_classes, order)


def _decode_features(
    record: Record, reader: _ArrayReader, num_nodes: int, row_scale: Float32Array | None
) -> Features | PackedFeatures:
    num_features = record.integer("num_features", 0, MAX_COUNT)
    kind = record.text("features")
    if kind not in FEATURE_KINDS:
        raise SchemaError(expected(record.path("features"), f"one of {', '.join(FEATURE_KINDS)}", kind))
    laws = read_laws(record, reader.shelf)
    is_packed = kind.endswith("packed")
    if len(laws) != int(is_packed):
        raise SchemaError(expected(record.path("laws"), f"{int(is_packed)} law for {kind}", len(laws)))
    if kind == "dense_float32":
        matrix = reader.floats("features.matrix", (num_nodes, num_features))
        return _unchecked(Features, matrix=matrix, row_scale=row_scale)
    if kind == "dense_packed":
        law = _check_node_law(check_width(laws[0], num_features, record.path("laws")), num_nodes)
        return PackedFeatures(reader.codes(num_nodes, num_features, law), None, row_scale)
    values_name = "features.values" if kind == "sparse_float32" else None
    pattern = reader.csr("features.", num_nodes, num_features, values_name)
    if is_packed:
        return PackedFeatures(_sparse_codes(reader, pattern, laws[0]), pattern, row_scale)
    return _unchecked(Features, matrix=pattern, row_scale=row_scale)


def _sparse_codes(reader: _ArrayReader, pattern: CSR, law: AffineLaw) -> PackedTensor:
    if law.granularity != "per_tensor":
        raise ValueRangeError(expected("graph.laws", "per_tensor for sparse_packed", law.granularity))
    return reader.codes(1, pattern.num_entries, law)


def _check_node_law(law: AffineLaw, num_nodes: int) -> AffineLaw:
    if law.granularity == "per_node" and len(law.scale) != num_nodes:
        raise ValueRangeError(expected("graph.laws", f"a law of {num_nodes} nodes", len(law.scale)))
    return law


class _ArrayReader:
    """Takes arrays off the shelf and, when asked to, checks what they hold."""

    def __init__(self, shelf: TensorShelf, validate: bool) -> None:
        self.shelf = shelf
        self.validate = validate

    def floats(self, name: str, shape: tuple[int, ...]) -> Float32Array:
        """Return a float32 tensor, finite."""
        values: Float32Array = self.shelf.take(name, np.float32, shape)
        if self.validate:
            graph_values.check_finite(values, name)
        return values

    def labels(self, num_nodes: int, num_classes: int | None) -> Int32Array:
        """Return labels from -1 to C - 1."""
        labels: Int32Array = self.shelf.take("labels", np.int32, (num_nodes,))
        if self.validate:
            graph_values.check_bounds(labels, -1, MAX_COUNT if num_classes is None else num_classes - 1, "labels")
        return labels

    def order(self, name: str, num_nodes: int) -> NodeOrder:
        """Return an order that lists each node once."""
        nodes = self.shelf.take("order", np.int32, (num_nodes,))
        if self.validate:
            graph_values.check_permutation(nodes, "order")
        return _unchecked(NodeOrder, name=name, nodes=nodes)

    def codes(self, num_rows: int, num_channels: int, law: AffineLaw) -> PackedTensor:
        """Return packed rows with zero padding bits."""
        row_bytes = packed_row_bytes(num_channels, law.num_bits)
        data = self.shelf.take("features.codes", np.uint8, (num_rows, row_bytes))
        codes = PackedTensor(data, num_channels, law)
        if self.validate:
            graph_values.check_padding(codes, "features.codes")
        return codes

    def csr(self, prefix: str, num_rows: int, num_cols: int, values_name: str | None) -> CSR:
        """Return a CSR matrix [num_rows, num_cols]."""
        indptr = self.shelf.take(f"{prefix}indptr", np.int64, (num_rows + 1,))
        indices = self.shelf.take(f"{prefix}indices", np.int32, (-1,))
        graph_values.check_row_ends(indptr, len(indices), f"{prefix}indptr")
        if self.validate:
            graph_values.check_row_starts(indptr, f"{prefix}indptr")
            graph_values.check_bounds(indices, 0, num_cols - 1, f"{prefix}indices")
        values = None if values_name is None else self.floats(values_name, (len(indices),))
        return _unchecked(CSR, indptr=indptr, indices=indices, num_cols=num_cols, values=values)


def _unchecked(cls: type[T], **fields: object) -> T:
    """Return a frozen dataclass without its checks, which would read and copy a whole mapped graph.

    Every rule of `CSR`, `Features` and `NodeOrder` is checked here in blocks, or waived by `validate=False`.
    """
    instance = object.__new__(cls)
    for name, value in fields.items():
        object.__setattr__(instance, name, value)
    return instance
