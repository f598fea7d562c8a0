"""Reader of the `.npz` layout of gnn-benchmark and graph2gauss: two CSR matrices and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smoothbit.data.dataset import Dataset
from smoothbit.data.transforms import pattern_csr, row_normalized, undirected_csr
from smoothbit.errors import DatasetError
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.typing import AnyArray


def read_npz_graph(path: Path, name: str, family: str, num_classes: int) -> Dataset:
    """Read `adj_*`, `attr_*` and `labels` as PyG's `read_npz` does, without its dense [N, F] matrix.

    Every positive feature becomes 1, edges become undirected, self-loops and zero entries go.
    """
    # Opened here, because `np.load` leaves a file open that turns out to be damaged.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        adjacency = _graph({key: arrays[f"adj_{key}"] for key in ("data", "indices", "indptr", "shape")})
        features = _features({key: arrays[f"attr_{key}"] for key in ("data", "indices", "indptr", "shape")})
        labels = arrays["labels"].astype(np.int64)
    return Dataset(name, family, features, labels, adjacency, num_classes)


def _graph(part: dict[str, AnyArray]) -> CSR:
    # PyG keeps explicit zeros of the adjacency as edges, so no value is looked at.
    return undirected_csr(_entry_rows(part), part["indices"], int(part["shape"][0]), keep_self_loops=False)


def _features(part: dict[str, AnyArray]) -> Features:
    if not np.isfinite(part["data"]).all():
        entry = int(np.argmax(~np.isfinite(part["data"])))
        raise DatasetError(
            f"Expected `attr_data` to be finite (got {part['data'][entry]} at entry {entry}). "
            "Remove or impute such values."
        )
    is_set = part["data"] > 0
    num_rows, num_cols = (int(size) for size in part["shape"])
    return row_normalized(pattern_csr(_entry_rows(part)[is_set], part["indices"][is_set], num_rows, num_cols))


def _entry_rows(part: dict[str, AnyArray]) -> AnyArray:
    lengths = np.diff(part["indptr"])
    described = (len(lengths), int(lengths.sum()), int(lengths.sum()))
    stored = (int(part["shape"][0]), len(part["indices"]), len(part["data"]))
    if described != stored:
        raise DatasetError(
            f"Expected `indptr` to describe {stored[1]} entries in {stored[0]} rows with {stored[2]} values "
            f"(got {described[1]} in {described[0]}). Restore the file."
        )
    return np.repeat(np.arange(len(lengths)), lengths)
