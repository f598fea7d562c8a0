"""Dataset: what construction refuses, and what the properties count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smoothbit.data import Dataset, Split
from smoothbit.data.transforms import undirected_csr
from smoothbit.errors import ArgumentError, DatasetError, ShapeError
from smoothbit.numerics.csr import CSR, csr_from_coo
from smoothbit.numerics.features import Features


def build(**changes: Any) -> Dataset:
    parts: dict[str, Any] = {
        "name": "tiny",
        "family": "test",
        "features": Features(np.ones((4, 2), dtype=np.float32)),
        "labels": np.array([0, 1, -1, 0]),
        "adjacency": undirected_csr([0, 1, 3], [1, 2, 3], 4),
        "num_classes": 2,
    }
    return Dataset(**(parts | changes))


def mask(*nodes: int, size: int = 4) -> np.ndarray:
    return np.isin(np.arange(size), nodes)


def test_counts_pairs_once_and_self_loops_once() -> None:
    dataset = build()
    assert (dataset.num_nodes, dataset.num_edges, dataset.num_features) == (4, 3, 2)


def test_repr_shows_the_counts() -> None:
    assert repr(build()) == "Dataset(test/tiny: N=4, E=3, F=2, C=2, accuracy)"


def test_digest_is_that_of_the_content() -> None:
    pattern = csr_from_coo([0, 1], [1, 0], 4, 2)
    split = Split("public", mask(0), mask(1), mask(3))
    changed = [
        build(labels=np.array([0, 1, -1, 1])),
        build(adjacency=undirected_csr([0, 1, 2], [1, 2, 2], 4)),
        build(features=Features(np.full((4, 2), 2, np.float32))),
        build(features=Features(np.ones((4, 2), np.float32), np.ones(4, np.float32))),
        build(features=Features(pattern)),
        build(features=Features(CSR(pattern.indptr, pattern.indices, 2, np.ones(2, np.float32)))),
        build(public_splits=(split,)),
    ]
    assert build().digest == build(name="other", labels=build().labels.copy()).digest
    assert len({dataset.digest for dataset in [build(), *changed]}) == len(changed) + 1


def test_graph_without_nodes() -> None:
    empty = build(
        features=Features(np.ones((0, 2), dtype=np.float32)),
        labels=np.array([], dtype=np.int64),
        adjacency=undirected_csr(np.array([], dtype=int), np.array([], dtype=int), 0),
    )
    assert (empty.num_nodes, empty.num_edges) == (0, 0)


@pytest.mark.parametrize(("label", "shown"), [(2, "got 2 at node 1"), (-2, "got -2 at node 1")])
def test_label_out_of_range(label: int, shown: str) -> None:
    with pytest.raises(DatasetError, match=rf"`labels` to be in \[-1, 2\) \({shown}\)"):
        build(labels=np.array([0, label, 0, 0]))


@pytest.mark.parametrize("labels", [np.array([0, 1, 0]), np.array([0, 1, 0, 1], dtype=np.int32)], ids=["3", "int32"])
def test_labels_that_do_not_fit(labels: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=r"Expected `labels` to be int64 \[4\] \(got int"):
        build(labels=labels)


def test_adjacency_of_another_size() -> None:
    with pytest.raises(ShapeError, match=r"Expected `adjacency` to be \[4, 4\] without values \(got \[3, 3\]\)"):
        build(adjacency=undirected_csr([0], [1], 3))


def test_adjacency_with_values() -> None:
    weighted = csr_from_coo(np.array([0, 1]), np.array([1, 0]), 4, 4, np.ones(2, dtype=np.float32))
    with pytest.raises(ShapeError, match="with values"):
        build(adjacency=weighted)


def test_edge_out_of_range() -> None:
    with pytest.raises(ArgumentError, match=r"`indices` to be in \[0, 4\) \(got 4\)"):
        CSR(np.array([0, 1, 1, 1, 1]), np.array([4], dtype=np.int32), 4)


def test_duplicate_neighbour() -> None:
    double = csr_from_coo(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), 4, 4)
    with pytest.raises(DatasetError, match=r"each neighbour once, in increasing order \(got a violation in row 0"):
        build(adjacency=double)


def test_one_way_edge() -> None:
    with pytest.raises(DatasetError, match=r"`adjacency` to be symmetric \(got 2 -> 0 without its mirror image\)"):
        build(adjacency=csr_from_coo(np.array([0]), np.array([2]), 4, 4))


def test_nan_features() -> None:
    features = np.ones((4, 2), dtype=np.float32)
    features[2, 1] = np.nan
    with pytest.raises(ArgumentError, match=r"`features` to be finite .got nan at node 2, column 1"):
        build(features=Features(features))


@pytest.mark.parametrize(("metric", "num_classes"), [("roc_auc", 3), ("f1", 2)])
def test_metric_that_does_not_fit(metric: str, num_classes: int) -> None:
    with pytest.raises(DatasetError, match=rf"Expected `metric` .*got '{metric}' with {num_classes} classes"):
        build(metric=metric, num_classes=num_classes)


def test_public_split_of_another_size() -> None:
    split = Split("public", mask(0, size=3), mask(1, size=3), mask(size=3))
    with pytest.raises(ShapeError, match=r"masks of 4 nodes \(got 3 in 'public'\)"):
        build(public_splits=(split,))


def test_public_split_with_an_unlabelled_node() -> None:
    with pytest.raises(DatasetError, match=r"labelled nodes only \(got node 2 in 'public'\)"):
        build(public_splits=(Split("public", mask(0), mask(1), mask(2)),))


def test_split_defaults_to_public() -> None:
    split = Split("public", mask(0), mask(1), mask(3))
    assert build(public_splits=(split,)).split() is split
