"""The order of nodes changes nothing but speed: results are those of the caller's order, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.data import powerlaw_graph
from smoothbit.engine import ORDERS, KernelBackend, PreparedGraph, Session, run_plan, same_codes
from smoothbit.engine.ops import context
from smoothbit.engine.order import locality
from smoothbit.nn import TorchGraph
from smoothbit.nn.simulation import TorchBackend
from smoothbit.numerics.csr import csr_from_coo
from smoothbit.numerics.features import Features
from smoothbit.numerics.node_order import NodeOrder
from tests.helpers import FEATURES, random_graph, trained_net

PROPAGATIONS = ["gcn", "appnp", "smp", "elastic"]


@pytest.fixture(autouse=True)
def small_cache(monkeypatch):
    """Make `locality` look for clusters in small graphs, too."""
    monkeypatch.setattr(locality, "NEAR_ROWS", 8)


def ordered_graphs(adjacency):
    """Return the graph in every registered order, and in a random one."""
    nodes = np.random.default_rng(5).permutation(adjacency.num_rows).astype(np.int32)
    orders = [*ORDERS.names(), NodeOrder("random", nodes)]
    return [PreparedGraph(adjacency, order) for order in orders]


def assert_same(found, wanted):
    assert found.scores.tobytes() == wanted.scores.tobytes()
    np.testing.assert_array_equal(found.labels, wanted.labels)
    assert (found.embedding is None) == (wanted.embedding is None)
    if wanted.embedding is not None:
        assert same_codes(found.embedding, wanted.embedding)
    assert found.trace.keys() == wanted.trace.keys()
    for stage, value in wanted.trace.items():
        assert same_codes(found.trace[stage], value), stage


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 32])
@pytest.mark.parametrize("propagation", PROPAGATIONS)
def test_scores_codes_and_stages_are_those_of_the_callers_order(propagation, bits):
    adjacency, features = random_graph(), FEATURES["dense"]()
    plain = PreparedGraph(adjacency)
    plan = trained_net(TorchGraph(plain), features, bits=bits, propagation=propagation)[0].to_plan()
    wanted = run_plan(plan, plain, features, KernelBackend(), has_trace=True)
    for graph in ordered_graphs(adjacency):
        assert_same(run_plan(plan, graph, features, KernelBackend(), has_trace=True), wanted)


@pytest.mark.parametrize("bits", [2, 4])
def test_scores_beyond_the_caches_leave_in_a_pass_of_their_own(bits, monkeypatch):
    adjacency, features = random_graph(), FEATURES["dense"]()
    plain = PreparedGraph(adjacency)
    plan = trained_net(TorchGraph(plain), features, bits=bits)[0].to_plan()
    wanted = run_plan(plan, plain, features, KernelBackend(), has_trace=True)
    monkeypatch.setattr(context, "MAX_SCATTERED_BYTES", 0)
    for graph in ordered_graphs(adjacency):
        assert_same(run_plan(plan, graph, features, KernelBackend(), has_trace=True), wanted)


@pytest.mark.parametrize("kind", FEATURES)
@pytest.mark.parametrize("order", ["predict_first", "propagate_first"])
def test_every_form_of_features_and_both_sequences_of_layers(kind, order):
    adjacency, features = random_graph(), FEATURES[kind]()
    plain = PreparedGraph(adjacency)
    plan = trained_net(TorchGraph(plain), features, bits=2, order=order)[0].to_plan()
    wanted = run_plan(plan, plain, features, KernelBackend(), has_trace=True)
    for graph in ordered_graphs(adjacency):
        assert_same(run_plan(plan, graph, features, KernelBackend(), has_trace=True), wanted)
        simulated = run_plan(plan, graph, features, TorchBackend())
        assert simulated.scores.tobytes() == wanted.scores.tobytes()


@pytest.mark.parametrize("propagation", ["smp", "elastic"])
def test_sessions_read_dense_features_anew(propagation):
    adjacency, features, other = random_graph(), FEATURES["dense"](), FEATURES["dense"](seed=1)
    plain = PreparedGraph(adjacency)
    plan = trained_net(TorchGraph(plain), features, bits=4, propagation=propagation)[0].to_plan()
    wanted = [run_plan(plan, plain, each, KernelBackend()).scores for each in (features, other, features)]
    for graph in ordered_graphs(adjacency):
        matrix = features.matrix.copy()
        session = Session(plan, graph, Features(matrix))
        for each, scores in zip((features, other, features), wanted, strict=True):
            matrix[:] = each.matrix
            np.testing.assert_array_equal(session.run().scores, scores)


@pytest.mark.parametrize("bits", [2, 32])
def test_a_directed_graph_with_lonely_nodes_and_loops(bits):
    rng = np.random.default_rng(3)
    adjacency = csr_from_coo([*rng.integers(0, 25, 50), 3, 4], [*rng.integers(0, 30, 50), 3, 4], 30, 30)
    features = FEATURES["dense"]()
    plan = trained_net(TorchGraph(PreparedGraph(random_graph())), features, bits=bits)[0].to_plan()
    wanted = run_plan(plan, PreparedGraph(adjacency), features, KernelBackend())
    for graph in ordered_graphs(adjacency):
        assert_same(run_plan(plan, graph, features, KernelBackend()), wanted)


@pytest.mark.parametrize("bits", [2, 8, 32])
def test_threads_split_edges_and_change_nothing(bits):
    adjacency = powerlaw_graph(1000, 20_000, seed=1, hub_degree=500)
    features = FEATURES["dense"](1000)
    plan = trained_net(TorchGraph(PreparedGraph(random_graph())), FEATURES["dense"](), bits=bits)[0].to_plan()
    wanted = run_plan(plan, PreparedGraph(adjacency), features, KernelBackend(1))
    for graph in ordered_graphs(adjacency):
        for threads in (1, 2, 4):
            assert_same(run_plan(plan, graph, features, KernelBackend(threads)), wanted)


def test_every_instruction_set():
    adjacency, features = random_graph(), FEATURES["binary"]()
    plain = PreparedGraph(adjacency)
    plan = trained_net(TorchGraph(plain), features, bits=2)[0].to_plan()
    wanted = run_plan(plan, plain, features, KernelBackend())
    for isa in kernels.isa.available():
        with kernels.isa.use(isa):
            assert_same(run_plan(plan, PreparedGraph(adjacency, "degree"), features, KernelBackend()), wanted)


def test_a_graph_without_nodes():
    empty = csr_from_coo([], [], 0, 0)
    for graph in ordered_graphs(empty):
        assert graph.order.is_identity
        assert graph.csr.num_entries == 0
