"""LINKX graphs."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from smoothbit.data import load_dataset
from smoothbit.data.datasets.linkx import one_hot_columns
from smoothbit.errors import DatasetError
from smoothbit.numerics.csr import CSR
from tests.cases.dataset_case import DatasetCase
from tests.unit.data.raw_files import snapshot, write_facebook100


class TestCornell5(DatasetCase):
    name, counts, num_unlabelled = "cornell5", (18_660, 790_777, 4_735, 2), 1_838


class TestPenn94(DatasetCase):
    name, counts, num_unlabelled = "penn94", (41_554, 1_362_229, 4_814, 2), None


class TestReed98(DatasetCase):
    name, counts, num_unlabelled = "reed98", (962, 18_812, 745, 2), None


class TestAmherst41(DatasetCase):
    name, counts, num_unlabelled = "amherst41", (2_235, 90_954, 1_193, 2), None


class TestJohnshopkins55(DatasetCase):
    name, counts, num_unlabelled = "johnshopkins55", (5_180, 186_586, 2_406, 2), None


class TestGenius(DatasetCase):
    name, counts, metric = "genius", (421_961, 922_868, 12, 2), "roc_auc"


def test_reads_metadata_as_one_hot_and_gender_as_label(root: Path) -> None:
    write_facebook100(root / "linkx/reed98/raw/data.mat")
    before = snapshot(root)
    dataset = load_dataset("reed98", root)
    assert snapshot(root) == before
    assert dataset.labels.tolist() == [0, 1, -1, 1, 0]
    # Distinct values of the other six columns: 2 + 3 + 1 + 2 + 2 + 2.
    assert (dataset.num_features, dataset.num_edges) == (12, 5)
    assert dataset.features.row_scale is not None
    assert np.allclose(dataset.features.row_scale, 1 / 6)


def test_one_hot_columns_number_values_column_by_column() -> None:
    matrix = one_hot_columns(np.array([[7, 0], [9, 5], [7, 6]])).matrix
    assert isinstance(matrix, CSR)
    assert matrix.indices.reshape(3, 2).tolist() == [[0, 2], [1, 3], [0, 4]]
    assert matrix.num_cols == 5


def test_label_out_of_range(root: Path) -> None:
    metadata = np.ones((5, 7), dtype=int)
    metadata[3, 1] = 4
    write_facebook100(root / "linkx/reed98/raw/data.mat", metadata)
    with pytest.raises(DatasetError, match="got 3 at node 3"):
        load_dataset("reed98", root)


def write_genius(root: Path, features: np.ndarray) -> None:
    path = root / "linkx/genius/raw/data.mat"
    path.parent.mkdir(parents=True)
    edges = np.array([[0, 1, 2], [1, 2, 1]])
    scipy.io.savemat(path, {"edge_index": edges, "node_feat": features, "label": np.array([[0], [1], [0]])})


def test_genius_is_made_undirected(root: Path) -> None:
    write_genius(root, np.arange(6.0).reshape(3, 2))
    dataset = load_dataset("genius", root)
    assert (dataset.num_edges, dataset.metric, dataset.labels.tolist()) == (2, "roc_auc", [0, 1, 0])
    assert not dataset.features.is_sparse


def test_genius_with_nan(root: Path) -> None:
    write_genius(root, np.array([[1.0], [np.nan], [2.0]]))
    with pytest.raises(DatasetError, match=r"`node_feat` to be finite \(got \[nan\] at node 1"):
        load_dataset("genius", root)
