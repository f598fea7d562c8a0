"""Layers of PyG and torch in quantized form, one file each; importing a file registers it."""

from __future__ import annotations

from smoothbit.nn.layers.appnp import QuantAPPNP as QuantAPPNP
from smoothbit.nn.layers.base import LAYERS as LAYERS
from smoothbit.nn.layers.base import QuantLayer as QuantLayer
from smoothbit.nn.layers.base import QuantModule as QuantModule
from smoothbit.nn.layers.base import convert as convert
from smoothbit.nn.layers.cheb_conv import QuantChebConv as QuantChebConv
from smoothbit.nn.layers.gat_conv import QuantGATConv as QuantGATConv
from smoothbit.nn.layers.gatv2_conv import QuantGATv2Conv as QuantGATv2Conv
from smoothbit.nn.layers.gcn2_conv import QuantGCN2Conv as QuantGCN2Conv
from smoothbit.nn.layers.gcn_conv import QuantGCNConv as QuantGCNConv
from smoothbit.nn.layers.gin_conv import QuantGINConv as QuantGINConv
from smoothbit.nn.layers.graph_conv import QuantGraphConv as QuantGraphConv
from smoothbit.nn.layers.linear import QuantLinear as QuantLinear
from smoothbit.nn.layers.linear import QuantPyGLinear as QuantPyGLinear
from smoothbit.nn.layers.plain import PLAIN as PLAIN
from smoothbit.nn.layers.rgcn_conv import QuantRGCNConv as QuantRGCNConv
from smoothbit.nn.layers.sage_conv import QuantSAGEConv as QuantSAGEConv
from smoothbit.nn.layers.sg_conv import QuantSGConv as QuantSGConv
from smoothbit.nn.layers.transformer_conv import QuantTransformerConv as QuantTransformerConv
