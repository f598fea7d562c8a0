"""The reader of gnn-benchmark files: what it keeps, what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smoothbit.data.datasets.npz_graph import read_npz_graph
from smoothbit.data.optional import optional_module
from smoothbit.errors import ArgumentError, DatasetError
from tests.unit.data.raw_files import FEATURES, write_npz_graph


def read(path: Path, **changes: Any) -> Any:
    write_npz_graph(path, **changes)
    return read_npz_graph(path, "Tiny", "test", num_classes=2)


def test_positive_features_become_one_and_loops_go(tmp_path: Path) -> None:
    dataset = read(tmp_path / "tiny.npz")
    assert dataset.features.matrix.values is None
    assert np.array_equal(dataset.features.to_dense() > 0, FEATURES > 0)
    assert dataset.adjacency.indptr.tolist() == [0, 2, 4, 7, 8, 8]
    assert dataset.adjacency.indices.tolist() == [1, 2, 0, 2, 0, 1, 3, 2]


def test_agrees_with_the_reader_of_pyg(tmp_path: Path) -> None:
    dataset = read(tmp_path / "tiny.npz")
    data = optional_module("torch_geometric.io", "torch-geometric").read_npz(str(tmp_path / "tiny.npz"))
    targets, sources = data.edge_index.numpy()
    assert np.array_equal(dataset.adjacency.entry_rows(), targets)
    assert np.array_equal(dataset.adjacency.indices, sources)
    assert np.array_equal(dataset.features.to_dense() > 0, data.x.numpy() > 0)


def test_explicit_zero_is_no_feature(tmp_path: Path) -> None:
    dataset = read(tmp_path / "tiny.npz", attr_data=np.array([1, 0, 3, 1, 1, 1, 0.5], dtype=np.float32))
    assert dataset.features.matrix.row_lengths.tolist() == [1, 0, 1, 3, 1]


def test_edge_out_of_range(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"`targets` to be in \[0, 5\) \(got 9\)"):
        read(tmp_path / "tiny.npz", adj_indices=np.array([1, 2, 0, 9, 2, 3]))


def test_label_out_of_range(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"`labels` to be in \[-1, 2\) \(got 2 at node 4\)"):
        read(tmp_path / "tiny.npz", labels=np.array([0, 1, 1, 0, 2]))


def test_nan_feature(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"`attr_data` to be finite .got nan at entry 2"):
        read(tmp_path / "tiny.npz", attr_data=np.array([1, 1, np.nan, 1, 1, 1, 1], dtype=np.float32))


@pytest.mark.parametrize(
    "changes",
    [
        {"adj_indptr": np.array([0, 1, 2, 4, 6])},
        {"attr_data": np.ones(3)},
        {"attr_indptr": np.array([0, 1, 1, 2, 3, 4])},
    ],
    ids=["rows", "values", "entries"],
)
def test_row_starts_that_do_not_fit(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match="Expected `indptr` to describe"):
        read(tmp_path / "tiny.npz", **changes)


def test_pickled_arrays_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read(tmp_path / "tiny.npz", labels=np.array([{}], dtype=object))
