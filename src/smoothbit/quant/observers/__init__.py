"""Observers: how the range of a tensor is gathered during training."""

from __future__ import annotations

from smoothbit.quant.observers.min_max import MinMaxObserver as MinMaxObserver
