"""A data set as a graph file, for machines without the readers of the data sets."""

from __future__ import annotations

from pathlib import Path

from smoothbit.data import Dataset
from smoothbit.formats import GraphFile, write_graph


def export_graph(dataset: Dataset, path: str | Path) -> GraphFile:
    """Write adjacency, features and labels of a data set.

    Args:
        dataset: Data set.
        path: Target, by convention `*.smoothbit`; replaced in one step.
    """
    graph = GraphFile(
        adjacency=dataset.adjacency,
        features=dataset.features,
        labels=dataset.labels,
        name=dataset.name,
        num_classes=dataset.num_classes,
    )
    write_graph(path, graph)
    return graph
