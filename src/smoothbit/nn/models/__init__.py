"""Networks, one file each; importing a file registers its name."""

from __future__ import annotations

from smoothbit.nn.models.base import MODELS as MODELS
from smoothbit.nn.models.base import Network as Network
from smoothbit.nn.models.base import NetworkConfig as NetworkConfig
from smoothbit.nn.models.gcn import GCN as GCN
from smoothbit.nn.models.gcnii import GCNII as GCNII
from smoothbit.nn.models.mlp import MLP as MLP
from smoothbit.nn.models.sgc import SGC as SGC
from smoothbit.nn.models.smp_net import SMPNet as SMPNet
