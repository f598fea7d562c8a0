"""Facebook pages of MUSAE."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from smoothbit.data.dataset import Dataset
from smoothbit.data.datasets.registry import DatasetSource, datasets
from smoothbit.data.transforms import pattern_csr, row_normalized, undirected_csr
from smoothbit.errors import DatasetError
from smoothbit.numerics.features import Features
from smoothbit.typing import Int64Array

URL = "https://github.com/benedekrozemberczki/MUSAE/raw/master/input"
PAGE_TYPES = ("company", "government", "politician", "tvshow")


class MusaeSource(DatasetSource):
    """Verified Facebook pages that like each other; features are words, class the page type.

    Source: github.com/benedekrozemberczki/MUSAE, `input` (repository GPL-3.0; none for the data).
    Reference: Rozemberczki, Allen and Sarkar 2021, "Multi-Scale Attributed Node Embedding".
    Departure: none. The 179 self-loops of the source stay.

    Counts:
        facebook: N=22,470, E=171,002, F=4,714, C=4 (in alphabetical order). No published split.
    """

    family = "musae"

    def folder(self) -> str:
        """Return `musae/facebook`."""
        return f"{self.family}/{self.name}"

    def files(self) -> Mapping[str, str]:
        """Return edges, features and classes."""
        return {
            "facebook_edges.csv": f"{URL}/edges/facebook_edges.csv",
            "facebook.json": f"{URL}/features/facebook.json",
            "facebook_target.csv": f"{URL}/target/facebook_target.csv",
        }

    def read(self, folder: Path) -> Dataset:
        """Read the three files."""
        labels = _read_labels(folder / "facebook_target.csv")
        edges = np.loadtxt(folder / "facebook_edges.csv", delimiter=",", skiprows=1, dtype=np.int64, ndmin=2)
        return Dataset(
            self.name,
            self.family,
            _read_features(folder / "facebook.json", len(labels)),
            labels,
            undirected_csr(edges[:, 0], edges[:, 1], len(labels)),
            num_classes=len(PAGE_TYPES),
        )


def _read_labels(path: Path) -> Int64Array:
    with path.open(newline="", encoding="utf-8") as lines:
        rows = [(int(row["id"]), row["page_type"]) for row in csv.DictReader(lines)]
    for position, (node, _) in enumerate(rows):
        if node != position:
            raise DatasetError(f"Expected `id` to count from 0 (got {node} in row {position}). Restore {path.name}.")
    unknown = [(node, page_type) for node, page_type in rows if page_type not in PAGE_TYPES]
    if unknown:
        raise DatasetError(
            f"Expected `page_type` to be one of {', '.join(PAGE_TYPES)} (got '{unknown[0][1]}' at node "
            f"{unknown[0][0]}). Restore the file."
        )
    return np.array([PAGE_TYPES.index(page_type) for _, page_type in rows], dtype=np.int64)


def _read_features(path: Path, num_nodes: int) -> Features:
    words = json.loads(path.read_text(encoding="utf-8"))
    lengths = [len(columns) for columns in words.values()]
    rows = np.repeat([int(node) for node in words], lengths)
    cols = np.array([column for columns in words.values() for column in columns], dtype=np.int64)
    return row_normalized(pattern_csr(rows, cols, num_nodes, int(cols.max(initial=-1)) + 1))


datasets.register("facebook")(MusaeSource("facebook"))
