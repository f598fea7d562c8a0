"""One graph with features, labels and published splits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from smoothbit.data.splits import Split as Split
from smoothbit.data.splits import make_split
from smoothbit.errors import DatasetError, ShapeError
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import AnyArray, Int64Array

Metric = Literal["accuracy", "roc_auc"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """An undirected graph for node classification, checked at construction.

    Args:
        name: Canonical name, e.g. "Photo".
        family: Source it belongs to, e.g. "amazon".
        features: Node features [N, F].
        labels: Class of each node [N], int64, in [0, num_classes), or -1 for unlabelled.
        adjacency: Graph [N, N] without values; row i lists the in-neighbours of node i in increasing
            order, each once. Symmetric; self-loops are those of the source.
        num_classes: Number of classes C >= 1.
        metric: "accuracy", or "roc_auc" for unbalanced binary labels.
        public_splits: Splits published with the data, all of labelled nodes.

    Raises:
        ShapeError: the parts differ in their number of nodes, or an array has the wrong dtype.
        DatasetError: a label is out of range, an entry is double or lacks its mirror image, a split
            selects an unlabelled node, or the metric does not fit.
    """

    name: str
    family: str
    features: Features
    labels: Int64Array
    adjacency: CSR
    num_classes: int
    metric: Metric = "accuracy"
    public_splits: tuple[Split, ...] = ()

    def __post_init__(self) -> None:
        self._check_lengths()
        self._check_labels()
        self._check_metric()
        self._check_adjacency()
        for split in self.public_splits:
            self._check_split(split)

    @property
    def num_nodes(self) -> int:
        """Number of nodes N."""
        return self.features.num_nodes

    @property
    def num_edges(self) -> int:
        """Number of undirected edges: a pair of nodes once, a self-loop once."""
        loops = int((self.adjacency.entry_rows() == self.adjacency.indices).sum())
        return (self.adjacency.num_entries + loops) // 2

    @property
    def num_features(self) -> int:
        """Number of feature columns F."""
        return self.features.num_features

    @cached_property
    def digest(self) -> str:
        """SHA-256 of graph, features, labels and published splits, as hexadecimal digits."""
        matrix = self.features.matrix
        parts: list[AnyArray | None] = [self.adjacency.indptr, self.adjacency.indices, self.labels]
        parts += [matrix.indptr, matrix.indices, matrix.values] if isinstance(matrix, CSR) else [matrix]
        parts.append(self.features.row_scale)
        parts += [mask for split in self.public_splits for mask in (split.train, split.val, split.test)]
        total = hashlib.sha256()
        for array in parts:
            if array is None:
                total.update(b"none")
            else:
                total.update(f"{array.dtype}{array.shape}".encode())
                total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()

    def split(self, name: str | None = None, seed: int = 0) -> Split:
        """Return a split by name.

        Args:
            name: "public", "public-<i>", "random-20", "random-60-20-20", a recorded `Split.name`, or
                None for the public split where it exists and "random-20" elsewhere.
            seed: Seed of random splits; of several public splits, "public" takes number
                `seed % number of splits`.

        Raises:
            ArgumentError: no such split, or `seed` is negative.
            DatasetError: too few labelled nodes.
        """
        return make_split(self.labels, self.public_splits, name, seed)

    def __repr__(self) -> str:
        return (
            f"Dataset({self.family}/{self.name}: N={self.num_nodes}, E={self.num_edges}, "
            f"F={self.num_features}, C={self.num_classes}, {self.metric})"
        )

    def _check_lengths(self) -> None:
        if self.labels.shape != (self.num_nodes,) or self.labels.dtype != np.int64:
            raise ShapeError(
                f"Expected `labels` to be int64 [{self.num_nodes}] "
                f"(got {self.labels.dtype} {list(self.labels.shape)}). Pass one label for each node."
            )
        shape = (self.adjacency.num_rows, self.adjacency.num_cols)
        if shape != (self.num_nodes, self.num_nodes) or self.adjacency.values is not None:
            raise ShapeError(
                f"Expected `adjacency` to be [{self.num_nodes}, {self.num_nodes}] without values (got "
                f"{list(shape)}{'' if self.adjacency.values is None else ' with values'}). "
                "Pass one row for each row of `features`, and no edge weights."
            )

    def _check_labels(self) -> None:
        bad = (self.labels < -1) | (self.labels >= self.num_classes)
        if bad.any():
            node = int(np.argmax(bad))
            raise DatasetError(
                f"Expected `labels` to be in [-1, {self.num_classes}) (got {self.labels[node]} at node "
                f"{node}). Use -1 for unlabelled nodes, or correct `num_classes`."
            )

    def _check_metric(self) -> None:
        if self.metric not in get_args(Metric) or (self.metric == "roc_auc" and self.num_classes != 2):
            raise DatasetError(
                f"Expected `metric` to be 'accuracy', or 'roc_auc' with 2 classes "
                f"(got '{self.metric}' with {self.num_classes} classes). Use 'accuracy'."
            )

    def _check_adjacency(self) -> None:
        rows = self.adjacency.entry_rows().astype(np.int64)
        columns = self.adjacency.indices.astype(np.int64)
        keys = rows * self.num_nodes + columns
        if (np.diff(keys) <= 0).any():
            row = int(rows[1:][np.diff(keys) <= 0][0])
            raise DatasetError(
                f"Expected `adjacency` to list each neighbour once, in increasing order (got a violation "
                f"in row {row}). Build it with `undirected_csr`."
            )
        mirrored = np.sort(columns * self.num_nodes + rows)
        if not np.array_equal(keys, mirrored):
            key = int(np.setdiff1d(keys, mirrored)[0])
            raise DatasetError(
                f"Expected `adjacency` to be symmetric (got {key % self.num_nodes} -> "
                f"{key // self.num_nodes} without its mirror image). Build it with `undirected_csr`."
            )

    def _check_split(self, split: Split) -> None:
        if split.train.shape != self.labels.shape:
            raise ShapeError(
                f"Expected `public_splits` to have masks of {self.num_nodes} nodes (got {len(split.train)} "
                f"in '{split.name}'). Pass one flag for each node."
            )
        bad = (split.train | split.val | split.test) & (self.labels < 0)
        if bad.any():
            raise DatasetError(
                f"Expected `public_splits` to select labelled nodes only (got node {int(np.argmax(bad))} in "
                f"'{split.name}'). Remove it from the masks."
            )
