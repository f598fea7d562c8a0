"""Quality of class scores on a set of nodes."""

from __future__ import annotations

import numpy as np

from smoothbit.data.optional import optional_module
from smoothbit.errors import DatasetError
from smoothbit.typing import BoolArray, Float32Array, Int64Array


def evaluate(metric: str, labels: Int64Array, scores: Float32Array, nodes: BoolArray) -> float:
    """Return the metric over the selected nodes, in [0, 1].

    Args:
        metric: "accuracy" or "roc_auc" (two classes).
        labels: Class of each node [N], int64.
        scores: Class scores [N, C], float32.
        nodes: Selected nodes [N], bool.

    Raises:
        DatasetError: no node is selected, or ROC AUC is asked of one class.
    """
    truth, chosen = labels[nodes], scores[nodes]
    if len(truth) == 0:
        raise DatasetError("Expected `nodes` to select at least one node (got none). Choose another split.")
    if metric == "roc_auc":
        return _roc_auc(truth, chosen)
    return float((chosen.argmax(axis=1) == truth).mean())


def cross_entropy(labels: Int64Array, scores: Float32Array, nodes: BoolArray) -> float:
    """Return the mean cross-entropy over the selected nodes, in nats, computed in float64."""
    chosen = scores[nodes].astype(np.float64)
    shifted = chosen - chosen.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=1))
    return float((log_total - shifted[np.arange(len(shifted)), labels[nodes]]).mean())


def _roc_auc(truth: Int64Array, scores: Float32Array) -> float:
    if truth.min() == truth.max():
        raise DatasetError(
            f"Expected `nodes` to hold both classes for ROC AUC (got only class {truth[0]}). Choose another split."
        )
    sklearn_metrics = optional_module("sklearn.metrics", "scikit-learn")
    return float(sklearn_metrics.roc_auc_score(truth, scores[:, 1] - scores[:, 0]))
