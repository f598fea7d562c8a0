"""Invariants of every dataset; a concrete case states a name and the counts of its source."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from smoothbit.data import Dataset, load_dataset
from smoothbit.data.datasets import datasets

REPOSITORY = Path(__file__).resolve().parents[2]
NETWORK_VARIABLE = "SMOOTHBIT_TEST_NETWORK"
# A row factor is one rounded division, a row sum F additions: bound F * 2**-24 < 1e-3 for F < 16,000.
ROW_SUM_TOLERANCE = 1e-3
# Column statistics are float64, the stored columns float32: N roundings of at most 2**-24 average out.
COLUMN_TOLERANCE = 1e-4


def shared_data_root() -> Path:
    """Return the folder of real raw files: $SMOOTHBIT_TEST_DATA, or shared/data beside the repository."""
    return Path(os.environ.get("SMOOTHBIT_TEST_DATA", REPOSITORY.parent / "shared" / "data"))


def has_raw_files(name: str) -> bool:
    """Return whether the shared folder holds all raw files of a dataset."""
    source = datasets.resolve(name)
    return all((shared_data_root() / source.folder() / file).is_file() for file in source.files())


@functools.lru_cache(maxsize=1)
def load_once(name: str) -> Dataset:
    """Load from the shared files, else by download into the cache of the test session."""
    return load_dataset(name, shared_data_root() if has_raw_files(name) else None)


class DatasetCase:
    """Base case of the family."""

    name: ClassVar[str]
    # Nodes, undirected edges, features, classes.
    counts: ClassVar[tuple[int, int, int, int]]
    metric: ClassVar[str] = "accuracy"
    num_public: ClassVar[int] = 0
    # None: the source does not state it.
    num_unlabelled: ClassVar[int | None] = 0

    @pytest.fixture
    def dataset(self) -> Dataset:
        """Return the set, read once for the case."""
        if not has_raw_files(self.name) and not os.environ.get(NETWORK_VARIABLE):
            pytest.skip(f"raw files not in {shared_data_root()}, {NETWORK_VARIABLE} not set")
        return load_once(self.name)

    def test_counts(self, dataset: Dataset) -> None:
        found = (dataset.num_nodes, dataset.num_edges, dataset.num_features, dataset.num_classes)
        assert found == self.counts

    def test_identity(self, dataset: Dataset) -> None:
        assert (dataset.name, dataset.metric) == (self.name, self.metric)

    def test_labels_use_every_class(self, dataset: Dataset) -> None:
        labelled = dataset.labels[dataset.labels >= 0]
        if self.num_unlabelled is not None:
            assert len(dataset.labels) - len(labelled) == self.num_unlabelled
        assert np.array_equal(np.unique(labelled), np.arange(dataset.num_classes))

    def test_graph_is_symmetric_and_coalesced(self, dataset: Dataset) -> None:
        rows = dataset.adjacency.entry_rows().astype(np.int64)
        assert (np.diff(rows * dataset.num_nodes + dataset.adjacency.indices) > 0).all()
        assert dataset.adjacency.is_symmetric()

    def test_sparse_rows_sum_to_one_dense_columns_are_standard(self, dataset: Dataset) -> None:
        matrix, scale = dataset.features.matrix, dataset.features.row_scale
        if isinstance(matrix, np.ndarray):
            assert scale is None
            self.check_dense(matrix)
            return
        assert scale is not None
        values = np.ones(matrix.num_entries) if matrix.values is None else matrix.values
        sums = np.bincount(matrix.entry_rows(), weights=values, minlength=matrix.num_rows) * scale
        is_empty = matrix.row_lengths == 0
        assert np.allclose(sums[~is_empty], 1, atol=ROW_SUM_TOLERANCE)
        assert (scale[is_empty] == 1).all()

    def check_dense(self, matrix: np.ndarray) -> None:
        """Check real columns; overridden where they are not standardised."""
        deviation = matrix.std(axis=0, dtype=np.float64)
        assert np.abs(matrix.mean(axis=0, dtype=np.float64)).max() < COLUMN_TOLERANCE
        assert np.allclose(deviation[deviation > 0], 1, atol=COLUMN_TOLERANCE)

    def test_public_splits(self, dataset: Dataset) -> None:
        names = ["public"] if self.num_public == 1 else [f"public-{i}" for i in range(self.num_public)]
        assert [split.name for split in dataset.public_splits] == names

    @pytest.mark.parametrize("name", [None, "random-20", "random-60-20-20"])
    def test_splits_are_disjoint_labelled_and_not_empty(self, dataset: Dataset, name: str | None) -> None:
        split = dataset.split(name, seed=3)
        members = split.train.astype(int) + split.val + split.test
        assert members.max() == 1
        assert (dataset.labels[members == 1] >= 0).all()
        assert min(split.train.sum(), split.val.sum(), split.test.sum()) > 0
