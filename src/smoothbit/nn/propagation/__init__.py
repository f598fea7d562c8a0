"""Message propagations, one file each; importing a file registers its name."""

from __future__ import annotations

from smoothbit.nn.propagation.appnp import APPNPPropagation as APPNPPropagation
from smoothbit.nn.propagation.base import PROPAGATIONS as PROPAGATIONS
from smoothbit.nn.propagation.base import Diffusion as Diffusion
from smoothbit.nn.propagation.base import Propagation as Propagation
from smoothbit.nn.propagation.elastic import ElasticPropagation as ElasticPropagation
from smoothbit.nn.propagation.gcn import GCNPropagation as GCNPropagation
from smoothbit.nn.propagation.smp import SMPPropagation as SMPPropagation
