"""Amazon co-purchase and Coauthor graphs of gnn-benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from smoothbit.data.dataset import Dataset
from smoothbit.data.datasets.npz_graph import read_npz_graph
from smoothbit.data.datasets.registry import DatasetSource, datasets

URL = "https://github.com/shchur/gnn-benchmark/raw/master/data/npz"


class GnnBenchmarkSource(DatasetSource):
    """Base of both families: one compressed file, no published split.

    Args:
        name: Canonical name, also the folder's.
        file_name: Name of the raw file.
        num_classes: Number of classes C.
    """

    def __init__(self, name: str, file_name: str, num_classes: int) -> None:
        super().__init__(name)
        self.file_name = file_name
        self.num_classes = num_classes

    def folder(self) -> str:
        """Return `<family>/<name>/raw`."""
        return f"{self.family}/{self.name}/raw"

    def files(self) -> Mapping[str, str]:
        """Return the one raw file."""
        return {self.file_name: f"{URL}/{self.file_name}"}

    def read(self, folder: Path) -> Dataset:
        """Read the file; counts and other positive features become 1."""
        return read_npz_graph(folder / self.file_name, self.name, self.family, self.num_classes)


class AmazonSource(GnnBenchmarkSource):
    """Products bought together; features are words of reviews, classes product categories.

    Source: github.com/shchur/gnn-benchmark, `data/npz` (MIT).
    Reference: Shchur et al. 2018, "Pitfalls of Graph Neural Network Evaluation"; graphs from
        McAuley et al. 2015.
    Departure: none from PyG's `Amazon` but the row factor of the features.

    Counts:
        Computers: N=13,752, E=245,861, F=767, C=10.
        Photo: N=7,650, E=119,081, F=745, C=8.
    """

    family = "amazon"


class CoauthorSource(GnnBenchmarkSource):
    """Authors who wrote together; features are keywords of papers, classes fields of study.

    Source: github.com/shchur/gnn-benchmark, `data/npz` (MIT).
    Reference: Shchur et al. 2018; graphs from the Microsoft Academic Graph, KDD Cup 2016.
    Departure: none from PyG's `Coauthor` but the row factor of the features.

    Counts:
        CS: N=18,333, E=81,894, F=6,805, C=15.
        Physics: N=34,493, E=247,962, F=8,415, C=5.
    """

    family = "coauthor"


datasets.register("Computers")(AmazonSource("Computers", "amazon_electronics_computers.npz", 10))
datasets.register("Photo")(AmazonSource("Photo", "amazon_electronics_photo.npz", 8))
datasets.register("CS")(CoauthorSource("CS", "ms_academic_cs.npz", 15))
datasets.register("Physics")(CoauthorSource("Physics", "ms_academic_phy.npz", 5))
