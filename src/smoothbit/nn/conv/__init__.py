"""Quantized layers, one file each."""

from __future__ import annotations

from smoothbit.nn.conv.linear import QuantLinear as QuantLinear
