"""Citation graphs with the public Planetoid split."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from smoothbit.data.dataset import Dataset
from smoothbit.data.datasets.registry import DatasetSource, datasets
from smoothbit.data.optional import optional_module
from smoothbit.data.splits import Split
from smoothbit.data.transforms import csr_from_dense, row_normalized, undirected_csr

URL = "https://github.com/kimiyoung/planetoid/raw/master/data"
PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")


class PlanetoidSource(DatasetSource):
    """Papers and citations, features are words (PubMed: TF-IDF), classes topics.

    The raw files are pickles: read them from a source you trust.

    Source: github.com/kimiyoung/planetoid, `data` (MIT).
    Reference: Yang, Cohen and Salakhutdinov 2016, "Revisiting Semi-Supervised Learning with Graph
        Embeddings"; graphs from Sen et al. 2008.
    Departure: none from PyG's `Planetoid` but the row factor of the features. As there, double
        edges and self-loops go, and isolated nodes of CiteSeer have class 0.

    Counts (public split: 20 training nodes a class, 500 for validation, 1,000 for test):
        Cora: N=2,708, E=5,278, F=1,433, C=7.
        CiteSeer: N=3,327, E=4,552, F=3,703, C=6.
        PubMed: N=19,717, E=44,324, F=500, C=3.

    Args:
        name: Canonical name, also the folder's.
        num_classes: Number of classes C.
    """

    family = "planetoid"

    def __init__(self, name: str, num_classes: int) -> None:
        super().__init__(name)
        self.num_classes = num_classes

    def folder(self) -> str:
        """Return `planetoid/<name>/raw`."""
        return f"{self.family}/{self.name}/raw"

    def files(self) -> Mapping[str, str]:
        """Return the eight raw files."""
        names = [f"ind.{self.name.lower()}.{part}" for part in PARTS]
        return {name: f"{URL}/{name}" for name in names}

    def read(self, folder: Path) -> Dataset:
        """Read the files by PyG's reader, which touches nothing but them."""
        reader = optional_module("torch_geometric.io", "torch-geometric")
        with warnings.catch_warnings():
            # Pickles of 2016 name modules and dtype flags that NumPy and SciPy have deprecated since.
            warnings.simplefilter("ignore")
            data = reader.read_planetoid_data(str(folder), self.name)
        sources, targets = data.edge_index.numpy()
        labels = data.y.numpy().astype(np.int64)
        split = Split("public", data.train_mask.numpy(), data.val_mask.numpy(), data.test_mask.numpy())
        return Dataset(
            self.name,
            self.family,
            row_normalized(csr_from_dense(data.x.numpy())),
            labels,
            undirected_csr(sources, targets, len(labels)),
            self.num_classes,
            public_splits=(split,),
        )


for _name, _num_classes in (("Cora", 7), ("CiteSeer", 6), ("PubMed", 3)):
    datasets.register(_name)(PlanetoidSource(_name, _num_classes))
