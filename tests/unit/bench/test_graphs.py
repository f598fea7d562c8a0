from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smoothbit.bench.graphs import MODEL_FEATURES, make_graph, prepare_both
from smoothbit.errors import ArgumentError


@pytest.mark.parametrize("name", ["powerlaw", "SBM"])
def test_generated_graphs_have_the_size_asked_for(tiny, name):
    made = make_graph(replace(tiny, graph=name, num_nodes=160))
    assert (made.adjacency.num_rows, made.adjacency.num_entries) == (160, 300)
    assert made.features_or_random(0).num_features == MODEL_FEATURES


def test_seed_decides(tiny):
    first, same, other = (make_graph(replace(tiny, seed=seed)).adjacency.indices for seed in (0, 0, 1))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_dataset_brings_its_features(tiny):
    made = make_graph(replace(tiny, graph="digits"))
    assert made.name == "digits"
    assert made.features_or_random(0) is made.features


def test_unknown_graph_names_the_nearest(tiny):
    with pytest.raises(ArgumentError, match="Did you mean"):
        make_graph(replace(tiny, graph="digitz"))


def test_order_is_for_the_engine_alone(tiny):
    adjacency = make_graph(tiny).adjacency
    plain = prepare_both(tiny, adjacency)
    assert plain.ours is plain.given
    assert plain.notes() == []
    both = prepare_both(replace(tiny, order="Degree"), adjacency)
    assert both.given.order.is_identity
    assert both.ours.order.name == "degree"
    assert "Our sides run in node order degree, setup_ms " in both.notes()[0]
