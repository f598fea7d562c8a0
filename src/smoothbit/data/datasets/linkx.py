"""Social graphs of the LINKX paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from smoothbit.data.dataset import Dataset
from smoothbit.data.datasets.registry import DatasetSource, datasets
from smoothbit.data.optional import optional_module
from smoothbit.data.transforms import pattern_csr, row_normalized, standardized, undirected_csr
from smoothbit.errors import DatasetError
from smoothbit.numerics.features import Features
from smoothbit.typing import AnyArray

URL = "https://github.com/CUAI/Non-Homophily-Large-Scale/raw/master/data"
GENDER_COLUMN = 1


class LinkxSource(DatasetSource):
    """Base: one MATLAB file `data.mat`.

    Source: github.com/CUAI/Non-Homophily-Large-Scale, `data` (no licence stated).
    Reference: Lim et al. 2021, "Large Scale Learning on Non-Homophilous Graphs".

    Args:
        name: Canonical name, also the folder's.
        remote_name: Path of the file below the source's `data`.
    """

    family = "linkx"

    def __init__(self, name: str, remote_name: str) -> None:
        super().__init__(name)
        self.remote_name = remote_name

    def folder(self) -> str:
        """Return `linkx/<name>/raw`."""
        return f"{self.family}/{self.name}/raw"

    def files(self) -> Mapping[str, str]:
        """Return the one raw file."""
        return {"data.mat": f"{URL}/{self.remote_name}"}

    def matrices(self, folder: Path) -> dict[str, Any]:
        """Return the variables of the file."""
        reader = optional_module("scipy.io", "scipy")
        variables: dict[str, Any] = reader.loadmat(str(folder / "data.mat"))
        return variables


class Facebook100Source(LinkxSource):
    """Friendships in one college; features one-hot metadata, class the gender (-1: not stated).

    Reference: Traud, Mucha and Porter 2012, "Social structure of Facebook networks".
    Departure: features stay sparse, with a row factor. The splits of penn94 are a pickle and are
        left out.

    Counts:
        penn94: N=41,554, E=1,362,229, F=4,814, C=2.
        reed98: N=962, E=18,812, F=745, C=2.
        amherst41: N=2,235, E=90,954, F=1,193, C=2.
        cornell5: N=18,660, E=790,777, F=4,735, C=2, 1,838 unlabelled.
        johnshopkins55: N=5,180, E=186,586, F=2,406, C=2.
    """

    def read(self, folder: Path) -> Dataset:
        """Read adjacency `A` and metadata `local_info` [N, 7]."""
        variables = self.matrices(folder)
        metadata = variables["local_info"].astype(np.int64)
        ends = variables["A"].tocoo()
        return Dataset(
            self.name,
            self.family,
            one_hot_columns(np.delete(metadata, GENDER_COLUMN, axis=1)),
            metadata[:, GENDER_COLUMN] - 1,
            undirected_csr(ends.row, ends.col, len(metadata)),
            num_classes=2,
        )


class GeniusSource(LinkxSource):
    """Followers on genius.com; 12 real features, class: marked as gone (ROC AUC).

    Reference: Lim and Benson 2021, "Expertise and Dynamics within Crowdsourced Musical Knowledge".
    Departure: undirected (PyG keeps 984,979 directed entries); features standardised.

    Counts:
        genius: N=421,961, E=922,868, F=12, C=2.
    """

    def read(self, folder: Path) -> Dataset:
        """Read `edge_index`, `node_feat` and `label`."""
        variables = self.matrices(folder)
        features, ends = variables["node_feat"], variables["edge_index"].astype(np.int64)
        if not np.isfinite(features).all():
            node = int(np.argmax(~np.isfinite(features).all(axis=1)))
            raise DatasetError(
                f"Expected `node_feat` to be finite (got {features[node]} at node {node}). Remove such values."
            )
        return Dataset(
            self.name,
            self.family,
            standardized(features),
            variables["label"].astype(np.int64).reshape(-1),
            undirected_csr(ends[0], ends[1], len(features)),
            num_classes=2,
            metric="roc_auc",
        )


def one_hot_columns(metadata: AnyArray) -> Features:
    """Return one feature for each distinct value of each column [N, M], sparse and row-normalised.

    0 ("not stated") is a value like the others, as in PyG.
    """
    codes, offset = [], 0
    for column in metadata.T:
        values, code = np.unique(column, return_inverse=True)
        codes.append(code.reshape(-1) + offset)
        offset += len(values)
    rows = np.tile(np.arange(len(metadata)), len(codes))
    return row_normalized(pattern_csr(rows, np.concatenate(codes), len(metadata), offset))


for _name, _remote_name in (
    ("penn94", "Penn94.mat"),
    ("reed98", "Reed98.mat"),
    ("amherst41", "Amherst41.mat"),
    ("cornell5", "Cornell5.mat"),
    ("johnshopkins55", "Johns%20Hopkins55.mat"),
):
    datasets.register(_name)(Facebook100Source(_name, f"facebook100/{_remote_name}"))
datasets.register("genius")(GeniusSource("genius", "genius.mat"))
