"""Datasets by name: one file for each source, one line here for each file."""

from __future__ import annotations

from pathlib import Path

from smoothbit.data.dataset import Dataset
from smoothbit.data.datasets import citation_full as citation_full
from smoothbit.data.datasets import digits as digits
from smoothbit.data.datasets import gnn_benchmark as gnn_benchmark
from smoothbit.data.datasets import heterophilous as heterophilous
from smoothbit.data.datasets import linkx as linkx
from smoothbit.data.datasets import musae as musae
from smoothbit.data.datasets import planetoid as planetoid
from smoothbit.data.datasets.registry import DatasetSource as DatasetSource
from smoothbit.data.datasets.registry import datasets as datasets


def load_dataset(name: str, data_root: str | Path | None = None, cache_dir: str | Path | None = None) -> Dataset:
    """Load a dataset by name, whatever its case; nothing is written under the data root.

    Args:
        name: A name in `datasets.names()`, e.g. "Cora", "Photo", "cornell5", "digits".
        data_root: Folder laid out as `<family>/<name>/raw`; None takes $SMOOTHBIT_DATA if set. A set
            that is not there is taken from the cache, or downloaded into it.
        cache_dir: Folder for downloads; None takes $SMOOTHBIT_CACHE, else ~/.cache/smoothbit.

    Returns:
        The dataset, checked.

    Raises:
        ArgumentError: no such name; the message lists all and the nearest.
        DatasetError: files are missing and cannot be downloaded, or are damaged or inconsistent.
        MissingExtraError: the reader's package is not installed.

    Example:
        >>> load_dataset("digits").num_classes
        10
    """
    return datasets.resolve(name).load(data_root, cache_dir)
