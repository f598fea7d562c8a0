"""A data set as a graph file, for machines without the readers of the data sets."""

from __future__ import annotations

from pathlib import Path

from smoothbit.data import Dataset
from smoothbit.formats import GraphFile, PackedFeatures, write_graph
from smoothbit.numerics.features import Features
from smoothbit.numerics.node_order import NodeOrder


def export_graph(
    dataset: Dataset,
    path: str | Path,
    order: NodeOrder | None = None,
    features: Features | PackedFeatures | None = None,
) -> GraphFile:
    """Write adjacency, features and labels of a data set.

    Args:
        dataset: Data set.
        path: Target, by convention `*.smoothbit`; replaced in one step.
        order: Order of nodes that runs are to use; the caller's own needs no place in the file.
        features: What to write in place of the data set's own, e.g. `Model.pack_features` of them; or None.
    """
    graph = GraphFile(
        adjacency=dataset.adjacency,
        features=dataset.features if features is None else features,
        labels=dataset.labels,
        name=dataset.name,
        num_classes=dataset.num_classes,
        order=None if order is None or order.is_identity else order,
    )
    write_graph(path, graph)
    return graph
