"""Peers, found by import: one file for each, one line here for each file."""

from __future__ import annotations

from smoothbit.bench.peers import dgl as dgl
from smoothbit.bench.peers import embedding_bag as embedding_bag
from smoothbit.bench.peers import mkl_csr as mkl_csr
from smoothbit.bench.peers import pyg_edge_index as pyg_edge_index
from smoothbit.bench.peers import pyg_message_passing as pyg_message_passing
from smoothbit.bench.peers import scipy_csr as scipy_csr
from smoothbit.bench.peers import torch_csr as torch_csr
from smoothbit.bench.peers.base import PEERS as PEERS
from smoothbit.bench.peers.base import Peer as Peer
from smoothbit.bench.peers.base import PeerSkippedError as PeerSkippedError
from smoothbit.bench.peers.base import Product as Product
