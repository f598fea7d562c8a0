from __future__ import annotations

import pytest
import torch

from smoothbit.engine import PreparedGraph
from smoothbit.errors import ArgumentError
from smoothbit.nn import PROPAGATIONS, TorchGraph
from smoothbit.quant import QuantConfig
from smoothbit.testing import dense_normalised, propagation_checks
from tests.helpers import make_propagation, random_graph


def dense_incidence(graph):
    incidence = graph.prepared.incidence
    dense = torch.zeros(len(incidence.heads), graph.num_nodes)
    edges = torch.arange(len(incidence.heads))
    dense[edges, torch.from_numpy(incidence.heads).long()] = 1.0
    dense[edges, torch.from_numpy(incidence.tails).long()] = -1.0
    return dense * graph.rsqrt_degree.t()


def dense(propagation, z, graph):
    """methods/15, section 2."""
    smooth, incidence = dense_normalised(graph), dense_incidence(graph)
    gamma, beta, radius = propagation.gamma, propagation.beta, propagation.l1_weight
    h, dual = z, torch.zeros(len(incidence), z.shape[1])
    for _ in range(propagation.num_steps):
        y = gamma * z + (1 - gamma) * smooth @ h
        dual = dual + beta * incidence @ (y - gamma * incidence.t() @ dual)
        if propagation.norm == "l1":
            dual = dual.clamp(-radius, radius)
        else:
            dual = dual * (radius / dual.norm(dim=1, keepdim=True)).clamp(max=1.0)
        h = y - gamma * incidence.t() @ dual
    return h


ROW_NORM = {"l1_weight": 0.3}
ENTRIES = {"norm": "l1", "l1_weight": 0.2, "l2_weight": 1.0}


@pytest.mark.parametrize(("name", "check"), propagation_checks("elastic", dense, **ROW_NORM))
def test_invariants_with_row_norms(name, check):
    check()


@pytest.mark.parametrize(("name", "check"), propagation_checks("elastic", dense, **ENTRIES))
def test_invariants_with_entries(name, check):
    check()


def test_incidence_squared_is_the_laplacian():
    graph = TorchGraph(PreparedGraph(random_graph()))
    incidence = dense_incidence(graph)
    laplacian = torch.eye(graph.num_nodes) - dense_normalised(graph)
    torch.testing.assert_close(incidence.t() @ incidence, laplacian, atol=1e-6, rtol=0)


@pytest.mark.parametrize("options", [{"l1_weight": 0.0}, {"l2_weight": -1.0}])
def test_weights_out_of_range_are_refused(options):
    with pytest.raises(ArgumentError, match=r"Expected `l1_weight` > 0 and `l2_weight` >= 0"):
        make_propagation("elastic", **options)


def test_unknown_norm_is_refused():
    with pytest.raises(ArgumentError, match=r"Expected `norm` to be one of l1, l21 \(got 'l2'\)"):
        make_propagation("elastic", norm="l2")


def test_dual_grid_spans_the_radius():
    law = make_propagation("elastic", bits=2, **ROW_NORM).duals[0].law()
    assert law.offset[0] == pytest.approx(-0.3)
    assert law.offset[0] + 3 * law.step[0] == pytest.approx(0.3)


def test_repr_shows_the_hyper_parameters():
    assert "l1_weight=0.3, l2_weight=3, norm=l21" in repr(make_propagation("elastic", **ROW_NORM))


@pytest.mark.parametrize("coding", ["feedback", "delta"])
def test_coded_messages_are_refused(coding):
    with pytest.raises(ArgumentError, match=rf"Expected coding plain for elastic propagation \(got {coding}\)"):
        PROPAGATIONS.resolve("elastic")(3, 4, QuantConfig("qlr", 2, coding=coding))
