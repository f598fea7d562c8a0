"""Graphs whose neighbours tend to differ, with ten published splits each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from smoothbit.data.dataset import Dataset, Metric
from smoothbit.data.datasets.registry import DatasetSource, datasets
from smoothbit.data.splits import splits_from_masks
from smoothbit.data.transforms import features_from_dense, undirected_csr

URL = "https://github.com/yandex-research/heterophilous-graphs/raw/main/data"


class HeterophilousSource(DatasetSource):
    """One `.npz` file: dense features, labels, edges once, ten rows of masks.

    "chameleon" and "squirrel" are the filtered versions, without duplicate nodes.

    Source: github.com/yandex-research/heterophilous-graphs, `data` (MIT; Tolokers is from
        Toloka/TolokerGraph, CC BY 4.0).
    Reference: Platonov et al. 2023, "A critical look at the evaluation of GNNs under heterophily";
        chameleon and squirrel from Rozemberczki et al. 2021, actor from Pei et al. 2020.
    Departure: features of zeros and ones are sparse and row-normalised, others standardised.

    Counts:
        Roman-empire: N=22,662, E=32,927, F=300, C=18.
        Amazon-ratings: N=24,492, E=93,050, F=300, C=5.
        Minesweeper: N=10,000, E=39,402, F=7, C=2, ROC AUC.
        Tolokers: N=11,758, E=519,000, F=10, C=2, ROC AUC.
        Questions: N=48,921, E=153,540, F=301, C=2, ROC AUC.
        chameleon: N=890, E=8,854, F=2,325, C=5.
        squirrel: N=2,223, E=46,998, F=2,089, C=5.
        actor: N=7,600, E=26,659, F=932, C=5.

    Args:
        name: Canonical name.
        num_classes: Number of classes C; sets of two classes are judged by ROC AUC.
        file_name: Name of the raw file, by default `<name in lower case, _ for ->.npz`.
    """

    family = "heterophilous"

    def __init__(self, name: str, num_classes: int, file_name: str | None = None) -> None:
        super().__init__(name)
        self.num_classes = num_classes
        self.file_name = file_name or f"{name.lower().replace('-', '_')}.npz"

    def folder(self) -> str:
        """Return the family's one folder."""
        return self.family

    def files(self) -> Mapping[str, str]:
        """Return the one raw file."""
        return {self.file_name: f"{URL}/{self.file_name}"}

    def read(self, folder: Path) -> Dataset:
        """Read the file."""
        metric: Metric = "roc_auc" if self.num_classes == 2 else "accuracy"
        # Opened here, because `np.load` leaves a file open that turns out to be damaged.
        with (folder / self.file_name).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            labels, edges = arrays["node_labels"].astype(np.int64), arrays["edges"]
            return Dataset(
                self.name,
                self.family,
                features_from_dense(arrays["node_features"]),
                labels,
                undirected_csr(edges[:, 0], edges[:, 1], len(labels)),
                self.num_classes,
                metric,
                splits_from_masks(arrays["train_masks"], arrays["val_masks"], arrays["test_masks"]),
            )


for _name, _num_classes in (
    ("Roman-empire", 18),
    ("Amazon-ratings", 5),
    ("Minesweeper", 2),
    ("Tolokers", 2),
    ("Questions", 2),
    ("actor", 5),
):
    datasets.register(_name)(HeterophilousSource(_name, _num_classes))
for _name in ("chameleon", "squirrel"):
    datasets.register(_name)(HeterophilousSource(_name, 5, f"{_name}_filtered.npz"))
