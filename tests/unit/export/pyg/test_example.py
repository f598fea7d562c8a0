from __future__ import annotations

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data

from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.export.pyg.example import read_example

X, EDGES = torch.eye(3), torch.tensor([[0, 1], [1, 2]])


class _Weighted(nn.Module):
    def forward(self, x, edge_index, edge_weight=None, batch=None):
        return x


def test_tuple_dict_and_data_are_the_same_call():
    weight = torch.ones(2)
    for example in (
        (X, EDGES, weight),
        {"x": X, "edge_index": EDGES, "edge_weight": weight},
        Data(x=X, edge_index=EDGES, edge_weight=weight, y=torch.zeros(3)),
    ):
        call = read_example(_Weighted(), example)
        assert call.roles["x"] is X
        assert call.roles["edge_weight"] is weight
        assert call.num_graphs is None


def test_batch_of_graphs_tells_their_number():
    batch = Batch.from_data_list([Data(x=X, edge_index=EDGES), Data(x=X[:1], edge_index=EDGES[:, :0])])
    call = read_example(_Weighted(), batch)
    assert call.num_graphs == 2
    assert call.roles["batch"].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("example", "match"),
    [
        ((torch.arange(3)[:, None], EDGES), r"`x` to be float features \[N, F\] \(got torch.int64 \[3, 1\]\)"),
        (({"a": X}, EDGES), "`x` to be a tensor .got a dict with keys .'a'.."),
        ((X, torch.eye(3).to_sparse()), "`edge_index` to be a dense tensor .got layout torch.sparse_coo"),
        ((X, EDGES, torch.ones(2, 4)), r"`edge_weight` to be one number for each edge \(got \[2, 4\]\)"),
        ((X[None], EDGES), r"`x` to be features \[N, F\] \(got \[1, 3, 3\]\)"),
    ],
    ids=["integer features", "node types", "sparse adjacency", "edge features", "vector"],
)
def test_input_that_the_engine_does_not_have_is_refused(example, match):
    with pytest.raises(UnsupportedError, match=match):
        read_example(_Weighted(), example)


def test_two_features_are_refused():
    class Two(nn.Module):
        def forward(self, x, extra, edge_index):
            return x

    with pytest.raises(UnsupportedError, match=r"one argument of `forward` to be the x \(got a second one, `extra`\)"):
        read_example(Two(), (X, X, EDGES))


def test_example_that_does_not_fit_is_refused():
    with pytest.raises(ArgumentError, match=r"`example` to fit _Weighted.forward"):
        read_example(_Weighted(), (X, EDGES, None, None, None))
    with pytest.raises(ArgumentError, match=r"`example` to hold float features .* \(got arguments edge_index"):
        read_example(_Edges(), {"edge_index": EDGES})


class _Edges(nn.Module):
    def forward(self, edge_index):
        return edge_index
