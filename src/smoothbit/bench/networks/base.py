"""What a network of another library is, and what such networks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from smoothbit.bench.network import RandomNetwork
from smoothbit.bench.peers.base import find_module
from smoothbit.bench.peers.torch_csr import csr_tensor
from smoothbit.engine import PreparedGraph
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features
from smoothbit.registry import Registry

Network: TypeAlias = Callable[[RandomNetwork, PreparedGraph, Features], Callable[[], Any]]
NETWORKS: Registry[Network] = Registry("network")
"""Networks by name: functions that return a callable giving scores, or raise `PeerSkippedError`."""


def torch_features(features: Features) -> Any:
    """Return the features as a dense tensor, or as a CSR tensor when they are sparse."""
    torch, matrix = find_module("torch"), features.matrix
    if not isinstance(matrix, CSR):
        return torch.from_numpy(features.to_dense())
    values = np.ones(matrix.num_entries, np.float32) if matrix.values is None else matrix.values
    if features.row_scale is not None:
        values = values * features.row_scale[matrix.entry_rows()]
    return csr_tensor(CSR(matrix.indptr, matrix.indices, matrix.num_cols, values))
