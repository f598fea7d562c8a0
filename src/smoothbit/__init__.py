"""smoothbit: graph neural networks in 1, 2, 4 and 8 bits, from features to scores."""

from __future__ import annotations

__version__ = "0.1.0"

_HOMES = {
    "QuantConfig": "smoothbit.quant",
    "bypass": "smoothbit.quant",
    "calibrate": "smoothbit.quant",
    "export_onnx": "smoothbit.export.onnx",
    "from_pretrained": "smoothbit.hub",
    "load": "smoothbit.engine",
    "quantize_": "smoothbit.nn.conversion",
    "save_pretrained": "smoothbit.hub",
    "verify": "smoothbit.export.pyg",
}
"""Public names and where they are; loaded when they are asked for, so that the engine does without torch."""


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name == "export":
        return import_module("smoothbit.export")  # a package that is called
    if name not in _HOMES:
        raise AttributeError(f"module 'smoothbit' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "export"})
