from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from smoothbit.formats.schema import CombineOp, FeaturesOp, NormalizeOp, Plan
from smoothbit.numerics.affine import per_tensor_law
from tests.cases.operation_case import GRAPHS, check_operation, through

WIDTH = 6
SCALE, BIAS, MEAN_SCALE = (np.linspace(low, 1.5, WIDTH, dtype=np.float32) for low in (-1, 0.2, 0.5))
EPS = 1e-3
with warnings.catch_warnings():  # PyG compiles classes in a way that torch is going to drop
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch_geometric.nn import GraphNorm, LayerNorm
IDS = np.random.default_rng(0).permutation(np.repeat([0, 1, 3], [11, 4, 8]))


def make_op(mode, **fields):
    return NormalizeOp(1, mode, EPS, mean_scale=MEAN_SCALE if mode == "graph" else None, **fields)


def oracle_of(mode, ids=None, *, is_affine=True):
    """The equations of `NormalizeOp`, graph by graph in float64."""

    def graphwise(x, function):
        out = np.zeros_like(x)
        for graph in np.unique(ids):
            out[ids == graph] = function(x[ids == graph])
        return out

    def normalised(x):
        if mode == "row":
            return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + EPS)
        if mode == "length":
            return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), EPS)
        if mode == "set":
            return graphwise(x, lambda part: (part - part.mean()) / (part.std() + EPS))

        def norm(part):
            z = part - MEAN_SCALE * part.mean(0)
            return z / np.sqrt((z * z).mean(0) + EPS)

        return graphwise(x, norm)

    def oracle(x):
        z = normalised(x.astype(np.float64))
        return z * SCALE + BIAS if is_affine else z

    return oracle


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("mode", ["row", "set", "graph", "length"])
def test_equation_on_one_graph(mode, graph):
    plan = Plan((FeaturesOp(0, WIDTH, None), make_op(mode, scale=SCALE, bias=BIAS)), 2)
    oracle = oracle_of(mode, np.zeros(graph.num_rows, int))
    check_operation(plan, graph, oracle, num_features=WIDTH)


@pytest.mark.parametrize("mode", ["set", "graph"])
def test_each_graph_of_a_batch_has_its_statistics(mode):
    plan = Plan((FeaturesOp(0, WIDTH, None), make_op(mode)), 2)
    oracle = oracle_of(mode, IDS, is_affine=False)
    check_operation(plan, GRAPHS["random"], oracle, num_features=WIDTH, graph_ids=IDS, num_graphs=6)


def test_relu_and_laws():
    laws = per_tensor_law(4, 0.37, 7, 0.25), per_tensor_law(2, 0.61, 1, 0.13)
    op = make_op("row", scale=SCALE, has_relu=True, output=laws[1])
    plan = Plan((FeaturesOp(0, WIDTH, laws[0]), op, CombineOp((2,), (1.0,))), 3)

    def oracle(x):
        return through(np.maximum(oracle_of("row", is_affine=False)(through(x, laws[0])) * SCALE, 0), laws[1])

    check_operation(plan, GRAPHS["random"], oracle, num_features=WIDTH)


def test_modes_are_those_of_the_layers():
    x = torch.randn(23, WIDTH, generator=torch.Generator().manual_seed(0)).double()
    ids = torch.from_numpy(IDS)
    norm = GraphNorm(WIDTH, EPS).double()
    norm.mean_scale.data[:] = torch.from_numpy(MEAN_SCALE)
    wanted = {
        "row": torch.nn.LayerNorm(WIDTH, EPS).double()(x),
        "set": LayerNorm(WIDTH, EPS, mode="graph").double()(x),
        "graph": norm(x, ids),
        "length": torch.nn.functional.normalize(x, dim=1, eps=EPS),
    }
    for mode, value in wanted.items():
        given = IDS if mode == "graph" else np.zeros(23, int)
        found = oracle_of(mode, given, is_affine=False)(x.numpy())
        np.testing.assert_allclose(found, value.detach().numpy(), atol=1e-12)
