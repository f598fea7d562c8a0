"""The same FP32 network in other libraries: one file for each, one line here for each file."""

from __future__ import annotations

from smoothbit.bench.networks import dgl_sum as dgl_sum
from smoothbit.bench.networks import pyg_appnp as pyg_appnp
from smoothbit.bench.networks import torch_sparse as torch_sparse
from smoothbit.bench.networks.base import NETWORKS as NETWORKS
