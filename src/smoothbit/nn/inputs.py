"""Node features as tensors: dense, or sparse with the row factor apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smoothbit.nn.sparse import SparsePattern
from smoothbit.numerics.features import Features


@dataclass(frozen=True)
class Inputs:
    """Feature matrix X = diag(row_scale) M.

    Args:
        values: M as dense [N, F] float32, or the stored entries [E] float32 of `pattern`.
        pattern: Pattern of a sparse M [N, F], or None.
        row_scale: [N, 1] float32, or None.
        features: The same features below the torch line.
    """

    values: Tensor
    pattern: SparsePattern | None
    row_scale: Tensor | None
    features: Features

    @property
    def kind(self) -> str:
        """One of "binary" (sparse, all stored entries 1), "sparse", "dense"."""
        return input_kind(self.features)


def input_kind(features: Features) -> str:
    """Return "binary" (sparse, all stored entries 1), "sparse" or "dense"."""
    if isinstance(features.matrix, np.ndarray):
        return "dense"
    return "binary" if features.matrix.values is None else "sparse"


def inputs_from_features(features: Features) -> Inputs:
    """Turn features into tensors; sparse features stay sparse, dense ones take in their row factor."""
    scale = None if features.row_scale is None else torch.from_numpy(features.row_scale)[:, None]
    if isinstance(features.matrix, np.ndarray):
        dense = torch.from_numpy(features.matrix)
        return Inputs(dense if scale is None else dense * scale, None, None, features)
    stored = features.matrix.values
    values = torch.ones(features.matrix.num_entries) if stored is None else torch.from_numpy(stored)
    return Inputs(values, SparsePattern(features.matrix), scale, features)
