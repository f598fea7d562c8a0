"""All hypothesis generators of the suite."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from smoothbit.formats import GraphFile, PackedFeatures, PackedModel, PackedTensor
from smoothbit.formats.schema import DiffuseOp, FeaturesOp, LinearOp, ModelInfo, Plan
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.features import Features
from smoothbit.numerics.node_order import NodeOrder
from smoothbit.numerics.packing import pack

num_bits = st.sampled_from([1, 2, 4, 8])
granularities = st.sampled_from(["per_tensor", "per_channel", "per_group"])
# Wide enough to meet every exponent a network uses, narrow enough that no product leaves float32.
scales = st.floats(2.0**-60, 2.0**60, width=32)
phases = st.sampled_from([0.0, 0.5, -0.5, 0.25, -0.0]) | st.floats(-256, 256, width=32)
seeds = st.integers(0, 2**32 - 1)


def f32(values):
    return np.array(values, dtype=np.float32)


@st.composite
def laws(draw, num_channels=1, kinds=granularities, with_shift=True, bits=num_bits):
    """A law for rows of `num_channels` channels."""
    width = draw(bits)
    granularity = draw(kinds)
    group_size = draw(st.integers(1, num_channels)) if granularity == "per_group" else 0
    count = {"per_tensor": 1, "per_channel": num_channels}.get(granularity) or -(-num_channels // group_size)
    divisor = draw(st.sampled_from([1, 255 // ((1 << width) - 1)]))
    shift = draw(st.integers(-255, 255)) if with_shift and divisor > 1 else 0
    fine_qmax = 255 if divisor > 1 else (1 << width) - 1

    def column(values):
        return f32(draw(st.lists(values, min_size=count, max_size=count)))

    zero_points = column(st.integers(0, fine_qmax).map(float))
    numbers = column(scales), zero_points, column(phases)
    return AffineLaw(width, *numbers, granularity, group_size, divisor, shift)


@st.composite
def code_matrices(draw, max_rows=5, max_channels=70):
    """Codes [N, F] and their width; rows or channels may be none."""
    width = draw(num_bits)
    shape = draw(st.integers(0, max_rows)), draw(st.integers(0, max_channels))
    return np.random.default_rng(draw(seeds)).integers(0, 1 << width, shape, dtype=np.uint8), width


@st.composite
def graphs(draw, max_nodes=12):
    """A square pattern: empty rows, self-loops, duplicates, and often a hub that everyone sends to."""
    num_nodes = draw(st.integers(0, max_nodes))
    node = st.integers(0, max(num_nodes - 1, 0))
    edges = draw(st.lists(st.tuples(node, node), max_size=3 * num_nodes))
    if num_nodes and draw(st.booleans()):
        hub = draw(node)
        edges += [(hub, sender) for sender in range(num_nodes)]
    rows, cols = zip(*edges, strict=True) if edges else ((), ())
    return csr_from_coo(rows, cols, num_nodes, num_nodes)


@st.composite
def sparse_patterns(draw, num_rows, num_cols):
    """A pattern [N, F] without values."""
    dense = np.random.default_rng(draw(seeds)).random((num_rows, num_cols)) < draw(st.floats(0, 1))
    return csr_from_coo(*np.nonzero(dense), num_rows, num_cols)


@st.composite
def packed_tensors(draw, num_rows, num_channels, kinds=granularities):
    """A packed matrix [N, F]."""
    law = draw(laws(num_channels, kinds))
    codes = np.random.default_rng(draw(seeds)).integers(0, law.qmax + 1, (num_rows, num_channels))
    return PackedTensor(pack(codes, law.num_bits), num_channels, law)


@st.composite
def features(draw, num_nodes):
    """Features in each of the forms a graph file knows."""
    width = draw(st.integers(1, 9))
    row_scale = draw(st.none() | st.just(np.arange(num_nodes, dtype=np.float32)))
    form = draw(st.sampled_from(["dense", "pattern", "values", "packed", "sparse_packed"]))
    if form == "dense":
        matrix = np.random.default_rng(draw(seeds)).normal(size=(num_nodes, width)).astype(np.float32)
        return Features(matrix, row_scale)
    if form == "packed":
        return PackedFeatures(draw(packed_tensors(num_nodes, width)), None, row_scale)
    pattern = draw(sparse_patterns(num_nodes, width))
    if form == "pattern":
        return Features(pattern, row_scale)
    if form == "values":
        values = np.arange(pattern.num_entries, dtype=np.float32)
        return Features(CSR(pattern.indptr, pattern.indices, width, values), row_scale)
    codes = draw(packed_tensors(1, max(pattern.num_entries, 1), st.just("per_tensor")))
    if pattern.num_entries == 0:
        codes = PackedTensor(np.zeros((1, 0), np.uint8), 0, codes.law)
    return PackedFeatures(codes, pattern, row_scale)


@st.composite
def node_orders(draw, num_nodes):
    """Any permutation of the nodes."""
    nodes = np.random.default_rng(draw(seeds)).permutation(num_nodes).astype(np.int32)
    return NodeOrder(draw(st.text(max_size=3)), nodes)


@st.composite
def graph_files(draw):
    """A graph with features and perhaps labels."""
    adjacency = draw(graphs())
    num_nodes = adjacency.num_rows
    labels = draw(st.none() | st.just(np.arange(num_nodes, dtype=np.int32) - 1))
    order = draw(st.none() | node_orders(num_nodes))
    return GraphFile(adjacency, draw(features(num_nodes)), labels, draw(st.text(max_size=5)), None, order)


@st.composite
def models(draw):
    """A model: features, one to three linear layers, a propagation with float32 scores."""
    widths = draw(st.lists(st.integers(1, 9), min_size=2, max_size=4))
    ops = [FeaturesOp(0, widths[0], draw(laws(widths[0], st.just("per_tensor"))))]
    for source, (depth, width) in enumerate(pairwise(widths), start=1):
        weight = draw(packed_tensors(depth, width) | st.just(np.ones((depth, width), np.float32)))
        bias = draw(st.none() | st.just(np.arange(width, dtype=np.float32)))
        ops.append(LinearOp(source, weight, bias, draw(st.booleans()), draw(laws(width))))
    ops.append(draw(diffusions(len(ops), widths[-1])))
    training = draw(st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False), max_size=2))
    info = ModelInfo("SMPNet", "qlr", 2, draw(st.text(max_size=9)), "Tiny", "public", widths[-1], "0.1.0", training)
    return PackedModel(Plan(tuple(ops), len(ops), draw(st.none() | st.integers(1, len(ops)))), info)


@st.composite
def diffusions(draw, source, width):
    """A propagation of K steps whose last update is float32."""
    steps = draw(st.integers(1, 4))
    maybe = st.none() | laws(width)

    def column(values, size=steps):
        return tuple(draw(st.lists(values, min_size=size, max_size=size)))

    is_corrected = draw(st.booleans())
    factors = st.floats(-1, 1, width=32)
    coefficients = st.floats(-3e38, 3e38)
    return DiffuseOp(
        source,
        steps,
        *column(coefficients, 3),
        correction_self=column(factors) if is_corrected else (),
        correction_aggregate=column(factors) if is_corrected else (),
        message=draw(laws(width)),
        aggregates=column(maybe),
        updates=(*column(laws(width), steps - 1), None),
        deltas=column(laws(width)) if is_corrected else (),
        delta_aggregates=column(maybe) if is_corrected else (),
        skip=draw(st.none() | st.just(source)),
        has_relu=draw(st.booleans()),
    )


@st.composite
def coded_plans(draw, width, codings=("feedback", "delta")):
    """Dense features of `width` columns, then a propagation with coded messages and float32 scores."""
    coding = draw(st.sampled_from(codings))
    steps, num_bits = draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 4, 8]))
    unit = draw(st.floats(2.0**-10, 0.125, width=32))
    grid = st.tuples(st.integers(0, 5), st.integers(0, (1 << num_bits) - 1), st.sampled_from([0.0, -0.5, 0.5]))
    messages = [
        per_tensor_law(num_bits, unit * 2.0**exponent, zero_point, phase)
        for exponent, zero_point, phase in draw(st.lists(grid, min_size=steps, max_size=steps))
    ]
    corrections = st.lists(st.sampled_from([0.0, 0.25, -0.5]), min_size=steps - 1, max_size=steps - 1)
    is_corrected = coding == "delta" and draw(st.booleans())
    correction_self, correction_aggregate = ((0.0, *draw(corrections)) if is_corrected else () for _ in range(2))
    diffuse = DiffuseOp(
        1,
        steps,
        self_weight=draw(st.sampled_from([0.0, 0.25])),
        aggregate_weight=0.7,
        skip_weight=draw(st.sampled_from([0.0, 0.1])),
        correction_self=correction_self,
        correction_aggregate=correction_aggregate,
        message=messages[0],
        aggregates=(None,) * steps,
        updates=(*messages[1:], None),
        coding=coding,
    )
    inputs = draw(st.none() | st.just(per_tensor_law(num_bits, unit, 1)) | laws(width, st.just("per_tensor")))
    return Plan((FeaturesOp(0, width, inputs), diffuse), 2)
