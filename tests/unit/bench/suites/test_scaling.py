from __future__ import annotations

from dataclasses import replace

import pytest

from smoothbit.bench import BenchRequest, run_suite
from smoothbit.bench.suites import scaling
from smoothbit.errors import ArgumentError


def test_sweeps_span_three_decades():
    sizes = scaling.sweep_sizes(1_000_000, 10_000_000)
    nodes = [n for sweep, n, _ in sizes if sweep == "nodes"]
    edges = [e for sweep, _, e in sizes if sweep == "edges"]
    assert (nodes[0], nodes[-1], len(nodes)) == (1_000, 1_000_000, 7)
    assert (edges[0], edges[-1], len(edges)) == (10_000, 10_000_000, 7)
    assert {n for sweep, n, _ in sizes if sweep == "edges"} == {100_000}
    assert all(e % 2 == 0 for _, _, e in sizes)
    assert [e / n for sweep, n, e in sizes if sweep == "nodes"] == pytest.approx([10] * 7, rel=0.01)


def test_small_graphs_hold_no_more_edges_than_there_are_pairs():
    assert all(2 <= edges <= nodes * (nodes - 1) for _, nodes, edges in scaling.sweep_sizes(20, 300))


def test_each_size_is_a_case(tiny, monkeypatch):
    monkeypatch.setattr(scaling, "POINTS_PER_DECADE", 1)
    record = run_suite(replace(tiny, suite="scaling", num_nodes=600, num_edges=3000, bits=(2,)))
    assert [row.case for row in record.rows] == [
        "nodes 2", "nodes 6", "nodes 60", "nodes 600", "edges 4", "edges 30", "edges 300", "edges 3000",
    ]  # fmt: skip
    assert set(record.rows[0].peers) <= set(scaling.PEER_NAMES)
    assert record.rows[-1].nodes == 60


def test_only_graphs_of_any_size():
    with pytest.raises(ArgumentError, match=r"Expected `graph` to be powerlaw.*got 'Cora'"):
        run_suite(BenchRequest(suite="scaling", graph="Cora"))
