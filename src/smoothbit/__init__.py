"""smoothbit: graph neural networks in 1, 2, 4 and 8 bits, from features to scores."""

from __future__ import annotations

__version__ = "0.1.0"

_TRAINING = {
    "QuantConfig": "smoothbit.quant",
    "bypass": "smoothbit.quant",
    "calibrate": "smoothbit.quant",
    "quantize_": "smoothbit.nn.conversion",
}
"""Names that need torch, and where they are; loaded when they are asked for, so that the engine does without."""


def __getattr__(name: str) -> object:
    if name not in _TRAINING:
        raise AttributeError(f"module 'smoothbit' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_TRAINING[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_TRAINING})
