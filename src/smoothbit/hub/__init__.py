"""A packed model as a folder in the layout of model hubs: config.json, model.safetensors, README.md. No network."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from smoothbit.hub.card import Card as Card
from smoothbit.hub.card import Measurement as Measurement
from smoothbit.hub.folder import from_pretrained as from_pretrained
from smoothbit.hub.folder import save_pretrained as save_pretrained

if TYPE_CHECKING:
    from smoothbit.hub.measure import measure_model as measure_model


def __getattr__(name: str) -> object:
    """Import what measures only when it is asked for: it needs the extra `bench`."""
    if name != "measure_model":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return importlib.import_module(f"{__name__}.measure").measure_model
