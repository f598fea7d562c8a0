from __future__ import annotations

import numpy as np
import pytest

from smoothbit import kernels
from smoothbit.data import contextual_sbm, powerlaw_graph
from smoothbit.engine.order import locality
from smoothbit.engine.order.degree import degree_order
from smoothbit.engine.order.locality import best_clusters, locality_order, vote


@pytest.fixture
def small_cache(monkeypatch):
    monkeypatch.setattr(locality, "NEAR_ROWS", 256)


@pytest.fixture(scope="module")
def communities():
    return contextual_sbm(4000, 60_000, 16, 1, homophily=0.9, seed=1)


def test_communities_are_found(communities, small_cache):
    graph = communities.adjacency.with_self_loops()
    ordered = communities.labels[locality_order(graph)]
    # 16 communities in random order change label at nearly each of 4,000 steps.
    assert np.count_nonzero(np.diff(communities.labels)) > 3500
    cluster = best_clusters(graph, vote(graph))
    purity = sum(np.bincount(communities.labels[cluster == c]).max() for c in np.unique(cluster)) / 4000
    assert len(np.unique(cluster)) >= 8
    assert purity > 0.5
    rows, places = graph.entry_rows(), np.argsort(locality_order(graph))
    near = np.abs(places[rows] - places[graph.indices]) < 512
    assert near.mean() > 0.7
    assert len(ordered) == 4000


def test_rows_of_a_cluster_come_by_falling_length(communities, small_cache):
    graph = communities.adjacency.with_self_loops()
    order = locality_order(graph)
    cluster = best_clusters(graph, vote(graph))[order]
    assert (np.diff(cluster) >= 0).all()
    lengths = graph.row_lengths[order]
    assert (np.diff(lengths)[np.diff(cluster) == 0] <= 0).all()


def test_without_communities_it_is_the_degree_order(small_cache):
    graph = powerlaw_graph(3000, 30_000, seed=2).with_self_loops()
    np.testing.assert_array_equal(locality_order(graph), degree_order(graph))


def test_a_small_graph_needs_no_votes(monkeypatch):
    monkeypatch.setattr(locality, "vote", None)
    graph = powerlaw_graph(300, 3000).with_self_loops()
    np.testing.assert_array_equal(locality_order(graph), degree_order(graph))


def test_every_instruction_set_and_thread_count_gives_one_order(small_cache, monkeypatch):
    graph = contextual_sbm(800, 8000, 4, 1, homophily=0.9).adjacency.with_self_loops()
    wanted = locality_order(graph)
    for isa in kernels.isa.available():
        for threads in ("1", "2"):
            monkeypatch.setenv("SMOOTHBIT_NUM_THREADS", threads)
            with kernels.isa.use(isa):
                np.testing.assert_array_equal(locality_order(graph), wanted)


def test_first_bits_are_the_documented_hash():
    # The finalizer of SplitMix64 of 0x9E3779B97F4A7C15: its first output from state 0.
    assert locality._random_bits(1)[0].tolist() == list((0xE220A8397B1DCDAF).to_bytes(8, "little")[:4])


def test_a_graph_without_edges_has_no_near_sources(small_cache):
    graph = contextual_sbm(600, 0, 2, 1).adjacency.with_self_loops()
    assert sorted(locality_order(graph).tolist()) == list(range(600))
