"""A data set and a split, as tensors ready for training."""

from __future__ import annotations

import torch

from smoothbit.data import Dataset, Split
from smoothbit.engine import PreparedGraph
from smoothbit.engine.backend import KernelBackend
from smoothbit.engine.runner import run_plan
from smoothbit.nn import Network, TorchGraph, inputs_from_features
from smoothbit.train.metrics import cross_entropy, evaluate
from smoothbit.typing import BoolArray, Float32Array


class Task:
    """What a network is trained and judged on.

    Args:
        dataset: Graph, features, labels.
        split: Training, validation and test nodes.
    """

    def __init__(self, dataset: Dataset, split: Split) -> None:
        self.dataset = dataset
        self.split = split
        self.prepared = PreparedGraph(dataset.adjacency)
        self.graph = TorchGraph(self.prepared)
        self.inputs = inputs_from_features(dataset.features)
        self.backend = KernelBackend(num_threads=1)
        self.train_nodes = torch.from_numpy(split.train.nonzero()[0])
        self.train_labels = torch.from_numpy(dataset.labels[split.train])

    def scores(self, model: Network) -> Float32Array:
        """Return class scores [N, C]: those the engine will give, up to float rounding in FP32.

        A quantized network runs in the engine's kernels: it is judged by what they will answer.
        """
        if not model.config.quant.is_float:
            return run_plan(model.to_plan(), self.prepared, self.dataset.features, self.backend).scores
        return model.evaluate(self.inputs, self.graph)

    def accuracy(self, scores: Float32Array, nodes: BoolArray) -> float:
        """Return the data set's metric over `nodes`."""
        return evaluate(self.dataset.metric, self.dataset.labels, scores, nodes)

    def loss(self, scores: Float32Array, nodes: BoolArray) -> float:
        """Return the cross-entropy over `nodes`."""
        return cross_entropy(self.dataset.labels, scores, nodes)
