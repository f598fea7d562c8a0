from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.bench import BenchRequest, run_suite
from smoothbit.bench.graphs import BenchGraph
from smoothbit.bench.suites import features
from smoothbit.data import powerlaw_graph
from smoothbit.errors import ArgumentError
from tests.helpers import dense_features, valued_features


def test_rows_name_the_stored_entries(tiny):
    record = run_suite(replace(tiny, suite="features"))
    row = record.rows[0]
    assert (row.graph, row.nodes, row.edges) == ("random-1433", 60, 60 * features.ONES_PER_ROW)
    assert row.bytes_moved is not None
    assert "stored entries" in record.notes[0]
    assert any(note.startswith("Features: 18 ones at random places of 1,433 columns") for note in record.notes)
    assert "bit for bit" in record.checks[0]


def test_peers_of_square_matrices_stay_out(tiny):
    row = run_suite(replace(tiny, suite="features", bits=(2,))).rows[0]
    assert set(row.peers) <= set(features.PEER_NAMES)


def test_data_set_with_values_and_row_factors(tiny, monkeypatch):
    graph = BenchGraph("valued", powerlaw_graph(30, 60), valued_features())
    monkeypatch.setattr(features, "make_graph", lambda request: graph)
    row = run_suite(replace(tiny, suite="features", graph="valued", bits=(8,))).rows[0]
    assert (row.graph, row.nodes, row.edges) == ("valued", 30, valued_features().matrix.num_entries)


def test_dense_features_are_refused(monkeypatch):
    graph = BenchGraph("dense", powerlaw_graph(30, 60), dense_features())
    monkeypatch.setattr(features, "make_graph", lambda request: graph)
    with pytest.raises(ArgumentError, match=r"Expected `graph` to be a data set with sparse features \(got 'dense'"):
        run_suite(BenchRequest(suite="features", graph="dense"))


def test_random_features_have_different_ones_in_each_row():
    given = features.random_binary_features(50, seed=1)
    columns = np.sort(given.matrix.indices.reshape(50, features.ONES_PER_ROW), axis=1)
    assert (np.diff(columns, axis=1) > 0).all()
    assert given.row_scale == pytest.approx(np.full(50, 1 / features.ONES_PER_ROW))
