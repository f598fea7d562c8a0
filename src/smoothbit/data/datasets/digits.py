"""Handwritten digits as a nearest-neighbour graph: real data without a download."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from smoothbit.data.dataset import Dataset
from smoothbit.data.datasets.registry import DatasetSource, datasets
from smoothbit.data.optional import optional_module
from smoothbit.data.transforms import undirected_csr
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import Int64Array

NUM_NEIGHBOURS = 10
LARGEST_PIXEL = 16


class DigitsSource(DatasetSource):
    """Images of 8 x 8 pixels (0 .. 16, stored / 16), each joined to its 10 nearest images.

    Source: `sklearn.datasets.load_digits` (scikit-learn, BSD-3-Clause); the data is CC BY 4.0.
    Reference: Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI.
    Departure: neighbours are found from exact integer distances, of equals the lower node number.
        62 images have a tie at the tenth place, where the searches of scikit-learn differ from
        each other, so that the graph would depend on its version.

    Counts:
        digits: N=1,797, E=12,339, F=64, C=10. No published split.
    """

    family = "builtin"

    def folder(self) -> str:
        """Return the family's name; no file is looked for."""
        return self.family

    def files(self) -> Mapping[str, str]:
        """Return no files."""
        return {}

    def read(self, folder: Path) -> Dataset:
        """Build the dataset; `folder` is not used."""
        digits = optional_module("sklearn.datasets", "scikit-learn").load_digits()
        pixels = digits.data.astype(np.int64)
        return Dataset(
            self.name,
            self.family,
            Features((pixels / LARGEST_PIXEL).astype(np.float32)),
            digits.target.astype(np.int64),
            nearest_neighbours(pixels, NUM_NEIGHBOURS),
            num_classes=10,
        )


def nearest_neighbours(points: Int64Array, num_neighbours: int) -> CSR:
    """Return the undirected graph that joins each point to its nearest others.

    Args:
        points: Integer coordinates [N, F], int64.
        num_neighbours: Neighbours that each point chooses; one chosen from both sides is one edge.
    """
    squares = (points * points).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * (points @ points.T)
    np.fill_diagonal(distances, np.iinfo(np.int64).max)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :num_neighbours]
    sources = np.repeat(np.arange(len(points)), nearest.shape[1])
    return undirected_csr(sources, nearest.reshape(-1), len(points))


datasets.register("digits")(DigitsSource("digits"))
