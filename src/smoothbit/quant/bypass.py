"""Run a quantized network in float32: as a teacher, or to see what quantization costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def bypass(model: nn.Module) -> Iterator[None]:
    """Let `model` compute in float32 inside the block: the network it was made from, with today's weights.

    Every module inside that has a flag `is_bypassed` is told: quantizers and converted layers.

    Example:
        with bypass(model), torch.no_grad():
            teacher = model(x, edge_index)
    """
    switched = [module for module in model.modules() if getattr(module, "is_bypassed", None) is False]
    for module in switched:
        module.is_bypassed = True  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in switched:
            module.is_bypassed = False  # type: ignore[assignment]
