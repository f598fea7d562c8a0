"""Generators: exact counts, the promised shape of degrees and classes, the same graph for a seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothbit.data import contextual_sbm, powerlaw_graph
from smoothbit.errors import ArgumentError
from smoothbit.numerics.csr import CSR


def check_simple(graph: CSR, num_nodes: int, num_edges: int) -> None:
    rows = graph.entry_rows().astype(np.int64)
    assert (graph.num_rows, graph.num_entries) == (num_nodes, num_edges)
    assert not (rows == graph.indices).any()
    assert (np.diff(rows * num_nodes + graph.indices) > 0).all()
    assert graph.is_symmetric()


@given(st.integers(0, 30), st.floats(0, 1), st.integers(0, 3), st.floats(2.05, 5))
def test_powerlaw_counts_up_to_the_complete_graph(nodes: int, share: float, seed: int, exponent: float) -> None:
    num_edges = 2 * round(share * nodes * (nodes - 1) / 2) if nodes else 0
    check_simple(powerlaw_graph(nodes, num_edges, seed, exponent), nodes, num_edges)


@pytest.mark.parametrize("num_edges", [20_000, 100_000], ids=["drawn", "ranked"])
def test_powerlaw_has_hubs_anywhere(num_edges: int) -> None:
    graph = powerlaw_graph(800, num_edges, seed=5)
    check_simple(graph, 800, num_edges)
    assert graph.row_lengths.max() > 3 * np.median(graph.row_lengths)
    top = np.argsort(graph.row_lengths)[-20:]
    assert top.min() < 400 < top.max()


def test_powerlaw_tail_has_the_exponent() -> None:
    degrees = powerlaw_graph(50_000, 500_000, seed=1, exponent=2.5).row_lengths
    tail = degrees[degrees >= 30]
    # Hill's estimate on some 2,000 nodes has a standard error of 1.5 / sqrt(2,000) = 0.03; the rest is bias.
    assert 1 + 1 / np.log(tail / 29.5).mean() == pytest.approx(2.5, abs=0.2)


def test_hub_degree_is_met_within_lost_repeats() -> None:
    graph = powerlaw_graph(20_000, 200_000, seed=0, hub_degree=600)
    # Repeats cost the hub under a tenth; a binomial of mean 600 has a standard deviation of 24.
    assert 500 < graph.row_lengths.max() < 680


def test_same_seed_same_graph() -> None:
    first, again, other = (powerlaw_graph(500, 3000, seed) for seed in (7, 7, 8))
    assert np.array_equal(first.indices, again.indices)
    assert not np.array_equal(first.indices, other.indices)


def test_medium_graph_is_fast_enough_for_the_suite() -> None:
    check_simple(powerlaw_graph(169_343, 2_315_598), 169_343, 2_315_598)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 7), r"`num_edges` to be even and in \[0, 90\] \(got 7\)"),
        ((10, 92), r"`num_edges` to be even and in \[0, 90\] \(got 92\)"),
        ((-1, 0), r"`num_nodes` to be in \[0, 2\*\*31\) \(got -1\)"),
        ((10, 10, -3), r"`seed` to be at least 0 \(got -3\)"),
        ((10, 10, 0, 2.0), r"`exponent` to be above 2 \(got 2.0\)"),
        ((100, 1000, 0, 2.5, 900.0), r"`hub_degree` to be in .*\(got 0.9\)"),
    ],
    ids=["odd", "too-many", "nodes", "seed", "exponent", "hub"],
)
def test_powerlaw_refuses(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        powerlaw_graph(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("homophily", [0.0, 0.25, 1.0])
def test_sbm_has_the_share_within_classes(homophily: float) -> None:
    dataset = contextual_sbm(300, 4000, 4, 8, homophily=homophily, seed=2)
    check_simple(dataset.adjacency, 300, 4000)
    rows = dataset.adjacency.entry_rows()
    assert (dataset.labels[rows] == dataset.labels[dataset.adjacency.indices]).mean() == homophily
    assert np.bincount(dataset.labels).tolist() == [75, 75, 75, 75]
    assert (dataset.num_features, dataset.metric, dataset.name) == (8, "accuracy", "contextual-sbm/seed=2")


def test_sbm_features_know_the_classes() -> None:
    dataset = contextual_sbm(2000, 0, 2, 16, separation=8.0, seed=3)
    features = dataset.features.to_dense()
    means = np.stack([features[dataset.labels == c].mean(axis=0) for c in range(2)])
    nearest = ((features[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == dataset.labels).mean() > 0.95


def test_sbm_fills_every_pair() -> None:
    check_simple(contextual_sbm(9, 72, 3, 2, homophily=0.25).adjacency, 9, 72)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 11}, r"`num_classes` to be in \[1, 10\] \(got 11\)"),
        ({"num_features": 0}, r"`num_features` to be at least 1 \(got 0\)"),
        ({"homophily": 1.5}, r"`homophily` to be in \[0, 1\] \(got 1.5\)"),
        ({"homophily": 1.0, "num_edges": 60}, "at most 20 pairs within and 25 between classes .got 30 and 0"),
        ({"num_edges": 3}, r"even .*\(got 3\)"),
    ],
    ids=["classes", "features", "homophily", "capacity", "odd"],
)
def test_sbm_refuses(changes: dict[str, float], message: str) -> None:
    arguments = {"num_nodes": 10, "num_edges": 8, "num_classes": 2, "num_features": 3}
    with pytest.raises(ArgumentError, match=message):
        contextual_sbm(**(arguments | changes))  # type: ignore[arg-type]
