from __future__ import annotations

import numpy as np
import pytest

from smoothbit.engine import KernelBackend, PreparedGraph, run_plan
from smoothbit.formats.schema import ActivateOp, CombineOp, FeaturesOp, LinearOp, Plan, ReadoutOp
from smoothbit.numerics.affine import per_tensor_law
from tests.cases.operation_case import GRAPHS, check_operation, make_features, through

WIDTH = 6
LAW = per_tensor_law(4, 0.37, 7, 0.25)
IDS = np.random.default_rng(0).permutation(np.repeat([0, 1, 3], [11, 4, 8]))
"""Graph of 23 nodes, in no order; graph 2 has none, graph 4 none either."""


def reduced(reduce, message, ids, num_graphs):
    def oracle(x):
        m = through(x, message)
        chosen = [m[ids == graph] for graph in range(num_graphs)]
        function = {"sum": np.sum, "mean": np.mean, "max": np.max}[reduce]
        rows = [function(part, axis=0) if len(part) else np.zeros(m.shape[1]) for part in chosen]
        return np.stack(rows)

    return oracle


@pytest.mark.parametrize("message", [LAW, None], ids=["packed", "float"])
@pytest.mark.parametrize("reduce", ["sum", "mean", "max"])
def test_one_row_for_each_graph(reduce, message):
    plan = Plan((FeaturesOp(0, WIDTH, None), ReadoutOp(1, reduce, message)), 2)
    is_exact = message is not None or reduce == "max"
    for options, ids in (({}, np.zeros(23, int)), ({"graph_ids": IDS, "num_graphs": 5}, IDS)):
        oracle = reduced(reduce, message, ids, options.get("num_graphs", 1))
        check_operation(plan, GRAPHS["random"], oracle, num_features=WIDTH, is_exact=is_exact, **options)


def test_layers_after_a_readout_have_rows_of_graphs():
    weight = np.arange(12, dtype=np.float32).reshape(WIDTH, 2) / 10
    ops = (
        FeaturesOp(0, WIDTH, LAW),
        ReadoutOp(1, "mean", LAW, None),
        LinearOp(2, weight, None, False, None),
        ActivateOp(3, "tanh"),
        CombineOp((3, 4), (0.5, 1.0)),
    )

    def oracle(x):
        z = reduced("mean", LAW, IDS, 4)(x) @ weight
        return 0.5 * z + np.tanh(z)

    check_operation(Plan(ops, 5), GRAPHS["random"], oracle, num_features=WIDTH, is_exact=False, graph_ids=IDS)


def test_batch_of_no_graphs():
    ids = np.zeros(0, int)
    graph = PreparedGraph(GRAPHS["no nodes"], graph_ids=ids)
    plan = Plan((FeaturesOp(0, WIDTH, None), ReadoutOp(1, "sum", LAW)), 2)
    assert run_plan(plan, graph, make_features(0, WIDTH), KernelBackend()).scores.shape == (0, WIDTH)


def test_graphs_of_a_batch_give_what_they_give_alone():
    plan = Plan((FeaturesOp(0, WIDTH, None), ReadoutOp(1, "mean", LAW)), 2)
    features = make_features(23, WIDTH)
    together = run_plan(plan, PreparedGraph(GRAPHS["random"], graph_ids=IDS), features, KernelBackend()).scores
    for graph in (0, 1, 3):
        nodes = np.flatnonzero(graph == IDS)
        alone = PreparedGraph.from_edge_index(np.zeros((2, 0), int), len(nodes))
        rows = type(features)(features.matrix[nodes])
        np.testing.assert_array_equal(run_plan(plan, alone, rows, KernelBackend()).scores[0], together[graph])
