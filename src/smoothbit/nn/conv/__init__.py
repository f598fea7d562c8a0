"""Quantized layers, one file each."""

from __future__ import annotations

from smoothbit.nn.conv.aggregation import Aggregation as Aggregation
from smoothbit.nn.conv.linear import IdentityMapping as IdentityMapping
from smoothbit.nn.conv.linear import QuantLinear as QuantLinear
