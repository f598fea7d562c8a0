from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.formats.schema import AttendOp, CombineOp, FeaturesOp, LinearOp, Plan
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from tests.cases.operation_case import GRAPHS, check_operation, through
from tests.unit.engine.ops.test_aggregate import edge_list, make_op

HEADS, CHANNELS = 3, 10
WIDTH = HEADS * CHANNELS
LAW = per_tensor_law(4, 0.4, 7, 0.25)
PER_CHANNEL = AffineLaw(
    8, np.linspace(0.01, 0.05, WIDTH, dtype=np.float32), np.full(WIDTH, 128, np.float32), np.zeros(WIDTH, np.float32),
    "per_channel",
)  # fmt: skip
LAWS = {"float": None, "1 bit": per_tensor_law(1, 2.0, 0, 0.5), "4 bits": LAW, "per channel": PER_CHANNEL}
VECTOR = np.linspace(-1, 1, WIDTH, dtype=np.float32)
SCORES = ["additive", "dynamic", "dot"]


def projection(rated, seed):
    """Powers of two, one for each column, so that products are exact and scores have no rounding of their own."""
    rng = np.random.default_rng(seed)
    weight = np.zeros((WIDTH, rated), np.float32)
    weight[rng.integers(0, WIDTH, rated), np.arange(rated)] = rng.choice([0.5, 1, -1, 2], rated)
    return weight


def make_plan(score="additive", **fields):
    rated = HEADS if score == "additive" else WIDTH
    queries, keys = (LinearOp(1, projection(rated, seed), None, False, None) for seed in (0, 1))
    chosen = {"scale": 0.3 if score == "dot" else 1.0, "vector": VECTOR if score == "dynamic" else None, **fields}
    op = AttendOp(1, 2, 3, HEADS, score, **{"has_loops": True, "message": LAW, **chosen})
    ops = (FeaturesOp(0, WIDTH, None), queries, keys, op)
    return Plan(ops, 4) if op.output is None else Plan((*ops, CombineOp((4,), (1.0,))), 5)


def scores_of(op, key, query):
    """e of one edge [H], in float32 as `kernels.attention` orders it."""
    slope = np.float32(op.slope)
    if op.score == "dot":
        return lanes(key * query) * np.float32(op.scale)
    total = key + query
    total = np.where(total > 0, total, total * slope)
    return total if op.score == "additive" else lanes(VECTOR * total)


def lanes(products):
    parts = np.zeros((HEADS, 16), np.float32)
    parts[:, :CHANNELS] = products.reshape(HEADS, CHANNELS)
    s = np.zeros((8, HEADS), np.float32)
    for block in (parts[:, :8], parts[:, 8:]):
        s = s + block.T
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))


def oracle_of(plan, graph):
    """The equation of `AttendOp`, node by node in float64; weights by float64's own exp."""
    op = plan.ops[3]
    rows, columns, _ = edge_list(graph, make_op(has_loops=op.has_loops))

    def oracle(x):
        queries, keys = x @ plan.ops[1].weight, x @ plan.ops[2].weight
        m = through(x, op.message).reshape(len(x), HEADS, CHANNELS)
        a = np.zeros_like(m)
        for node in range(graph.num_rows):
            near = columns[rows == node]
            if len(near):
                e = np.stack([scores_of(op, keys[j], queries[node]) for j in near])
                p = np.rint(255 * np.exp((e - e.max(axis=0)).astype(np.float64)))
                a[node] = (p[:, :, None] * m[near]).sum(axis=0) / p.sum(axis=0)[:, None]
        y = a.reshape(len(a), WIDTH) if op.is_concatenated else a.mean(axis=1)
        y = y + (0 if op.bias is None else op.bias)
        return through(np.maximum(y, 0) if op.has_relu else y, op.output)

    return oracle


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("has_loops", [False, True], ids=["as-given", "loops"])
@pytest.mark.parametrize("score", SCORES)
def test_equation_on_every_kind_of_graph(score, has_loops, graph):
    plan = make_plan(score, has_loops=has_loops)
    check_operation(plan, graph, oracle_of(plan, graph), num_features=WIDTH)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("is_concatenated", [False, True], ids=["mean", "concatenated"])
def test_equation_with_every_kind_of_message(is_concatenated, law):
    bias = np.linspace(-1, 1, WIDTH if is_concatenated else CHANNELS, dtype=np.float32)
    plan = make_plan(message=law, is_concatenated=is_concatenated, bias=bias, has_relu=True)
    graph = GRAPHS["directed, loops, duplicates"]
    check_operation(plan, graph, oracle_of(plan, graph), num_features=WIDTH, is_exact=law is not None)


def test_quantized_result():
    plan = make_plan(output=per_tensor_law(2, 0.537, 1, 0.113), has_relu=True)
    check_operation(plan, GRAPHS["random"], oracle_of(plan, GRAPHS["random"]), num_features=WIDTH)


def test_far_scores_leave_one_neighbour():
    plan = make_plan(slope=0.0)
    weights = [replace(plan.ops[k], weight=plan.ops[k].weight * np.float32(1e30)) for k in (1, 2)]
    plan = replace(plan, ops=(plan.ops[0], *weights, plan.ops[3]))
    check_operation(plan, GRAPHS["random"], oracle_of(plan, GRAPHS["random"]), num_features=WIDTH)
