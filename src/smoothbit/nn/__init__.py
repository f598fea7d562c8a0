"""Quantized graph neural networks in torch."""

from __future__ import annotations

from smoothbit.nn.conv import QuantLinear as QuantLinear
from smoothbit.nn.graph import TorchGraph as TorchGraph
from smoothbit.nn.hidden_states import hidden_states as hidden_states
from smoothbit.nn.inputs import Inputs as Inputs
from smoothbit.nn.inputs import input_kind as input_kind
from smoothbit.nn.inputs import inputs_from_features as inputs_from_features
from smoothbit.nn.models import MODELS as MODELS
from smoothbit.nn.models import Network as Network
from smoothbit.nn.models import NetworkConfig as NetworkConfig
from smoothbit.nn.models import SMPNet as SMPNet
from smoothbit.nn.models.smp_net import SMPNetConfig as SMPNetConfig
from smoothbit.nn.propagation import PROPAGATIONS as PROPAGATIONS
from smoothbit.nn.simulation import simulate as simulate
from smoothbit.quant import bypass as bypass
