"""Full citation graphs of graph2gauss."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from smoothbit.data.dataset import Dataset
from smoothbit.data.datasets.npz_graph import read_npz_graph
from smoothbit.data.datasets.registry import DatasetSource, datasets

URL = "https://github.com/abojchevski/graph2gauss/raw/master/data"


class CitationFullSource(DatasetSource):
    """Papers and citations, features are words, classes topics. No published split.

    Names that Planetoid uses too carry the prefix "CitationFull-".

    Source: github.com/abojchevski/graph2gauss, `data` (MIT).
    Reference: Bojchevski and Günnemann 2018, "Deep Gaussian Embedding of Graphs".
    Departure: none from PyG's `CitationFull` but the row factor of the features.

    Counts:
        CitationFull-Cora: N=19,793, E=63,421, F=8,710, C=70.
        Cora_ML: N=2,995, E=8,158, F=2,879, C=7.
        CitationFull-CiteSeer: N=4,230, E=5,337, F=602, C=6.
        DBLP: N=17,716, E=52,867, F=1,639, C=4.
        CitationFull-PubMed: N=19,717, E=44,324, F=500, C=3.

    Args:
        name: Canonical name.
        num_classes: Number of classes C.
    """

    family = "citation_full"

    def __init__(self, name: str, num_classes: int) -> None:
        super().__init__(name)
        self.num_classes = num_classes
        self.stem = name.removeprefix("CitationFull-").lower()

    def folder(self) -> str:
        """Return `citation_full/<lower-case name>/raw`."""
        return f"{self.family}/{self.stem}/raw"

    def files(self) -> Mapping[str, str]:
        """Return the one raw file."""
        return {f"{self.stem}.npz": f"{URL}/{self.stem}.npz"}

    def read(self, folder: Path) -> Dataset:
        """Read the file; real and other positive features become 1."""
        return read_npz_graph(folder / f"{self.stem}.npz", self.name, self.family, self.num_classes)


for _name, _num_classes in (
    ("CitationFull-Cora", 70),
    ("Cora_ML", 7),
    ("CitationFull-CiteSeer", 6),
    ("DBLP", 4),
    ("CitationFull-PubMed", 3),
):
    datasets.register(_name)(CitationFullSource(_name, _num_classes))
