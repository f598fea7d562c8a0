"""smoothbit: graph neural networks in 1, 2, 4 and 8 bits, from features to scores."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smoothbit.export.onnx import export_onnx as export_onnx
    from smoothbit.hub import from_pretrained as from_pretrained
    from smoothbit.hub import save_pretrained as save_pretrained

__version__ = "0.1.0"

_HOMES = {
    "export_onnx": "export.onnx",
    "from_pretrained": "hub",
    "save_pretrained": "hub",
}


def __getattr__(name: str) -> object:
    """Import what is asked for: nothing else is loaded, torch least of all."""
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
