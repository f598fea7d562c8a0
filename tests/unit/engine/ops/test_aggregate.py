from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, run_plan
from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import AggregateOp, FeaturesOp, LinearOp, Plan
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.csr import CSR, csr_from_coo
from tests.cases.operation_case import GRAPHS, check_operation, make_features, through, weighted

WIDTH = 16
LAW = per_tensor_law(4, 0.4, 7, 0.25)
CHANNELS = AffineLaw(
    8, np.linspace(0.01, 0.05, WIDTH, dtype=np.float32), np.full(WIDTH, 128, np.float32), np.zeros(WIDTH, np.float32),
    "per_channel",
)  # fmt: skip
LAWS = {"float": None, "1 bit": per_tensor_law(1, 2.0, 0, 0.5), "4 bits": LAW, "per channel": CHANNELS}
BIAS = np.linspace(-1, 1, WIDTH, dtype=np.float32)


def make_op(reduce="sum", **fields):
    chosen = {"has_loops": False, "is_normalized": False, "is_weighted": False, "message": LAW, **fields}
    return AggregateOp(1, reduce, **chosen)


def make_plan(op):
    ops = (FeaturesOp(0, WIDTH, None), op)
    if op.output is None:
        return Plan(ops, 2)
    return Plan((*ops, LinearOp(2, np.eye(WIDTH, dtype=np.float32), None, False, None)), 3)


def edge_list(graph, op, relations=None):
    """Receivers, senders and float weights of the edges that count."""
    rows, columns = graph.entry_rows(), graph.indices
    weights = np.ones(graph.num_entries) if graph.values is None else graph.values.astype(np.float64)
    if op.relation is not None:
        rows, columns, weights = (part[relations == op.relation] for part in (rows, columns, weights))
    if op.has_loops:
        loops = np.ones(graph.num_rows)
        for row, column, weight in zip(rows, columns, weights, strict=True):
            loops[row] = weight if row == column else loops[row]
        kept, nodes = rows != columns, np.arange(graph.num_rows)
        parts = ((rows, nodes), (columns, nodes), (weights, loops))
        rows, columns, weights = (np.concatenate([part[kept], added]) for part, added in parts)
    return rows, columns, weights if op.is_weighted else np.ones(len(rows))


def rounded_weights(rows, weights, num_nodes):
    """w_e = t_i rint(w / t_i), t_i = max |w| of the row / 127."""
    rounded = weights.copy()
    for node in range(num_nodes):
        mine = rows == node
        largest = np.float32(np.abs(weights[mine]).max(initial=0)) / np.float32(127)
        unit = largest if largest > 0 else np.float32(1)
        rounded[mine] = np.rint(weights[mine].astype(np.float32) / unit) * np.float64(unit)
    return rounded


def oracle_of(op, graph, relations=None):
    """The equation of `AggregateOp`, edge by edge in float64."""
    rows, columns, weights = edge_list(graph, op, relations)
    degree = np.bincount(rows, weights=weights, minlength=graph.num_rows)
    root = (
        np.where(degree > 0, np.where(degree > 0, degree, 1) ** -0.5, 0) if op.is_normalized else np.ones_like(degree)
    )
    if op.message is not None:
        weights = rounded_weights(rows, weights, graph.num_rows)

    def oracle(x):
        m = through(x * root.astype(np.float32)[:, None], op.message)
        a = np.zeros_like(m)
        for node in range(graph.num_rows):
            mine = rows == node
            terms = weights[mine, None] * m[columns[mine]]
            if op.reduce == "max":
                a[node] = terms.max(axis=0) if mine.any() else 0
            else:
                a[node] = terms.sum(axis=0) * (root[node] if op.reduce == "sum" else 1 / max(mine.sum(), 1))
        y = op.aggregate_weight * a + op.self_weight * m + (op.skip_weight * x if op.skip else 0)
        y = y + (0 if op.bias is None else op.bias)
        return through(np.maximum(y, 0) if op.has_relu else y, op.output)

    return oracle


OPS = {
    "gcn": make_op(has_loops=True, is_normalized=True),
    "normalized without loops": make_op(is_normalized=True),
    "gin": make_op(self_weight=1.25),
    "sage mean": make_op("mean", skip=1, skip_weight=0.5, bias=BIAS, has_relu=True),
    "sage max": make_op("max", skip=1, skip_weight=1.0, bias=BIAS),
    "max with loops": make_op("max", has_loops=True, has_relu=True),
    "chebyshev": make_op(is_normalized=True, aggregate_weight=-2.0, skip=1, skip_weight=-1.0),
    "quantized": make_op("mean", output=per_tensor_law(2, 0.537, 1, 0.113), bias=BIAS, has_relu=True),
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_equation_on_every_kind_of_graph(op, graph):
    check_operation(make_plan(op), graph, oracle_of(op, graph))


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_equation_with_every_kind_of_message(op, law):
    op, graph = replace(op, message=law), GRAPHS["directed, loops, duplicates"]
    if op.output is None or law is not None:
        check_operation(make_plan(op), graph, oracle_of(op, graph), is_exact=law is not None)


WEIGHTED = {
    "gcn": make_op(has_loops=True, is_normalized=True, is_weighted=True),
    "graph conv": make_op(is_weighted=True, bias=BIAS, aggregate_weight=0.5),
    "mean": make_op("mean", is_weighted=True, self_weight=1.0),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("op", WEIGHTED.values(), ids=WEIGHTED)
def test_equation_with_weights(op, graph, law):
    op = replace(op, message=law)
    check_operation(make_plan(op), weighted(graph), oracle_of(op, weighted(graph)), is_exact=law is not None)


@pytest.mark.parametrize("op", [WEIGHTED["graph conv"], WEIGHTED["mean"]], ids=["sum", "mean"])
def test_negative_weights_are_factors_like_others(op):
    graph = weighted(GRAPHS["random"], lowest=-2.0)
    check_operation(make_plan(op), graph, oracle_of(op, graph))


def test_negative_degree_is_refused_with_the_callers_node():
    graph = CSR(np.array([0, 1, 2]), np.int32([1, 0]), 2, np.float32([1, -1.5]))
    plan = make_plan(make_op(is_normalized=True, is_weighted=True))
    for order in ("none", "degree"):
        with pytest.raises(ArgumentError, match=r"each node to add up to >= 0, .* \(got -1.5 at node 1\). Use weights"):
            run_plan(plan, PreparedGraph(graph, order), make_features(2, WIDTH), KernelBackend())


def test_a_graph_without_weights_has_factors_of_one():
    graph = GRAPHS["random"]
    ones = CSR(graph.indptr, graph.indices, graph.num_cols, np.ones(graph.num_entries, np.float32))
    plan, features = make_plan(WEIGHTED["gcn"]), make_features(23, WIDTH)
    scores = [run_plan(plan, PreparedGraph(g), features, KernelBackend()).scores for g in (graph, ones)]
    np.testing.assert_allclose(*scores, rtol=0, atol=1e-5)


@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
@pytest.mark.parametrize("has_loops", [False, True], ids=["as-given", "loops"])
def test_relations_choose_their_edges(reduce, has_loops):
    graph = GRAPHS["random"]
    relations = np.random.default_rng(3).integers(0, 3, graph.num_entries)
    for relation in (0, 2, 9):
        op = make_op(reduce, relation=relation, has_loops=has_loops)
        check_operation(make_plan(op), graph, oracle_of(op, graph, relations), relations=relations)


def test_relations_must_be_there():
    with pytest.raises(ArgumentError, match=r"to have relations, as the model reads relation 2 \(got None\). Pass"):
        run_plan(
            make_plan(make_op(relation=2)), PreparedGraph(GRAPHS["random"]), make_features(23, 16), KernelBackend()
        )


def test_packed_source_of_the_law_is_sent_as_it_is():
    op, graph = make_op("mean"), GRAPHS["random"]
    plan = Plan((FeaturesOp(0, WIDTH, replace(LAW)), op), 2)
    wanted = run_plan(make_plan(op), PreparedGraph(graph), make_features(23, WIDTH), KernelBackend()).scores
    run = run_plan(plan, PreparedGraph(graph), make_features(23, WIDTH), KernelBackend(), has_trace=True)
    np.testing.assert_array_equal(run.scores, wanted)
    assert run.trace["value2.message"].data is run.trace["value1.inputs"].data


def test_tiny_weights_stay_in_range():
    graph = csr_from_coo([0, 0], [0, 1], 2, 2, np.float32([1e-45, 3e-44]))
    factors = PreparedGraph(graph).edges(False).factors
    assert np.abs(factors.integers).max() <= 127
    assert factors.row_scale[1] == 1
