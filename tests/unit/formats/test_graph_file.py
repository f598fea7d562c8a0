from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from smoothbit.errors import ArgumentError, SchemaError, TensorError, ValueRangeError, VersionError
from smoothbit.formats import GraphFile, PackedFeatures, PackedTensor, read_graph, write_graph
from smoothbit.formats.container import read_container
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.features import Features
from tests.golden.make_golden import tiny_adjacency, tiny_dense_graph, tiny_ordered_graph, tiny_sparse_graph
from tests.unit.formats.comparison import same

PATTERN = csr_from_coo([0, 2, 2], [1, 3, 0], 5, 4)
ROW_SCALE = np.arange(5, dtype=np.float32)
RNG = np.random.default_rng(0)
DENSE = RNG.normal(size=(5, 4)).astype(np.float32)
NODE_LAW = AffineLaw(
    4,
    RNG.uniform(0.1, 1, 5).astype(np.float32),
    np.full(5, 7, np.float32),
    np.zeros(5, np.float32),
    "per_node",
)
SPARSE_CODES = PackedTensor(np.array([[0b01_11_10]], np.uint8), 3, per_tensor_law(2, 0.5, 1))
FEATURES = {
    "dense_float32": Features(DENSE),
    "dense_packed": tiny_dense_graph().features,
    "dense_packed-per-node": PackedFeatures(PackedTensor.from_values(DENSE, NODE_LAW), None, ROW_SCALE),
    "sparse_pattern": Features(PATTERN, ROW_SCALE),
    "sparse_float32": Features(replace(PATTERN, values=np.float32([1, -2, 0.1]))),
    "sparse_packed": PackedFeatures(SPARSE_CODES, PATTERN, ROW_SCALE),
    "no-features": Features(np.zeros((5, 0), np.float32)),
}


def reread(graph, tmp_path, **options):
    write_graph(tmp_path / "g.smoothbit", graph)
    return read_graph(tmp_path / "g.smoothbit", **options)


@pytest.mark.parametrize("options", [{}, {"mmap": False}, {"validate": False}], ids=["mapped", "copied", "trusted"])
@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)
def test_round_trip(tmp_path, features, options):
    graph = GraphFile(tiny_adjacency(), features, np.int32([0, 1, 2, 0, -1]), "tiny", 3)
    found = reread(graph, tmp_path, **options)
    assert same(found, graph)
    np.testing.assert_array_equal(found.to_features().to_dense(), graph.to_features().to_dense())


def test_edge_weights(tmp_path):
    adjacency = replace(tiny_adjacency(), values=np.arange(7, dtype=np.float32))
    graph = GraphFile(adjacency, FEATURES["dense_float32"])
    assert same(reread(graph, tmp_path), graph)


def test_order_of_nodes(tmp_path):
    graph = tiny_ordered_graph()
    assert same(reread(graph, tmp_path), graph)
    assert same(reread(graph, tmp_path, validate=False), graph)
    assert read_container(tmp_path / "g.smoothbit").metadata["format_version"] == "1.1"
    reread(replace(graph, order=None), tmp_path)
    assert read_container(tmp_path / "g.smoothbit").metadata["format_version"] == "1.0"


def test_labels_are_stored_as_int32(tmp_path):
    labels = reread(GraphFile(tiny_adjacency(), FEATURES["sparse_pattern"], np.arange(5)), tmp_path).labels
    assert labels.dtype == np.int32
    assert labels.tolist() == [0, 1, 2, 3, 4]


def test_graph_without_nodes(tmp_path):
    empty = CSR(np.zeros(1, np.int64), np.zeros(0, np.int32), 0)
    graph = GraphFile(empty, Features(np.zeros((0, 3), np.float32)), np.zeros(0, np.int32))
    assert same(reread(graph, tmp_path), graph)


def test_opening_a_big_graph_allocates_little(tmp_path):
    num_nodes = 200_000
    indptr = np.arange(num_nodes + 1, dtype=np.int64) * 10
    indices = np.zeros(num_nodes * 10, np.int32)
    graph = GraphFile(CSR(indptr, indices, num_nodes), Features(np.zeros((num_nodes, 16), np.float32)))
    write_graph(tmp_path / "g.smoothbit", graph)
    file_bytes = (tmp_path / "g.smoothbit").stat().st_size
    tracemalloc.start()
    try:
        read_graph(tmp_path / "g.smoothbit")
        validated = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        read_graph(tmp_path / "g.smoothbit", validate=False)
        trusted = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file_bytes > 20_000_000
    # A block of 16 MiB of float32 takes 4 MiB of booleans to check.
    assert validated < 6_000_000
    assert trusted < 200_000


def test_labels_beyond_int32(tmp_path):
    graph = GraphFile(tiny_adjacency(), FEATURES["sparse_pattern"], np.full(5, 2**31))
    with pytest.raises(ArgumentError, match=r"`labels` to fit int32 \(got 2147483648\)"):
        write_graph(tmp_path / "g.smoothbit", graph)


def test_a_graph_that_could_not_be_read_is_not_written(tmp_path):
    with pytest.raises(ValueRangeError, match=r"`tensor labels` to be in \[-1, 1\] \(got 2\)"):
        write_graph(tmp_path / "g.smoothbit", replace(tiny_sparse_graph(), num_classes=2))
    assert not list(tmp_path.iterdir())


def set_field(**fields):
    return lambda parts: parts.graph.update(fields)


def set_tensor(name, values, dtype):
    return lambda parts: parts.tensors.update({name: np.array(values, dtype)})


def drop_tensor(name):
    return lambda parts: parts.tensors.pop(name)


SPARSE = {
    "model": (lambda p: p.metadata.update(format="smoothbit-model"), SchemaError, "to be 'smoothbit-graph'"),
    "version": (lambda p: p.metadata.update(format_version="3.1"), VersionError, r"to be 1.x \(got '3.1'\)"),
    "unknown field": (set_field(extra=1), SchemaError, "`graph` to be free of unknown fields"),
    "unknown metadata": (
        lambda p: p.metadata.update(x="1"),
        SchemaError,
        "`metadata` to be free of unknown fields",
    ),
    "missing field": (lambda p: p.graph.pop("name"), SchemaError, "`graph.name` to be present"),
    "nodes": (
        set_field(num_nodes=6),
        TensorError,
        r"`tensor indptr` to be int64 \[7\] \(got 'int64 \[6\]'\)",
    ),
    "negative nodes": (
        set_field(num_nodes=-1),
        ValueRangeError,
        r"graph.num_nodes` to be in \[0, 2147483647\]",
    ),
    "classes": (set_field(num_classes=0), ValueRangeError, r"graph.num_classes` to be in \[1, "),
    "flag": (set_field(has_labels=1), SchemaError, r"graph.has_labels` to be true or false \(got 1\)"),
    "no labels": (set_field(has_labels=False), TensorError, r"free of unknown names \(got 'labels'\)"),
    "weights": (
        set_field(has_weights=True),
        TensorError,
        r"`tensor weights` to be float32 \[7\] \(got 'nothing'\)",
    ),
    "kind": (set_field(features="sparse"), SchemaError, r"graph.features` to be one of .* \(got 'sparse'\)"),
    "dense": (
        set_field(features="dense_float32"),
        TensorError,
        r"`tensor features.matrix` to be float32 \[5, 6\]",
    ),
    "no law": (
        set_field(features="sparse_packed"),
        SchemaError,
        r"graph.laws` to be 1 law for sparse_packed \(got 0",
    ),
    "indptr dtype": (
        set_tensor("indptr", [0] * 6, np.int32),
        TensorError,
        r"`tensor indptr` to be int64 \[6\]",
    ),
    "indices missing": (drop_tensor("indices"), TensorError, r"`tensor indices` to be int32 \[-1\]"),
    "row ends": (
        set_tensor("indptr", [0, 3, 4, 6, 7, 8], np.int64),
        ValueRangeError,
        r"indptr` to be from 0 to 7",
    ),
    "row starts": (
        set_tensor("indptr", [0, 3, 2, 6, 7, 7], np.int64),
        ValueRangeError,
        "a decrease at row 1",
    ),
    "column": (
        set_tensor("indices", [1, 2, 3, 5, 0, 2, 0], np.int32),
        ValueRangeError,
        r"in \[0, 4\] \(got 5\)",
    ),
    "feature": (
        set_tensor("features.indices", [0, 6, 2, 1, 2, 4], np.int32),
        ValueRangeError,
        r"`tensor features.indices` to be in \[0, 5\] \(got 6\)",
    ),
    "label": (
        set_tensor("labels", [0, 1, 2, 3, -1], np.int32),
        ValueRangeError,
        r"labels` to be in \[-1, 2\] \(got 3",
    ),
    "row_scale": (
        set_tensor("row_scale", [1, np.nan, 1, 1, 1], np.float32),
        ValueRangeError,
        r"`tensor row_scale` to be finite \(got nan\)",
    ),
}

DENSE_PACKED = {
    "channels": (set_field(num_features=4), TensorError, r"`graph.laws` to be a law of 4 channels \(got 3\)"),
    "padding": (
        set_tensor("features.codes", [[255]] * 5, np.uint8),
        ValueRangeError,
        "`tensor features.codes` to be zero in its padding bits",
    ),
    "two laws": (
        lambda p: (
            p.graph.update(laws=p.graph["laws"] * 2)
            or p.tensors.update({n: np.tile(p.tensors[n], 2) for n in ("scale", "zero_point")})
        ),
        SchemaError,
        r"`graph.laws` to be 1 law for dense_packed \(got 2\)",
    ),
    "nodes of a law": (
        lambda p: p.graph["laws"][0].__setitem__(2, "per_node"),
        ValueRangeError,
        r"`graph.laws` to be a law of 5 nodes \(got 3\)",
    ),
    "sparse law": (
        lambda p: (
            p.graph.update(features="sparse_packed")
            or p.tensors.update({"features.indptr": np.zeros(6, np.int64), "features.indices": np.zeros(0, np.int32)})
        ),
        ValueRangeError,
        r"`graph.laws` to be per_tensor for sparse_packed \(got 'per_channel'\)",
    ),
}


@pytest.mark.parametrize(("change", "error", "match"), SPARSE.values(), ids=SPARSE)
def test_sparse_graph_refusals(broken, change, error, match):
    with pytest.raises(error, match=match):
        read_graph(broken("tiny_sparse_graph", change))


ORDERED = {
    "name": (set_field(order=3), SchemaError, r"`graph.order` to be a string \(got 3\)"),
    "no order": (
        lambda p: p.graph.pop("order"),
        TensorError,
        r"free of unknown names \(got 'order'\)",
    ),
    "no tensor": (drop_tensor("order"), TensorError, r"`tensor order` to be int32 \[5\] \(got 'nothing'\)"),
    "dtype": (set_tensor("order", [4, 2, 1, 3, 0], np.int64), TensorError, r"`tensor order` to be int32 \[5\]"),
    "length": (set_tensor("order", [1, 0], np.int32), TensorError, r"`tensor order` to be int32 \[5\]"),
    "out of range": (
        set_tensor("order", [4, 2, 1, 5, 0], np.int32),
        ValueRangeError,
        r"`tensor order` to be in \[0, 4\] \(got 5\)",
    ),
    "twice": (
        set_tensor("order", [4, 2, 1, 4, 0], np.int32),
        ValueRangeError,
        r"`tensor order` to be a place for each node \(got 'no place for node 3'\)",
    ),
}


@pytest.mark.parametrize(("change", "error", "match"), ORDERED.values(), ids=ORDERED)
def test_ordered_graph_refusals(broken, change, error, match):
    with pytest.raises(error, match=match):
        read_graph(broken("tiny_ordered_graph", change))


@pytest.mark.parametrize(("change", "error", "match"), DENSE_PACKED.values(), ids=DENSE_PACKED)
def test_dense_graph_refusals(broken, change, error, match):
    with pytest.raises(error, match=match):
        read_graph(broken("tiny_dense_graph", change))


def test_unvalidated_reading_trusts_values_but_not_shapes(broken):
    change, error, match = SPARSE["row ends"]
    with pytest.raises(error, match=match):
        read_graph(broken("tiny_sparse_graph", change), validate=False)
    graph = read_graph(broken("tiny_sparse_graph", SPARSE["label"][0]), validate=False)
    assert graph.labels.max() == 3
